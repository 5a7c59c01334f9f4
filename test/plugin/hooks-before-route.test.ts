import type { FastifyRequest } from 'fastify'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { connectionCount, deferred, errorBody, fakeClock, until } from './support.ts'

/* onRequest hooks of the app run before those of the route, and may take their time. */

/** An app whose first handshake waits in an onRequest hook of the app until the test lets it go on. */
function waitingApp (t: Test, options: Parameters<typeof createApp>[1]) {
  const app = createApp(t, options)
  const stuck = deferred<FastifyRequest>()
  const gate = deferred()
  app.addHook('onRequest', async request => {
    stuck.resolve(request)
    await gate.promise
  })
  return { app, stuck: stuck.promise, letGo: () => { gate.resolve() } }
}

test('a client that leaves during a hook of the app takes up no place, and no later hook runs for it', async t => {
  const { app, stuck, letGo } = waitingApp(t, { limits: { connections: 1, connectionsPerAddress: 1 } })
  const gone: FastifyRequest[] = []
  app.get('/room', {
    ws: true,
    preHandler: async request => { if (gone.includes(request)) t.fail('a hook ran for nobody') }
  }, () => {})
  const port = await listen(app)
  const client = new RawClient(port)
  client.write(handshake('/room'))
  const request = await stuck
  gone.push(request)
  const { signal } = request
  client.reset()
  await until(() => signal.aborted)
  letGo()
  await until(() => app.sockets.stats().refused === 1)
  const next = await RawClient.open(port, '/room')
  t.match(app.sockets.stats(), { open: 1, refused: 1 })
  await next.destroy()
})

test('after a hook of the app that waits, hooks of the route still have no longer than handshakeTimeout', async t => {
  const { app, letGo } = waitingApp(t, { handshakeTimeout: 1000, heartbeat: false })
  const reached = deferred()
  app.get('/room', {
    ws: true,
    preHandler: async () => {
      reached.resolve()
      await new Promise(() => {})
    }
  }, () => {})
  const port = await listen(app)
  const clock = await fakeClock(t)
  const client = new RawClient(port)
  client.write(handshake('/room'))
  letGo()
  await reached.promise
  clock.tick(999)
  for (let i = 0; i < 5; i++) await new Promise(setImmediate)
  t.equal(client.received.length, 0)
  clock.tick(1)
  const response = await client.response()
  t.equal(response.status, 503)
  t.equal(errorBody(response).code, 'FST_ERR_WS_HANDSHAKE_TIMEOUT')
  await client.end()
  await until(async () => await connectionCount(app) === 0)
})

test('after such a hook, a handshake that goes on in time leaves no timer behind', async t => {
  const { app, letGo } = waitingApp(t, { heartbeat: false })
  app.get('/room', { ws: true }, () => {})
  const port = await listen(app)
  const clock = await fakeClock(t)
  const opening = RawClient.open(port, '/room')
  letGo()
  const client = await opening
  await until(() => app.sockets.size === 1)
  t.equal(clock.countTimers(), 0)
  await client.destroy()
})
