import { test } from 'tap'
import { clientClosed, connect, createApp, listen } from '../support/app.ts'
import { closeBody } from '../support/frames.ts'
import { CLOSE } from '../support/opcodes.ts'
import { turn, until } from '../support/until.ts'
import { type AnySocket, block, numbers, stage, text, texts } from './stage.ts'

test('app.close(): what was published before it is delivered, to everybody, before 1001', async t => {
  const { app, open } = await stage(t)
  const all = []
  for (let i = 0; i < 5; i++) {
    const one = await open()
    for (const topic of ['a', 'b']) await one.socket.subscribe(topic)
    all.push(one)
  }
  for (const [i, message] of numbers(4).entries()) void app.sockets.publish(i % 2 === 0 ? 'a' : 'b', message)
  const closed = app.close()
  for (const { client } of all) {
    t.same(await texts(client, 4), numbers(4))
    t.match(await client.close(), { code: 1001 })
    client.send(CLOSE, closeBody(1001))
  }
  await closed
  t.match(await app.sockets.publish('a', 'too late'), { at: String }, 'nobody is left to get it')
})

test('what a handler publishes while the app closes is for others: it got its close frame already', async t => {
  const { app, open } = await stage(t)
  const { socket, client } = await open()
  await socket.subscribe('a')
  socket.on('message', message => { void app.sockets.publish('a', message) })
  const closed = app.close()
  t.match(await client.close(), { code: 1001 })
  client.send(1, 'said before it knew')
  client.send(CLOSE, closeBody(1001))
  await closed
  t.equal(client.received.length, 0)
})

test('a loop that is left closes behind what was published in it', async t => {
  const app = createApp(t)
  app.get('/loop', { ws: true }, async (socket: AnySocket) => {
    await socket.subscribe('a')
    for await (const message of socket) {
      void app.sockets.publish('a', `published ${message}`)
      break
    }
  })
  const client = await connect(await listen(app), '/loop')
  const got: string[] = []
  client.on('message', data => { got.push(String(data)) })
  const closed = clientClosed(client)
  client.send('x')
  t.match(await closed, { code: 1000 })
  t.same(got, ['published x'])
})

test('a user who is closed gets what was published before', async t => {
  const { app, open } = await stage(t, undefined, { plugin: { identify: () => 'ann' } as any })
  const { socket, client } = await open()
  await socket.subscribe('a')
  void app.sockets.publish('a', 'm0')
  void app.sockets.user('ann').send('m1')
  void app.sockets.publish('a', 'm2')
  void app.sockets.broadcast('m3')
  void app.sockets.publish('a', 'm4')
  void app.sockets.user('ann').close(4001, 'away')
  t.same(await texts(client, 5), numbers(5))
  t.same(await client.close(), { code: 4001, reason: 'away' })
})

test('what waits for a slow peer is sent before the close frame, and nothing behind it', async t => {
  const { app, open } = await stage(t)
  const { socket, client } = await open()
  await socket.subscribe('a')
  const release = block(socket)
  void app.sockets.publish('a', 'm0')
  await turn()
  void app.sockets.publish('a', 'm1')
  void socket.close()
  void app.sockets.publish('a', 'm2')
  await turn()
  release()
  t.same(await texts(client, 2), ['m0', 'm1'])
  await client.close()
  t.equal(client.received.length, 0)
})

test('the peer closes in the turn in which something is published: the others get it', async t => {
  const { app, open } = await stage(t)
  const one = await open()
  const other = await open()
  for (const { socket } of [one, other]) await socket.subscribe('a')
  one.socket.on('message', () => { void app.sockets.publish('a', 'm0') })
  one.client.socket.cork()
  one.client.send(1, 'x')
  one.client.send(CLOSE, closeBody(1000))
  one.client.socket.uncork()
  t.equal(await text(other.client), 'm0')
  t.match(await one.client.close(), { code: 1000 }, 'which is answered at once')
  await until(() => app.sockets.stats().topics['']!.subscriptions === 1)
})
