import { test } from 'tap'
import { createApp } from '../support/app.ts'
import { codeOf } from '../support/serve.ts'
import { until } from '../support/until.ts'
import { errorOf, visitors } from './visitors.ts'

test('names that were not declared: any text of 1 to 255 characters that does not begin with a slash', async t => {
  const app = createApp(t)
  const visit = visitors(app)
  const { socket, got } = await visit()
  const names = ['news', 'a/b', 'a/', ' ', '\0', '日本', '😀', '__proto__', 'constructor', ':a', '*', 'http://a/b', '\uD83D', 'x'.repeat(255)]
  for (const name of names) await socket.subscribe(name)
  t.strictSame(socket.subscriptions, names)
  for (const name of names) await app.sockets.publish(name, `to ${name}`)
  await until(() => got.length === names.length)
  // Half a surrogate pair cannot be sent.
  t.same(got, names.map(name => Buffer.from(`to ${name}`).toString()))
  for (const name of names) t.ok(socket.unsubscribe(name))
  t.strictSame(socket.subscriptions, [])
})

test('other names are refused when subscribing, unsubscribing and publishing', async t => {
  const app = createApp(t)
  const visit = visitors(app)
  app.topic('/news')
  const { socket } = await visit()
  for (const name of ['', '/', '/news', '/other', 'x'.repeat(256), 5, null, undefined, {}, [], ['news'], Symbol('news'), new String('news'), () => {}] as any[]) {
    for (const call of [() => socket.subscribe(name), () => socket.unsubscribe(name), () => app.sockets.publish(name, 'm')]) {
      t.match(await errorOf(call), {
        code: 'FST_ERR_WS_TOPIC_NAME',
        statusCode: 400,
        message: "the name of a topic has 1 to 255 characters, and only those of declared topics begin with '/': for these, pass what app.topic() returns"
      })
    }
  }
  t.strictSame(socket.subscriptions, [])
})

test('names that differ in anything are different topics', async t => {
  const app = createApp(t)
  const visit = visitors(app)
  const { socket, got } = await visit()
  await socket.subscribe('news')
  for (const name of ['News', 'news ', ' news', 'news/', 'néws', 'new', 'news1']) await app.sockets.publish(name, name)
  await app.sockets.publish('news', 'news')
  await until(() => got.length > 0)
  t.same(got, ['news'])
})

test('publishing to a name that nobody is subscribed to, and before the app is ready', async t => {
  const app = createApp(t)
  await app.after()
  t.match(await app.sockets.publish('news', { any: 'value' }), { at: /./ }, 'a name needs nothing that is declared')
  t.equal(app.sockets.stats().topics['']!.published, 1)
})

test('a declared topic is not used before the app is ready', async t => {
  const app = createApp(t)
  const visit = visitors(app)
  const news = app.topic('/news', { history: { size: 1, ttl: 1000 }, presence: true })
  const rooms = app.topic('/rooms/:room')
  await app.after()
  const calls = [
    () => news.publish('m'), () => news.history(), () => news.members(), () => news.count(), () => rooms.publish({ room: 'a' }, 'm'), () => rooms.publish({} as any, 'm')
  ]
  for (const call of calls) t.equal(await codeOf(call), 'FST_ERR_WS_TOPIC_NOT_READY')
  t.equal((await errorOf(calls[4]!)).message, "the topic '/rooms/:room' cannot be used before the app is ready: wait for app.ready() or app.listen()")
  const { socket } = await visit()
  await socket.subscribe(news)
  await news.publish('m')
  const other = createApp(t)
  const foreign = other.topic('/foreign')
  await other.after()
  t.equal(await codeOf(() => socket.subscribe(foreign)), 'FST_ERR_WS_TOPIC_NOT_READY', 'of an app that is not ready')
})

test('in onReady hooks it may be used', async t => {
  const app = createApp(t)
  const news = app.topic('/news', { history: { size: 1, ttl: 60_000 } })
  app.addHook('onReady', async () => { await news.publish('ready') })
  await app.ready()
  t.match(await news.history(), [{ message: 'ready' }])
})

test('topic.history() needs a history, and a limit is a whole number', async t => {
  const app = createApp(t)
  const news = app.topic('/news', { history: { size: 5, ttl: 60_000 } })
  const plain = app.topic('/plain/:room')
  await app.ready()
  t.equal(await codeOf(() => plain.history({ room: 'a' })), 'FST_ERR_WS_NO_HISTORY')
  for (const limit of [0, -1, 1.5, '1', NaN, Infinity, true, {}] as any[]) {
    t.match(await errorOf(() => news.history({ limit })), { code: 'FST_ERR_WS_OPTION', message: /'limit' must be a whole number, at least 1/ })
  }
  for (const text of ['1', '2', '3']) await news.publish(text)
  const last = async (options?: any): Promise<unknown[]> => (await news.history(options)).map(({ message }) => message)
  t.strictSame([await last(), await last({}), await last({ limit: 2 }), await last({ limit: 9 })], [['1', '2', '3'], ['1', '2', '3'], ['2', '3'], ['1', '2', '3']])
})
