import { test } from 'tap'
import { createApp } from '../support/app.ts'
import { fakeClock } from '../support/clock.ts'
import { deferred } from '../support/handshakes.ts'
import { uncaught } from '../support/uncaught.ts'
import { turn, until } from '../support/until.ts'
import { visitors } from './visitors.ts'

const SCHEMA = { schema: { message: { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } } } } as const
const FAILED = 'publishing to a topic failed'

test('a publish that fails and is not awaited ends no process: it is logged, with the topic', async t => {
  const found = uncaught(t)
  const app = createApp(t)
  const news = app.topic('/rooms/:room', SCHEMA)
  await app.ready()
  void news.publish({ room: 'a' }, {} as never)
  await until(() => app.lines.some(({ msg }) => msg === FAILED))
  t.match(app.lines.filter(({ msg }) => msg === FAILED), [{ level: 50, topic: '/rooms/:room', untold: 0, err: { code: 'FST_ERR_WS_INVALID_PUBLISH' } }])
  t.strictSame(found, [])
})

test('one is logged in a second, and how many were not', async t => {
  const found = uncaught(t)
  const clock = fakeClock(t, 'performance')
  const app = createApp(t)
  const news = app.topic('/news', SCHEMA)
  await app.ready()
  const logged = (): any[] => app.lines.filter(({ msg }) => msg === FAILED).map(({ topic, untold }) => [topic, untold])
  for (let i = 0; i < 5; i++) void news.publish({} as never)
  await turn()
  await turn()
  t.same(logged(), [['/news', 0]])
  clock.tick(999)
  void news.publish({} as never)
  await turn()
  await turn()
  t.equal(logged().length, 1)
  clock.tick(1)
  void app.sockets.publish('/wrong', 'm')
  void app.sockets.publish('', 'm')
  await turn()
  await turn()
  t.same(logged(), [['/news', 0], ['/wrong', 5]])
  clock.tick(1000)
  void app.sockets.publish(Symbol('name') as never, 'm')
  await turn()
  await turn()
  t.same(logged()[2], ['Symbol(name)', 1])
  t.strictSame(found, [])
})

test('a subscribe that fails and is not awaited goes to onError, whatever is wrong with it', async t => {
  const found = uncaught(t)
  const errors: any[] = []
  const app = createApp(t)
  const visit = visitors(app, { ws: { onError: (error: unknown) => { errors.push(error) } } })
  const rooms = app.topic('/rooms/:room')
  const { socket } = await visit()
  void socket.subscribe('/wrong')
  void socket.subscribe(rooms, {} as never)
  void socket.subscribe('news', { as: '' })
  void socket.subscribe('news', { begin: async () => { throw new Error('of begin') } })
  await until(() => errors.length === 4)
  t.same(errors.map(({ code, message }) => code ?? message).sort(), ['FST_ERR_WS_TOPIC_NAME', 'FST_ERR_WS_TOPIC_OPTION', 'FST_ERR_WS_TOPIC_PARAMS', 'of begin'])
  t.strictSame(found, [])
  t.strictSame(app.lines.filter(({ msg }) => msg === FAILED), [])
})

test('by default that logs it and closes with 1011', async t => {
  const app = createApp(t)
  const visit = visitors(app)
  const { socket, client } = await visit()
  const closed = new Promise<any>(resolve => { client.once('close', resolve) })
  void socket.subscribe('/wrong')
  t.match(await closed, { code: 1011 })
  t.match(app.lines.filter(({ level }) => level >= 50), [{ err: { code: 'FST_ERR_WS_TOPIC_NAME' } }])
})

test('a subscribe that the end of the connection has cut short is no failure', async t => {
  const found = uncaught(t)
  const errors: unknown[] = []
  const app = createApp(t)
  const visit = visitors(app, { ws: { onError: (error: unknown) => { errors.push(error) } } })
  const { socket, client } = await visit()
  const begun = deferred()
  void socket.subscribe('news', { begin: () => begun.promise })
  client.terminate()
  await until(() => app.sockets.size === 0)
  void socket.subscribe('late')
  begun.resolve()
  await turn()
  await turn()
  t.strictSame([errors, found], [[], []])
})

test('what is awaited in any way is not logged as well', async t => {
  const found = uncaught(t)
  const errors: unknown[] = []
  const app = createApp(t)
  const visit = visitors(app, { ws: { onError: (error: unknown) => { errors.push(error) } } })
  const news = app.topic('/news', SCHEMA)
  const { socket } = await visit()
  const calls: Array<() => Promise<unknown>> = [() => news.publish({} as never), () => app.sockets.publish('', 'm'), () => socket.subscribe('')]
  for (const call of calls) {
    await t.rejects(call())
    await t.rejects(Promise.all([call(), call()]))
    await t.rejects((async () => call())())
    await t.rejects(Promise.resolve(call()))
    t.match(await Promise.allSettled([call()]), [{ status: 'rejected' }])
    t.type(await call().catch(error => error), Error)
    t.type(await call().then(() => {}, error => error), Error)
    t.type(await call().finally(() => {}).catch(error => error), Error)
    t.equal(call().then(() => {}, () => {}).constructor, Promise, 'what it makes are ordinary promises')
    t.ok(call().catch(() => {}) instanceof Promise)
  }
  await turn()
  await turn()
  t.strictSame([found, errors, app.lines.filter(({ msg }) => msg === FAILED)], [[], [], []])
})

test('what is derived from it and not awaited is an ordinary rejection', async t => {
  const found = uncaught(t)
  const app = createApp(t)
  await app.ready()
  void app.sockets.publish('', 'm').then(() => {})
  await until(() => found.length === 1)
  t.match(found, [{ code: 'FST_ERR_WS_TOPIC_NAME' }])
})

test('questions that fail and are not awaited are nobody\'s business', async t => {
  const found = uncaught(t)
  const app = createApp(t)
  const news = app.topic('/news')
  await app.ready()
  void news.history()
  void news.members()
  void news.count()
  await turn()
  await turn()
  t.strictSame([found, app.lines.filter(({ level }) => level >= 40)], [[], []])
})

test('before the app is ready nothing is there to log to, and nothing ends the process', async t => {
  const found = uncaught(t)
  const app = createApp(t)
  const news = app.topic('/news')
  void news.publish('m')
  await turn()
  await turn()
  t.strictSame(found, [])
  await app.ready()
})

test('a logger that throws, or an error that cannot be read, ends no process either', async t => {
  const found = uncaught(t)
  const app = createApp(t)
  const news = app.topic('/news', { schema: { message: { type: 'object', properties: { n: { type: 'string' } } } } })
  await app.ready()
  const error = Object.defineProperty(new Error('unreadable'), 'message', { get () { throw new Error('not to be read') } })
  void news.publish({ get n () { throw error } } as never)
  await until(() => app.lines.some(({ msg }) => msg === FAILED))
  t.strictSame(found, [])
  const other = createApp(t)
  const quiet = other.topic('/news', SCHEMA)
  await other.ready()
  let calls = 0
  t.intercept(other.log, 'error', { value: () => { calls++; throw new Error('of the logger') } })
  void quiet.publish({} as never)
  await until(() => calls > 0)
  await turn()
  t.strictSame(found, [])
})
