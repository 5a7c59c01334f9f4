import Fastify from 'fastify'
import sockets from 'fastify-sockets'
import { test } from 'tap'
import { clientClosed, connect, createApp, listen } from '../support/app.ts'
import { settledClock } from '../support/clock.ts'
import { closeBody, masked } from '../support/frames.ts'
import { connectionCount, deferred, errorBody, frameText } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

const SHUTDOWN = { code: 1001, reason: 'the server is shutting down' }

test('app.close() tells every client 1001, tells the handlers, and waits for the end of all', async t => {
  const app = createApp(t)
  const infos: unknown[] = []
  app.get('/room', { ws: true }, socket => { socket.on('close', info => { infos.push(info) }) })
  app.register(async child => {
    child.register(sockets)
    child.get('/child', { ws: true }, socket => { socket.on('close', info => { infos.push(info) }) })
  })
  const port = await listen(app)

  const clients = [await connect(port, '/room'), await connect(port, '/room'), await connect(port, '/child')]
  const ends = Promise.all(clients.map(clientClosed))
  await app.close()
  t.same(await ends, [SHUTDOWN, SHUTDOWN, SHUTDOWN])
  const info = { ...SHUTDOWN, wasClean: true, initiator: 'local' }
  t.same(infos, [info, info, info])
  t.equal(app.sockets.size, 0)
})

test('what was sent before app.close() arrives before the 1001', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  const client = await RawClient.open(await listen(app), '/room')
  for (const socket of app.sockets) socket.send('last words')
  const closed = app.close()
  t.equal(await frameText(client), 'last words')
  t.same(await client.close(), SHUTDOWN)
  client.send(8, closeBody(1001))
  await client.end()
  await closed
})

test('more than 500 sockets are told in batches, between which the event loop gets its turn', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  const port = await listen(app)
  const clients: RawClient[] = []
  for (let i = 0; i < 11; i++) {
    clients.push(...await Promise.all(Array.from({ length: 100 }, () => RawClient.open(port, '/room'))))
  }
  t.equal(app.sockets.size, 1100)

  const told: number[] = []
  const watch = (): void => {
    told.push([...app.sockets].filter(socket => socket.state !== 'open').length + app.sockets.stats().closed)
    if (told.at(-1)! < 1100) setImmediate(watch)
  }
  const closed = app.close()
  watch()
  const reasons = await Promise.all(clients.map(async client => {
    const info = await client.close()
    client.send(8, closeBody(1001))
    await client.end()
    return info
  }))
  await closed
  t.ok(told.every(count => [0, 500, 1000, 1100].includes(count)), `told: ${[...new Set(told)]}`)
  t.same(reasons, clients.map(() => SHUTDOWN))
})

test('a client that does not answer is cut after closeTimeout', async t => {
  const app = createApp(t, { closeTimeout: 2000, heartbeat: false })
  const infos: any[] = []
  app.get('/room', { ws: true }, socket => { socket.on('close', info => { infos.push(info) }) })
  const port = await listen(app)
  const clock = await settledClock(t)
  const client = await RawClient.open(port, '/room')

  const closed = app.close()
  t.same(await client.close(), SHUTDOWN)
  clock.tick(1999)
  t.equal(app.sockets.size, 1)
  clock.tick(1)
  await closed
  await client.end()
  t.match(infos, [{ code: 1001, wasClean: false, initiator: 'local' }])
})

test('a client that answered but keeps its connection open is cut after closeTimeout as well', async t => {
  const app = createApp(t, { closeTimeout: 2000, heartbeat: false })
  app.get('/room', { ws: true }, () => {})
  const port = await listen(app)
  const clock = await settledClock(t)
  const client = new RawClient(port, { allowHalfOpen: true })
  client.write(handshake('/room'))
  await client.response()

  const closed = app.close()
  await client.close()
  client.send(8, closeBody(1001))
  await client.end()
  t.equal(await connectionCount(app), 1)
  clock.tick(2000)
  await closed
  await client.destroy()
})

test('a handshake that is still in a hook gets 503 when the hook is done', async t => {
  const app = createApp(t)
  const stuck = deferred()
  const gate = deferred()
  app.addHook('preHandler', async () => {
    stuck.resolve()
    await gate.promise
  })
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  const client = new RawClient(await listen(app))
  client.write(handshake('/room'))
  await stuck.promise

  const closed = app.close()
  // The hooks of Fastify that come before ours have run when a new connection is refused.
  await until(() => !app.server.listening)
  gate.resolve()
  const response = await client.response()
  t.match(errorBody(response), { statusCode: 503, code: 'FST_ERR_WS_CLOSING' })
  t.same(response.headers.connection, ['close'])
  await client.end()
  await closed
})

test('a handshake whose hook never answers is cut, and app.close() ends', async t => {
  const app = createApp(t, { drain: { timeout: 5000 } })
  const stuck = deferred<AbortSignal>()
  app.addHook('preHandler', async request => {
    stuck.resolve(request.signal)
    await new Promise(() => {})
  })
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  const port = await listen(app)
  const clock = await settledClock(t)
  const client = new RawClient(port)
  client.write(handshake('/room'))
  const signal = await stuck.promise

  const closed = app.close()
  await until(() => !app.server.listening)
  clock.tick(4999)
  t.equal(await connectionCount(app), 1)
  clock.tick(1)
  await closed
  await client.end()
  t.equal(client.received.length, 0)
  t.equal(signal.aborted, true)
})

test('a handshake that ends in time leaves no timer behind', async t => {
  const app = createApp(t, { heartbeat: false })
  const stuck = deferred()
  const gate = deferred()
  app.addHook('preHandler', async (_request, reply) => {
    stuck.resolve()
    await gate.promise
    return reply.code(401).send()
  })
  app.get('/room', { ws: true }, () => {})
  const port = await listen(app)
  const clock = await settledClock(t)
  const client = new RawClient(port)
  client.write(handshake('/room'))
  await stuck.promise
  const closed = app.close()
  await until(() => !app.server.listening)
  t.ok(clock.countTimers() > 0)
  gate.resolve()
  t.equal((await client.response()).status, 401)
  await client.end()
  await closed
  await until(() => clock.countTimers() === 0)
})

for (const [server, code] of [[{}, undefined], [{ return503OnClosing: false }, 'FST_ERR_WS_CLOSING']] as const) {
  test(`a new handshake during the close gets 503, where Fastify is told ${JSON.stringify(server)}`, async t => {
    const app = createApp(t, {}, server)
    app.get('/room', { ws: true }, () => {})
    const port = await listen(app)
    const silent = await RawClient.open(port, '/room')
    const closed = app.close()
    t.same(await silent.close(), SHUTDOWN)

    const client = new RawClient(port)
    client.write(handshake('/room'))
    const response = await client.response()
    t.equal(response.status, 503)
    t.match(response.headers.connection, [/^close$/i])
    t.equal(errorBody(response).code, code)
    await client.end()
    await silent.destroy()
    await closed
    t.equal(app.sockets.stats().opened, 1)
  })
}

test('app.close() without listen ends', async t => {
  const ready = createApp(t)
  ready.get('/room', { ws: true }, () => {})
  await ready.ready()
  await t.resolves(ready.close())
  t.equal(ready.sockets.size, 0)

  const unready = createApp(t)
  unready.get('/room', { ws: true }, () => {})
  await t.resolves(unready.close())
})

test('app.close() twice is one close', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  const client = await connect(await listen(app), '/room')
  const ended = clientClosed(client)
  await Promise.all([app.close(), app.close()])
  t.same(await ended, SHUTDOWN)
})

test('app.close() ends injected sockets too', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  await app.ready()
  const client = await app.injectWS('/room')
  await app.close()
  t.match(await client.closed, { ...SHUTDOWN, initiator: 'remote' })
})

test('a socket that is closing already when app.close() comes keeps its own code', async t => {
  const app = createApp(t)
  const handled = deferred()
  app.get('/room', { ws: true }, socket => {
    socket.close(4000, 'done')
    handled.resolve()
  })
  const client = await RawClient.open(await listen(app), '/room')
  await handled.promise
  t.same(await client.close(), { code: 4000, reason: 'done' })
  const closed = app.close()
  client.write(masked(8, closeBody(4000)))
  await client.end()
  await closed
})

test('an app that never declared a socket closes', async t => {
  const app = Fastify()
  await app.ready()
  await t.resolves(app.close())
})

test('a close that takes longer than pluginTimeout does not end the process; the server stops listening half way', async t => {
  const app = createApp(t, { heartbeat: false, closeTimeout: 60_000, drain: { timeout: 30_000 } }, { pluginTimeout: 4000 })
  app.get('/room', { ws: true }, () => {})
  app.register(async child => {
    child.register(sockets)
    child.get('/child', { ws: true }, () => {})
  })
  const closes: string[] = []
  app.addHook('onClose', async () => { closes.push('onClose') })
  const port = await listen(app)
  const clock = await settledClock(t)
  const client = await RawClient.open(port, '/room')
  const closed = app.close().then(() => { closes.push('closed') })
  t.same(await client.close(), SHUTDOWN)
  clock.tick(1999)
  await new Promise(setImmediate)
  t.equal(app.server.listening, true)
  clock.tick(1)
  await until(() => !app.server.listening)
  clock.tick(27_999)
  for (let i = 0; i < 5; i++) await new Promise(setImmediate)
  t.equal(app.sockets.size, 1)
  t.same(closes, [])
  clock.tick(1)
  await closed
  t.same(closes, ['onClose', 'closed'])
  await until(() => clock.countTimers() === 0)
  await client.destroy()
})

test('without a pluginTimeout the server listens until all connections have ended', async t => {
  const app = createApp(t, { heartbeat: false, drain: { timeout: 30_000 } }, { pluginTimeout: 0, return503OnClosing: false })
  app.get('/room', { ws: true }, () => {})
  const port = await listen(app)
  const clock = await settledClock(t)
  const client = await RawClient.open(port, '/room')
  const closed = app.close()
  await client.close()
  clock.tick(4999)
  await new Promise(setImmediate)
  t.equal(app.server.listening, true)
  clock.tick(1)
  await closed
  await client.destroy()
})
