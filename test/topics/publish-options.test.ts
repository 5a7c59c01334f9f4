import { test } from 'tap'
import { createApp } from '../support/app.ts'
import { until } from '../support/until.ts'
import { errorOf, visitors } from './visitors.ts'

const HISTORY = { size: 10, ttl: 60_000 }

test('options of a wrong type are refused, and named, for declared topics and for names', async t => {
  const app = createApp(t)
  const visit = visitors(app)
  const news = app.topic('/news', { history: HISTORY })
  const { socket, client, got } = await visit()
  await socket.subscribe(news)
  await socket.subscribe('talk')
  const noSocket = [null, 5, true, {}, [], () => {}, Symbol('x'), client, Object.create(socket), new Proxy(socket, {})]
  const rows: Array<[option: string, values: unknown[], expected: string]> = [
    ['except', noSocket, 'a name, or a socket of a WebSocket route'],
    ['from', [...noSocket, 'name'], 'a socket of a WebSocket route'],
    ['id', [null, 5, true, {}, [], Symbol('x')], 'a string']
  ]
  for (const [option, values, expected] of rows) {
    for (const value of values) {
      for (const call of [() => news.publish('m', { [option]: value }), () => app.sockets.publish('talk', 'm', { [option]: value })]) {
        const error = await errorOf(call)
        t.match(error, { code: 'FST_ERR_WS_TOPIC_OPTION', message: `the option '${option}' must be ${expected}` })
        t.ok(error instanceof TypeError)
      }
    }
  }
  t.strictSame(await news.history(), [])
  t.strictSame(got, [])
})

test('options may be absent in whatever way, and those of no meaning are ignored', async t => {
  const app = createApp(t)
  const visit = visitors(app)
  const news = app.topic('/news', { history: HISTORY })
  const { socket, got } = await visit()
  await socket.subscribe(news)
  const absent: any[] = [undefined, null, {}, { except: undefined, from: undefined, id: undefined }, { other: 1 }]
  for (const options of absent) await news.publish('m', options)
  await until(() => got.length === absent.length)
  t.equal(got.length, absent.length)
})

test('except: a socket, or a name; whoever is not subscribed, or has another name, is not left out', async t => {
  const app = createApp(t)
  const visit = visitors(app)
  const news = app.topic('/news')
  const [a, b, c] = [await visit(), await visit(), await visit()]
  await a.socket.subscribe(news)
  await b.socket.subscribe(news, { as: 'b' })
  await news.publish('1', { except: a.socket })
  await news.publish('2', { except: b.socket })
  await news.publish('3', { except: 'b' })
  await news.publish('4', { except: c.socket })
  await news.publish('5', { except: 'nobody' })
  await news.publish('6', { except: '' })
  await until(() => a.got.length === 5 && b.got.length === 4)
  t.same([a.got, b.got, c.got], [['2', '3', '4', '5', '6'], ['1', '4', '5', '6'], []])
})

test('an id makes publishing again idempotent, as long as the history has it', async t => {
  const app = createApp(t)
  const visit = visitors(app)
  const news = app.topic('/news', { history: { size: 2, ttl: 60_000 } })
  const { socket, got } = await visit()
  await socket.subscribe(news)
  const first = await news.publish('1', { id: 'a' })
  t.same(await news.publish('again', { id: 'a' }), first)
  await news.publish('2', { id: 'b' })
  await news.publish('3', { id: '' })
  t.not((await news.publish('4', { id: 'a' })).at, first.at, 'forgotten by then')
  await until(() => got.length === 4)
  t.same(got, ['1', '2', '3', '4'])
  t.match(app.sockets.stats().topics['/news'], { topics: 1, subscriptions: 1 })
})

test('an id needs a history', async t => {
  const app = createApp(t)
  const news = app.topic('/rooms/:room')
  await app.ready()
  t.match(await errorOf(() => news.publish({ room: 'a' }, 'm', { id: 'a' })), {
    code: 'FST_ERR_WS_NO_HISTORY', message: "the topic '/rooms/:room' keeps no history: declare it with the option 'history'"
  })
  t.match(await errorOf(() => app.sockets.publish('talk', 'm', { id: 'a' })), { code: 'FST_ERR_WS_NO_HISTORY', message: /'talk'/ })
})
