import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { RawClient } from '../support/raw-client.ts'
import { codeOf } from '../support/serve.ts'
import { uncaught } from '../support/uncaught.ts'
import { turn, until } from '../support/until.ts'
import { stage } from './stage.ts'

const LATE = async (): Promise<never> => { throw new Error('late') }

test('identify that returns a promise: the handshake is refused, and the promise cannot end the process', async t => {
  const found = uncaught(t)
  const app = createApp(t, { identify: LATE as any })
  app.get('/', { ws: true }, () => {})
  const port = await listen(app)
  await t.rejects(RawClient.open(port, '/'), { message: /FST_ERR_WS_IDENTIFY/ })
  await turn()
  t.same(found, [])
})

test('presence that returns promises is refused, and cannot end the process', async t => {
  const found = uncaught(t)
  const { app, topics, open } = await stage(t, app => ({
    info: app.topic('/info', { presence: LATE }),
    announce: app.topic('/announce', { presence: { announce: LATE } })
  }))
  const { socket } = await open()
  t.equal(await codeOf(() => socket.subscribe(topics.info)), 'FST_ERR_WS_TOPIC_OPTION')
  t.equal(await topics.info.count(), 0)
  await socket.subscribe(topics.announce)
  await until(() => app.lines.some(line => line.err?.code === 'FST_ERR_WS_TOPIC_OPTION'), 'a line that says so')
  t.equal(await topics.announce.count(), 1)
  await turn()
  t.same(found, [])
})

test('a name that is no text, and that nobody waits for: is logged, and cannot end the process', async t => {
  const found = uncaught(t)
  const { app } = await stage(t)
  for (const name of [{ toString () { throw new Error('mine') } }, Object.create(null), Symbol('mine')]) void app.sockets.publish(name, 'x')
  await until(() => app.lines.some(line => line.err?.code === 'FST_ERR_WS_TOPIC_NAME'), 'a line that says so')
  await turn()
  t.same(found, [])
})

test('a long name, which may come from a client, is cut in the log', async t => {
  const { app } = await stage(t)
  void app.sockets.publish('x'.repeat(100_000), 'x')
  await until(() => app.lines.some(line => line.err?.code === 'FST_ERR_WS_TOPIC_NAME'), 'a line that says so')
  t.ok(app.lines.every(line => JSON.stringify(line).length < 5000))
})

test('a listener that returns what subscribe() does: its failure is told once', async t => {
  const { app, failures, open } = await stage(t)
  const { socket, client } = await open()
  socket.on('message', name => name === 'publish' ? app.sockets.publish('/bad', 'x') as any : socket.subscribe(name) as any)
  client.send(1, '/bad')
  client.send(1, 'publish')
  await until(() => failures.length >= 2, 'both failures')
  await turn()
  await turn()
  t.same(failures.map(error => error.code), ['FST_ERR_WS_TOPIC_NAME', 'FST_ERR_WS_TOPIC_NAME'])
  t.notOk(app.lines.some(line => line.msg === 'publishing to a topic failed'))
})

test('to unsubscribe while the subscription begins is no failure, whoever waits for it', async t => {
  const { app, failures, open } = await stage(t)
  const { socket, client } = await open()
  socket.on('message', async () => { await socket.subscribe('a') })
  socket.on('message', () => { void socket.subscribe('b') })
  socket.on('message', () => { for (const name of ['a', 'b']) socket.unsubscribe(name) })
  client.send(1, 'x')
  await until(() => app.sockets.stats().messagesIn === 1)
  await turn()
  await turn()
  t.same(failures, [])
  t.same(socket.subscriptions, [])
  t.equal(await codeOf(() => { const answer = socket.subscribe('c'); socket.unsubscribe('c'); return answer }), 'FST_ERR_WS_UNSUBSCRIBED')
})

test('bytes carry no position: they are refused before each of them is taken for a property', async t => {
  const { topics } = await stage(t, app => app.topic('/a', {
    schema: { message: { type: 'object', properties: { at: { type: 'string' } } } }, history: { size: 2, ttl: 60_000, position: 'at' }
  }))
  t.equal(await codeOf(() => topics.publish(Buffer.from('abc') as any)), 'FST_ERR_WS_INVALID_PUBLISH')
  t.same(await topics.history(), [])
})
