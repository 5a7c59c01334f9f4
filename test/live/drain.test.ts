import sockets, { type PluginOptions, type Socket } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { settledClock } from '../support/clock.ts'
import { closeBody } from '../support/frames.ts'
import { deferred, frameText, linesWith } from '../support/handshakes.ts'
import { RawClient } from '../support/raw-client.ts'
import { turn, until } from '../support/until.ts'

const SHUTDOWN = { code: 1001, reason: 'the server is shutting down' }

/** An app with some clients that do nothing by themselves, gone when the test ends, and a clock that stands still. */
async function served (t: Test, count: number, options: PluginOptions = {}) {
  const app = createApp(t, { heartbeat: false, closeTimeout: 60_000, ...options })
  app.get('/', { ws: true }, () => {})
  const port = await listen(app)
  const clock = await settledClock(t)
  const clients: RawClient[] = []
  for (let i = 0; i < count; i++) clients.push(await RawClient.open(port, '/'))
  t.teardown(() => Promise.all(clients.map(client => client.destroy())))
  await until(() => app.sockets.size === count)
  const told = (): number => [...app.sockets].filter(socket => socket.state !== 'open').length
  return { app, clock, clients, told }
}

async function leave (client: RawClient): Promise<void> {
  client.send(8, closeBody(1001))
  await client.end()
}

test('batches are told with a pause between them, and nobody is told twice', async t => {
  const { app, clock, clients, told } = await served(t, 5, { drain: { batch: 2, interval: 100 } })
  const closed = app.close()
  await until(() => told() > 0)
  for (const expected of [2, 4]) {
    await turn()
    t.equal(told(), expected)
    clock.tick(99)
    await turn()
    t.equal(told(), expected)
    clock.tick(1)
    await until(() => told() > expected)
  }
  t.equal(told(), 5)
  for (const client of clients) {
    t.same(await client.close(), SHUTDOWN)
    await leave(client)
    t.equal(client.received.length, 0)
  }
  await closed
  await until(() => clock.countTimers() === 0)
})

test('pauses are shorter where all batches would take more than half of the timeout', async t => {
  const { app, clock, clients, told } = await served(t, 5, { drain: { batch: 1, interval: 10_000, timeout: 1000 } })
  const closed = app.close()
  await until(() => told() === 1)
  for (let expected = 2; expected <= 5; expected++) {
    clock.tick(100)
    await until(() => told() === expected)
  }
  await Promise.all(clients.map(leave))
  await closed
})

test('a batch that is still to come is not waited for when all connections have gone', async t => {
  const { app, clock, clients, told } = await served(t, 3, { drain: { batch: 1, interval: 100, timeout: 100_000 } })
  const closed = app.close()
  await until(() => told() === 1)
  for (const client of clients) await client.destroy()
  await until(() => app.sockets.size === 0)
  clock.tick(100)
  await closed
})

test('what is left at the deadline is cut', async t => {
  const { app, clock, clients } = await served(t, 3, { drain: { timeout: 2000 } })
  const infos: object[] = []
  for (const socket of app.sockets) socket.on('close', info => { infos.push(info) })
  const closed = app.close()
  for (const client of clients) t.same(await client.close(), SHUTDOWN)
  await leave(clients[0]!)
  await until(() => app.sockets.size === 2)
  clock.tick(1999)
  await turn()
  t.equal(app.sockets.size, 2)
  clock.tick(1)
  await closed
  for (const client of clients) await client.end()
  t.same(infos.map((info: any) => [info.code, info.wasClean]), [[1001, true], [1001, false], [1001, false]])
})

test('each scope drains in its own way', async t => {
  const app = createApp(t, { heartbeat: false, closeTimeout: 60_000, drain: { timeout: 1000 } })
  app.register(async child => {
    child.register(sockets, { heartbeat: false, closeTimeout: 60_000, drain: { timeout: 3000 } })
    child.get('/child', { ws: true }, () => {})
  })
  app.get('/parent', { ws: true }, () => {})
  const port = await listen(app)
  const clock = await settledClock(t)
  const parent = await RawClient.open(port, '/parent')
  const child = await RawClient.open(port, '/child')
  const closed = app.close()
  await parent.close()
  await child.close()
  clock.tick(1000)
  await parent.end()
  await turn()
  t.equal(child.ended, false)
  clock.tick(2000)
  await child.end()
  await closed
})

test('onDrain may say goodbye before the 1001, and is waited for', async t => {
  const gate = deferred()
  const calls: unknown[] = []
  const { app, clients } = await served(t, 1, {
    onDrain: async (socket, request) => {
      calls.push(request.url, socket.request === request)
      await gate.promise
      socket.send('goodbye')
    }
  })
  const closed = app.close()
  await until(() => calls.length > 0)
  for (let i = 0; i < 3; i++) await turn()
  t.equal(clients[0]!.received.length, 0)
  gate.resolve()
  t.equal(await frameText(clients[0]!), 'goodbye')
  t.same(await clients[0]!.close(), SHUTDOWN)
  await leave(clients[0]!)
  await closed
  t.same(calls, ['/', true])
})

test('an onDrain that never ends is not waited for longer than half of the timeout', async t => {
  const { app, clock, clients } = await served(t, 2, { drain: { timeout: 2000 }, onDrain: () => new Promise(() => {}) })
  const closed = app.close()
  await until(() => clock.countTimers() > 0)
  clock.tick(999)
  await turn()
  t.equal(clients[0]!.received.length, 0)
  clock.tick(1)
  for (const client of clients) {
    t.same(await client.close(), SHUTDOWN)
    await leave(client)
  }
  await closed
})

test('an onDrain of a route takes the place of that of the plugin, and may close by itself', async t => {
  const app = createApp(t, { onDrain: () => { t.fail('that of the plugin was called') } })
  app.get('/', { ws: { onDrain: socket => { socket.close(1012, 'back in a minute') } } }, () => {})
  const client = await RawClient.open(await listen(app), '/')
  const closed = app.close()
  t.same(await client.close(), { code: 1012, reason: 'back in a minute' })
  await leave(client)
  await closed
})

for (const [kind, onDrain] of [
  ['throws', () => { throw new Error('no goodbye') }],
  ['rejects', async () => { throw new Error('no goodbye') }]
] as const) {
  test(`an onDrain that ${kind} is a failure of the handler, and the others are told all the same`, async t => {
    const app = createApp(t)
    app.get('/bad', { ws: { onDrain } }, () => {})
    app.get('/good', { ws: true }, () => {})
    const port = await listen(app)
    const [bad, good] = [await RawClient.open(port, '/bad'), await RawClient.open(port, '/good')]
    const closed = app.close()
    t.same(await bad.close(), { code: 1011, reason: 'internal error' })
    t.same(await good.close(), SHUTDOWN)
    await Promise.all([bad, good].map(leave))
    await closed
    t.match(linesWith(app.lines, 'websocket handler failed'), [{ err: { message: 'no goodbye' } }])
  })
}

test('a connection that is closing already has no goodbye to say', async t => {
  const { app, clients } = await served(t, 1, { onDrain: () => { t.fail('onDrain was called') } })
  const [socket] = app.sockets as Iterable<Socket>
  socket!.close(4000)
  t.equal((await clients[0]!.close()).code, 4000)
  const closed = app.close()
  await leave(clients[0]!)
  await closed
})
