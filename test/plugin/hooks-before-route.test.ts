import type { FastifyRequest } from 'fastify'
import type { SocketOptions } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { settledClock } from '../support/clock.ts'
import { connectionCount, deferred, errorBody, lastResponse, runScript } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

/* onRequest hooks of the app run before those of the route: what a handshake costs there is limited as well. */

/** An app whose handshakes wait in an onRequest hook of the app until the test lets them go on. */
function waitingApp (t: Test, options: SocketOptions) {
  const app = createApp(t, { heartbeat: false, ...options })
  const stuck = deferred<FastifyRequest>()
  const gate = deferred()
  const state = { inHook: 0 }
  app.addHook('onRequest', async request => {
    state.inHook++
    stuck.resolve(request)
    await gate.promise
  })
  return { app, state, stuck: stuck.promise, letGo: () => { gate.resolve() } }
}

test('a hook of the app that never answers: 503 after handshakeTimeout', async t => {
  const { app, stuck } = waitingApp(t, { handshakeTimeout: 1000 })
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  const port = await listen(app)
  const clock = await settledClock(t)
  const client = new RawClient(port)
  client.write(handshake('/room'))
  await stuck
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

test('hooks of the app and of the route have the time together', async t => {
  const { app, stuck, letGo } = waitingApp(t, { handshakeTimeout: 1000 })
  const reached = deferred()
  app.get('/room', {
    ws: true,
    preHandler: async () => {
      reached.resolve()
      await new Promise(() => {})
    }
  }, () => {})
  const port = await listen(app)
  const clock = await settledClock(t)
  const client = new RawClient(port)
  client.write(handshake('/room'))
  await stuck
  clock.tick(600)
  letGo()
  await reached.promise
  clock.tick(400)
  t.equal((await client.response()).status, 503)
})

for (const [limits, status] of [
  [{ connections: 2 }, 503], [{ connectionsPerAddress: 2 }, 429], [{ handshakesPerAddress: 2 }, 429]
] as const) {
  test(`${JSON.stringify(limits)}: a handshake is counted in hooks of the app, and refused before them`, async t => {
    const { app, state, letGo } = waitingApp(t, { limits })
    app.get('/room', { ws: true }, () => {})
    const port = await listen(app)
    const clients = [RawClient.open(port, '/room'), RawClient.open(port, '/room')]
    await until(() => state.inHook === 2)
    t.equal((await lastResponse(port, handshake('/room'))).status, status)
    t.equal(state.inHook, 2)
    letGo()
    for (const client of clients) await (await client).destroy()
  })
}

test('a hook of the app that refuses gives the place back, and the refusal is counted', async t => {
  const app = createApp(t, { limits: { connections: 1 } })
  app.addHook('onRequest', async (request, reply) => { if (request.headers.refuse) return reply.code(401).send() })
  app.get('/room', { ws: true }, () => {})
  const port = await listen(app)
  for (let i = 0; i < 3; i++) t.equal((await lastResponse(port, handshake('/room', { refuse: 'yes' }))).status, 401)
  t.equal(app.sockets.stats().refused, 3)
  const client = await RawClient.open(port, '/room')
  await client.destroy()
})

test('a client that leaves during a hook of the app gives its place back, and no later hook runs for it', async t => {
  const { app, stuck, letGo } = waitingApp(t, { limits: { connections: 1, connectionsPerAddress: 1 } })
  const gone: FastifyRequest[] = []
  app.get('/room', {
    ws: true,
    preHandler: async request => { if (gone.includes(request)) t.fail('a hook ran for nobody') }
  }, () => {})
  const port = await listen(app)
  const client = new RawClient(port)
  client.write(handshake('/room'))
  gone.push(await stuck)
  client.reset()
  await until(() => app.sockets.stats().refused === 1)
  letGo()
  const next = await RawClient.open(port, '/room')
  t.match(app.sockets.stats(), { open: 1, refused: 1 })
  await next.destroy()
})

test('the config that a route declares is left as it is', async t => {
  const app = createApp(t)
  const config = Object.freeze({ roles: ['admin'] })
  app.get('/room', { ws: true, config } as any, (socket, request) => {
    socket.send(JSON.stringify(request.routeOptions.config))
  })
  const client = await RawClient.open(await listen(app), '/room')
  t.same(JSON.parse((await client.frame()).payload.toString()), { roles: ['admin'], url: '/room', method: 'GET' })
  await client.destroy()
})

// Where the package was imported after Fastify was created, hooks may have been declared before.

const LATE = `
  const Fastify = require('fastify')
  const { connect } = require('node:net')
  const HANDSHAKE = ${JSON.stringify(handshake('/room'))}
  async function main () {
    const app = Fastify()
    let hooked
    let gate = new Promise(() => {})
    app.addHook('onRequest', async request => {
      hooked?.(request)
      await gate
    })
    const { default: sockets } = await import('fastify-sockets')
`

test('imported late, a client that leaves during such a hook takes up no place', async t => {
  const { code, stdout, stderr } = await runScript(`${LATE}
    app.register(sockets, { limits: { connections: 1 } })
    app.register(async child => { child.get('/room', { ws: true }, socket => { socket.close(4000) }) })
    await app.listen({ port: 0 })
    const { port } = app.server.address()
    let letGo
    gate = new Promise(resolve => { letGo = resolve })
    const client = connect(port)
    client.write(HANDSHAKE)
    const { raw } = await new Promise(resolve => { hooked = resolve })
    const gone = new Promise(resolve => { raw.on('close', resolve) })
    client.resetAndDestroy()
    await gone
    letGo()
    while (app.sockets.stats().refused === 0) await new Promise(setImmediate)
    console.log((await (await app.injectWS('/room')).closed).code)
    await app.close()
  }
  main()`)
  t.equal(code, 0, stderr)
  t.equal(stdout.trim(), '4000')
})

test('imported late, hooks of the route have no longer than handshakeTimeout', async t => {
  const { code, stdout, stderr } = await runScript(`${LATE}
    gate = new Promise(resolve => { setImmediate(resolve) })
    app.register(sockets, { handshakeTimeout: 20 })
    app.register(async child => {
      child.get('/room', { ws: true, preHandler: () => new Promise(() => {}) }, () => {})
    })
    await app.ready()
    console.log(await app.injectWS('/room').catch(error => error.statusCode))
    await app.close()
  }
  main()`)
  t.equal(code, 0, stderr)
  t.equal(stdout.trim(), '503')
})
