import type { LimitOptions } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { createApp } from '../support/app.ts'
import { fakeClock } from '../support/clock.ts'
import { turn, until } from '../support/until.ts'
import { errorOf, type Visitor, visitors } from './visitors.ts'

interface Relay extends Visitor {
  errors: any[]
  /** Resolves when the client has seen its end. */
  closed: Promise<any>
  publish: (message: string, options?: object) => Promise<unknown>
}

/** A socket that publishes to a topic with a history. */
async function relay (t: Test, limits: LimitOptions, own?: LimitOptions): Promise<Relay & { history: () => Promise<unknown[]>, second: () => Promise<Visitor> }> {
  const errors: any[] = []
  const app = createApp(t, { limits })
  const visit = visitors(app, { ws: { ...own && { limits: own } } })
  const news = app.topic('/news', { history: { size: 1000, ttl: 60_000 } })
  const visitor = await visit()
  visitor.socket.on('error', error => { errors.push(error) })
  const closed = new Promise(resolve => { visitor.client.once('close', resolve) })
  return {
    ...visitor,
    errors,
    closed,
    publish: (message, options = { except: visitor.socket }) => news.publish(message, options),
    history: async () => (await news.history()).map(({ message }) => message),
    second: visit
  }
}

test("over 'close', the default: a second's worth at once, and who publishes more is closed with 1013", async t => {
  fakeClock(t, 'performance')
  const { publish, history, errors, closed, socket } = await relay(t, { publishesPerSecond: 3 })
  for (const message of ['1', '2', '3']) await publish(message)
  t.match(await errorOf(() => publish('4')), { code: 'FST_ERR_WS_NOT_OPEN' })
  t.match(await closed, { code: 1013, reason: 'too many messages published a second' })
  t.match(errors, [{ code: 'FST_ERR_WS_OVER_RATE', closeCode: 1013, message: 'the peer sends more than limits.publishesPerSecond allow' }])
  t.strictSame(await history(), ['1', '2', '3'])
  t.equal((await errorOf(() => publish('5', { from: socket }))).code, 'FST_ERR_WS_NOT_OPEN', 'nor afterwards')
  t.equal(errors.length, 1, 'which is told once')
})

test('it fills again as time passes, up to a second\'s worth', async t => {
  const clock = fakeClock(t, 'performance')
  const { publish, errors } = await relay(t, { publishesPerSecond: 4 })
  const all = async (count: number): Promise<void> => { for (let i = 0; i < count; i++) await publish(`${i}`) }
  await all(4)
  clock.tick(250)
  await all(1)
  clock.tick(500)
  await all(2)
  clock.tick(5000)
  await all(4)
  t.equal((await errorOf(() => publish('5'))).code, 'FST_ERR_WS_NOT_OPEN')
  t.equal(errors.length, 1)
})

test("over 'pause': what is too much waits, in order, for no longer than a second", async t => {
  const clock = fakeClock(t, 'performance')
  const { publish, history, errors, socket } = await relay(t, { publishesPerSecond: 4, over: 'pause' })
  const done: string[] = []
  const all = Array.from({ length: 8 }, (_, i) => publish(`${i}`).then(() => { done.push(`${i}`) }))
  await until(() => done.length === 4)
  clock.tick(249)
  await turn()
  t.strictSame(done, ['0', '1', '2', '3'])
  clock.tick(1)
  await until(() => done.length === 5)
  clock.tick(500)
  await until(() => done.length === 7)
  clock.tick(250)
  await Promise.all(all)
  t.strictSame(done, ['0', '1', '2', '3', '4', '5', '6', '7'])
  t.strictSame(await history(), done)
  t.strictSame([errors, socket.state], [[], 'open'])
})

test('no more than a second\'s worth waits: who publishes more without waiting is closed', async t => {
  const clock = fakeClock(t, 'performance')
  const { publish, history, errors, closed } = await relay(t, { publishesPerSecond: 2, over: 'pause' })
  const all = Promise.allSettled(Array.from({ length: 5 }, (_, i) => publish(`${i}`)))
  t.match(await closed, { code: 1013 })
  clock.tick(1000)
  t.same((await all).map(({ status }) => status), ['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected'])
  t.equal(errors.length, 1)
  t.strictSame(await history(), ['0', '1', '2', '3'], 'what was taken is published')
})

test('one a second may wait as well', async t => {
  const clock = fakeClock(t, 'performance')
  const { publish, errors } = await relay(t, { publishesPerSecond: 1, over: 'pause' })
  await publish('1')
  const second = publish('2')
  await turn()
  clock.tick(1000)
  await second
  t.strictSame(errors, [])
})

test('who counts: the socket in `from`, else the one in `except`; each by itself, and nobody without either', async t => {
  fakeClock(t, 'performance')
  const { publish, socket, errors, second } = await relay(t, { publishesPerSecond: 1 })
  const other = await second()
  other.socket.on('error', error => { errors.push(error) })
  for (let i = 0; i < 5; i++) {
    await publish('for nobody', {})
    await publish('except a name', { except: 'name' })
  }
  await publish('1', { from: socket, except: other.socket })
  await publish('2', { except: other.socket })
  t.equal((await errorOf(() => publish('3', { from: other.socket, except: 'name' }))).code, 'FST_ERR_WS_NOT_OPEN')
  t.equal(socket.state, 'open')
  t.not(other.socket.state, 'open')
  t.equal(errors.length, 1)
})

test('the route\'s own limit wins, and false means none', async t => {
  fakeClock(t, 'performance')
  const none = await relay(t, { publishesPerSecond: 1 }, { publishesPerSecond: false })
  for (let i = 0; i < 10; i++) await none.publish(`${i}`)
  const own = await relay(t, { publishesPerSecond: false, over: 'pause' }, { publishesPerSecond: 1, over: 'close' })
  await own.publish('1')
  t.equal((await errorOf(() => own.publish('2'))).code, 'FST_ERR_WS_NOT_OPEN')
})

test('what is refused for another reason than the rate: a wrong value counts, wrong parameters and options do not', async t => {
  fakeClock(t, 'performance')
  const { publish, errors, socket } = await relay(t, { publishesPerSecond: 1 })
  t.equal((await errorOf(() => publish('1', { except: socket, id: 5 }))).code, 'FST_ERR_WS_TOPIC_OPTION')
  t.strictSame(errors, [])
  await publish('1')
  t.equal((await errorOf(() => publish('2'))).code, 'FST_ERR_WS_NOT_OPEN')
})
