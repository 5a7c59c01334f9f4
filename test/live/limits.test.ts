import sockets from 'fastify-sockets'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { errorBody, lastResponse, linesWith, waitingRoute } from '../support/handshakes.ts'
import { handshake, RawClient, type WireResponse } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

const ROOM = '/room'

/** A client whose handshake passes; gone when the test ends. */
async function enter (t: Test, port: number, url = ROOM, headers: Record<string, string> = {}): Promise<RawClient> {
  const client = await RawClient.open(port, url, headers)
  t.teardown(() => client.destroy())
  return client
}

/** The response to a handshake that is refused. */
function knock (port: number, url = ROOM, headers: Record<string, string> = {}): Promise<WireResponse> {
  return lastResponse(port, handshake(url, headers))
}

const FULL = {
  statusCode: 503,
  code: 'FST_ERR_WS_FULL',
  error: 'Service Unavailable',
  message: 'there is no room for another connection; try again later'
}
const TOO_MANY = {
  statusCode: 429,
  code: 'FST_ERR_WS_TOO_MANY',
  error: 'Too Many Requests',
  message: 'at most 2 connections from this address; try again later'
}
const TOO_MANY_HANDSHAKES = {
  ...TOO_MANY, message: 'at most 2 handshakes from this address; try again later'
}

for (const { limits, body } of [
  { limits: { connections: 2 }, body: FULL },
  { limits: { connectionsPerAddress: 2 }, body: TOO_MANY },
  { limits: { handshakesPerAddress: 2 }, body: TOO_MANY_HANDSHAKES },
  // The narrower one is met first.
  { limits: { connections: 2, connectionsPerAddress: 3, handshakesPerAddress: 4 }, body: FULL },
  { limits: { connections: 4, connectionsPerAddress: 2, handshakesPerAddress: 3 }, body: TOO_MANY },
  { limits: { connections: 4, connectionsPerAddress: 3, handshakesPerAddress: 2 }, body: TOO_MANY_HANDSHAKES }
]) {
  for (const whose of ['plugin', 'route'] as const) {
    test(`${JSON.stringify(limits)} of the ${whose}: handshakes in a hook hold places, more are refused`, async t => {
      const app = createApp(t, whose === 'plugin' ? { limits } : {})
      const route = waitingRoute(app, ROOM, whose === 'route' ? limits : undefined)
      const port = await listen(app)
      const waiting = [enter(t, port), enter(t, port)]
      await until(() => route.inHook === 2)

      const response = await knock(port)
      t.equal(response.status, body.statusCode)
      t.same(errorBody(response), body)
      t.same(response.headers['retry-after'], ['5'])
      t.same(response.headers.connection, ['close'])
      t.equal(route.inHook, 2, 'no later hook has seen it')
      const [line, ...others] = linesWith(app.lines, "too many connections or handshakes: see the WebSocket option 'limits'")
      t.match(line, { level: 30, ip: '127.0.0.1', reqId: String })
      t.equal(others.length, 0)

      route.letGo()
      await Promise.all(waiting)
      t.match(app.sockets.stats(), { opened: 2, refused: 1 })
    })
  }
}

for (const limits of [{ connections: 1 }, { connectionsPerAddress: 1 }]) {
  test(`${JSON.stringify(limits)}: open connections hold places`, async t => {
    const app = createApp(t, { limits })
    app.get(ROOM, { ws: true }, () => {})
    const port = await listen(app)
    const client = await enter(t, port)
    await knock(port)
    await knock(port)
    await client.destroy()
    await until(() => app.sockets.size === 0)
    await enter(t, port)
    t.match(app.sockets.stats(), { opened: 2, refused: 2 })
  })
}

test('handshakesPerAddress: open connections hold no places', async t => {
  const app = createApp(t, { limits: { handshakesPerAddress: 1 } })
  app.get(ROOM, { ws: true, preHandler: async () => {} }, () => {})
  const port = await listen(app)
  for (let i = 0; i < 5; i++) await enter(t, port)
  t.match(app.sockets.stats(), { open: 5, refused: 0 })
})

test('a refusal goes through error handler and onSend, and the client may be told otherwise', async t => {
  const app = createApp(t, { limits: { connections: 1 } })
  app.setErrorHandler((error: any, _request, reply) => {
    reply.code(error.statusCode).header('retry-after', 60).send({ said: error.code })
  })
  app.addHook('onSend', async (_request, reply) => { reply.header('x-seen', 'yes') })
  app.get(ROOM, { ws: true }, () => {})
  const port = await listen(app)
  await enter(t, port)
  const { status, headers, body } = await knock(port)
  t.same([status, body], [503, '{"said":"FST_ERR_WS_FULL"}'])
  t.same([headers['retry-after'], headers['x-seen'], headers.connection], [['60'], ['yes'], ['close']])
})

test('a plugin’s limits count all its routes together, a route’s its own, and both hold', async t => {
  const app = createApp(t, { limits: { connections: 3 } })
  app.get('/one', { ws: { limits: { connectionsPerAddress: 1 } } }, () => {})
  app.get('/two', { ws: true }, () => {})
  app.get('/three', { ws: { limits: { connections: 2 } } }, () => {})
  const port = await listen(app)
  await enter(t, port, '/one')
  for (let i = 0; i < 5; i++) t.equal((await knock(port, '/one')).status, 429)
  await enter(t, port, '/two')
  await enter(t, port, '/three')
  for (const url of ['/two', '/three']) t.equal((await knock(port, url)).status, 503, `${url}: the plugin’s`)
})

test('a handshake that the route refuses takes nothing of the plugin’s places, for its address either', async t => {
  const app = createApp(t, { limits: { connections: 2, connectionsPerAddress: 2, handshakesPerAddress: 1 } })
  app.get('/one', { ws: { limits: { connections: 1 } } }, () => {})
  app.get('/two', { ws: true }, () => {})
  const port = await listen(app)
  await enter(t, port, '/one')
  for (let i = 0; i < 5; i++) t.equal((await knock(port, '/one')).status, 503)
  await enter(t, port, '/two')
  t.equal((await knock(port, '/two')).status, 503)
})

test('nested scopes each count their own', async t => {
  const app = createApp(t, { limits: { connections: 1 } })
  app.get('/parent', { ws: true }, () => {})
  app.register(async child => {
    child.register(sockets, { limits: { connections: 2 } })
    child.get('/child', { ws: true }, () => {})
    child.register(async grandchild => { grandchild.get('/grandchild', { ws: true }, () => {}) })
  })
  app.register(async child => {
    child.register(sockets)
    child.get('/free', { ws: true }, () => {})
  })
  const port = await listen(app)
  for (const url of ['/parent', '/child', '/grandchild', '/free', '/free']) await enter(t, port, url)
  for (const url of ['/parent', '/child', '/grandchild']) t.equal((await knock(port, url)).status, 503, url)
})

test('the two URLs of a prefix’s root are one route', async t => {
  const app = createApp(t)
  app.register(async child => { child.get('/', { ws: { limits: { connections: 1 } } }, () => {}) }, { prefix: '/p' })
  const port = await listen(app)
  await enter(t, port, '/p')
  t.equal((await knock(port, '/p/')).status, 503)
})

test('plain requests to a route with a handler for them are not counted', async t => {
  const app = createApp(t, { limits: { connections: 1, connectionsPerAddress: 1, handshakesPerAddress: 1 } })
  app.get(ROOM, { ws: { handler: () => {} } }, async () => 'plain')
  const port = await listen(app)
  for (let i = 0; i < 3; i++) t.equal((await app.inject(ROOM)).body, 'plain')
  await enter(t, port)
  t.equal((await app.inject(ROOM)).body, 'plain')
  t.equal((await knock(port)).status, 503)
})

test('injected clients count as well, as those of 127.0.0.1', async t => {
  const app = createApp(t, { limits: { connectionsPerAddress: 1 } })
  app.get(ROOM, { ws: true }, () => {})
  await app.ready()
  const client = await app.injectWS(ROOM)
  const refused: any = await app.injectWS(ROOM).catch(error => error)
  t.match(refused, { statusCode: 429, headers: { 'retry-after': '5' } })
  t.equal((await knock(await listen(app))).status, 429)
  await client.close()
  await (await app.injectWS(ROOM)).close()
})
