import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { closeBody } from '../support/frames.ts'
import { deferred, frameText, lastResponse } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { pair, stall } from '../support/serve.ts'
import { until } from '../support/until.ts'

/** Topics have tests of their own. */
const NO_TOPICS = { '': { topics: 0, subscriptions: 0, published: 0, dropped: 0, recovered: 0, lost: 0 } }
const NOTHING = {
  open: 0, paused: 0, bufferedAmount: 0, opened: 0, refused: 0, closed: 0,
  messagesIn: 0, messagesOut: 0, dropped: 0, bytesIn: 0, bytesOut: 0
}

test('app.sockets is empty before the first connection and after the last', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  await app.ready()
  t.equal(app.sockets.size, 0)
  t.same([...app.sockets], [])
  t.same(app.sockets.stats(), { ...NOTHING, routes: { '/room': NOTHING }, topics: NO_TOPICS })

  const client = await RawClient.open(await listen(app), '/room')
  await client.destroy()
  await until(() => app.sockets.size === 0)
  t.same([...app.sockets], [])
  const ended = { ...NOTHING, opened: 1, closed: 1 }
  t.same(app.sockets.stats(), { ...ended, routes: { '/room': ended }, topics: NO_TOPICS })
})

test('app.sockets holds a socket from before its handler runs until it has closed', async t => {
  const app = createApp(t)
  const closed = deferred<unknown>()
  const sizes: number[] = []
  app.get('/room', { ws: true }, socket => {
    sizes.push(app.sockets.size, [...app.sockets].indexOf(socket))
    socket.on('close', () => { closed.resolve([app.sockets.size, [...app.sockets].includes(socket)]) })
  })
  const client = await RawClient.open(await listen(app), '/room')
  t.same(sizes, [1, 0])
  client.send(8, closeBody(1000))
  await client.close()
  t.same(await closed.promise, [0, false])
})

test('app.sockets reaches every open socket, in the order they came, again and again', async t => {
  const app = createApp(t)
  app.get('/rooms/:room', { ws: true }, () => {})
  const port = await listen(app)
  const clients = []
  for (const room of ['a', 'b', 'c']) clients.push(await RawClient.open(port, `/rooms/${room}`))
  const urls = () => [...app.sockets].map(socket => socket.request.url)
  const all = ['/rooms/a', '/rooms/b', '/rooms/c']
  t.same([app.sockets.size, urls(), urls()], [3, all, all])

  for (const socket of app.sockets) socket.send('to all')
  for (const client of clients) t.equal(await frameText(client), 'to all')
  await clients[1]!.destroy()
  await until(() => app.sockets.size === 2)
  t.same(urls(), ['/rooms/a', '/rooms/c'])
  for (const client of clients) await client.destroy()
})

test('sockets may be closed while app.sockets is gone through', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  const port = await listen(app)
  const clients = [await RawClient.open(port, '/room'), await RawClient.open(port, '/room')]
  for (const socket of app.sockets) socket.terminate()
  await Promise.all(clients.map(client => client.end()))
  await until(() => app.sockets.size === 0)
  t.equal(app.sockets.stats().closed, 2)
})

test('stats count what is open and what has ended, in messages and in bytes on the wire', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, socket => {
    socket.on('message', message => {
      socket.send(message)
      socket.send('more')
    })
  })
  const port = await listen(app)
  const one = await RawClient.open(port, '/room')
  const two = await RawClient.open(port, '/room')
  one.send(1, 'hello')
  two.send(1, 'x'.repeat(200))
  for (const client of [one, two]) {
    await client.frame()
    await client.frame()
  }
  const wire = {
    messagesIn: 2, messagesOut: 4, bytesIn: (6 + 5) + (8 + 200), bytesOut: (2 + 5) + (4 + 200) + 2 * (2 + 4)
  }
  let figures: object = { ...NOTHING, open: 2, opened: 2, ...wire }
  t.same(app.sockets.stats(), { ...figures, routes: { '/room': figures }, topics: NO_TOPICS })

  one.send(8, closeBody(1000))
  t.same(await one.close(), { code: 1000, reason: '' })
  await one.end()
  await until(() => app.sockets.size === 1)
  wire.bytesIn += 6 + 2
  wire.bytesOut += 2 + 2
  figures = { ...NOTHING, open: 1, opened: 2, closed: 1, ...wire }
  t.same(app.sockets.stats(), { ...figures, routes: { '/room': figures }, topics: NO_TOPICS })
  await two.destroy()
})

test('stats are kept by route, and their sum is that of the scope', async t => {
  const app = createApp(t)
  for (const version of ['1.0.0', '2.0.0']) app.get('/rooms/:room', { ws: true, constraints: { version } }, () => {})
  app.get('/lobby', { ws: true, preHandler: async (_request, reply) => reply.code(401).send() }, () => {})
  const port = await listen(app)
  const clients = []
  for (const version of ['1.x', '2.x']) {
    clients.push(await RawClient.open(port, '/rooms/blue', { 'Accept-Version': version }))
  }
  await lastResponse(port, handshake('/lobby'))
  const { routes, ...all } = app.sockets.stats()
  t.same(routes, {
    '/rooms/:room': { ...NOTHING, open: 2, opened: 2 }, '/lobby': { ...NOTHING, refused: 1 }
  })
  t.same(all, { ...NOTHING, open: 2, opened: 2, refused: 1, topics: NO_TOPICS })
  for (const client of clients) await client.destroy()
})

test('stats say how many are not being read, what waits for them, and what was dropped', async t => {
  const { app, client, socket } = await pair(t, { maxQueued: 0, maxBuffered: 100_000, overflow: 'drop' })
  client.send(1, 'unread')
  await until(() => app.sockets.stats().paused === 1)
  await stall(client, socket)
  while (socket.dropped === 0) socket.send(Buffer.alloc(60_000))
  const { dropped } = socket
  t.match(app.sockets.stats(), {
    open: 1, paused: 1, bufferedAmount: socket.bufferedAmount, dropped, routes: { '/': { paused: 1, dropped } }
  })
  t.ok(socket.bufferedAmount > 0)
  await client.destroy()
  await until(() => app.sockets.size === 0)
  t.match(app.sockets.stats(), { open: 0, paused: 0, bufferedAmount: 0, dropped })
})

test('stats are those of the moment: the object does not change later', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  const port = await listen(app)
  const before = app.sockets.stats()
  const client = await RawClient.open(port, '/room')
  t.equal(before.open, 0)
  t.equal(app.sockets.stats().open, 1)
  await client.destroy()
})

test('a handshake that is refused is counted as such, if there is a route for it', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  const port = await listen(app)
  await lastResponse(port, handshake('/room', { 'Sec-WebSocket-Protocol': '?' }))
  await lastResponse(port, handshake('/elsewhere'))
  t.match(app.sockets.stats(), { opened: 0, refused: 1 })
})

test('socket.remoteAddress is that of the TCP peer, whatever a proxy header says', async t => {
  const app = createApp(t, {}, { trustProxy: true })
  app.get('/room', { ws: true }, (socket, request) => { socket.send(`${socket.remoteAddress} ${request.ip}`) })
  const client = await RawClient.open(await listen(app), '/room', { 'X-Forwarded-For': '192.0.2.7' })
  t.equal(await frameText(client), '127.0.0.1 192.0.2.7')
  await client.destroy()
})

test('socket.remoteAddress is still there when the connection has ended', async t => {
  const app = createApp(t)
  const closed = deferred<string>()
  app.get('/room', { ws: true }, socket => { socket.on('close', () => closed.resolve(socket.remoteAddress)) })
  const client = await RawClient.open(await listen(app), '/room')
  client.reset()
  t.equal(await closed.promise, '127.0.0.1')
})
