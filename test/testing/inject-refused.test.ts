import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { selfSigned } from '../support/certificate.ts'

/** What a promise that must not be fulfilled rejects with. */
async function refusal (connecting: Promise<unknown>): Promise<any> {
  let fulfilled
  try {
    fulfilled = await connecting
  } catch (error) {
    return error
  }
  throw new Error(`not refused: ${fulfilled}`)
}

test('a refused handshake rejects with the status, headers and body of the response', async t => {
  const app = createApp(t)
  app.addHook('preHandler', async (_request, reply) => {
    return reply.code(401).header('x-why', 'no token').send({ who: 'are you?' })
  })
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  await app.ready()
  t.match(await refusal(app.injectWS('/room')), {
    name: 'FastifyError',
    code: 'FST_ERR_WS_INJECT_REFUSED',
    message: 'the handshake was refused with status 401: {"who":"are you?"}',
    statusCode: 401,
    headers: { 'x-why': 'no token', 'content-type': 'application/json; charset=utf-8', connection: 'close' },
    body: '{"who":"are you?"}'
  })
})

test('an unknown URL rejects with 404, an HTTP route with whatever that answers', async t => {
  const app = createApp(t)
  app.get('/plain', async () => 'http')
  await app.ready()
  t.match(await refusal(app.injectWS('/nowhere')), { statusCode: 404 })
  t.match(await refusal(app.injectWS('/plain')), { statusCode: 200, body: 'http' })
})

test('it rejects for an unknown URL beside another upgrade listener too', { timeout: 5000 }, async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, socket => { socket.send('ours') })
  await listen(app)
  app.server.on('upgrade', () => {})
  const client = await app.injectWS('/room')
  t.same(await client[Symbol.asyncIterator]().next(), { done: false, value: 'ours' })
  t.match(await refusal(app.injectWS('/nowhere')), { statusCode: 404 })
})

test('a large response arrives whole', async t => {
  const app = createApp(t)
  app.addHook('onRequest', async (_request, reply) => reply.code(403).send('x'.repeat(500_000)))
  app.get('/room', { ws: true }, () => {})
  await app.ready()
  t.match(await refusal(app.injectWS('/room')), { statusCode: 403, body: 'x'.repeat(500_000) })
})

test('headers of the test win over those of the handshake, so that bad handshakes can be tested', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  await app.ready()
  const refused = (headers: Record<string, string>) => {
    return app.injectWS('/room', { headers }).then(() => 101, error => error.statusCode)
  }
  t.equal(await refused({ 'sec-websocket-key': 'short' }), 400)
  t.equal(await refused({ 'sec-websocket-version': '8' }), 426)
  t.equal(await refused({ origin: 'https://evil.example' }), 403)
  t.equal(await refused({ origin: 'https://app.example', host: 'app.example' }), 101)
  t.equal(await refused({ connection: 'keep-alive' }), 426)
})

for (const [what, server] of [
  ['HTTP', async () => ({})], ['HTTPS', async () => ({ https: await selfSigned() })],
  ['HTTP/2', async () => ({ http2: true })]
] as const) {
  test(`another protocol in Upgrade gets its HTTP answer on an ${what} instance`, { timeout: 5000 }, async t => {
    const app = createApp(t, {}, await server())
    app.get('/plain', async () => 'http')
    await listen(app)
    t.match(await refusal(app.injectWS('/plain', { headers: { upgrade: 'h2c' } })), { statusCode: 200, body: 'http' })
  })
}

test('the URL may be written as to a real server, or without the first slash', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, (socket, request) => { socket.send(request.url) })
  await app.ready()
  for (const url of ['room?a=1', '/room?a=1', 'ws://example.com/room?a=1']) {
    const client = await app.injectWS(url)
    t.equal((await client[Symbol.asyncIterator]().next()).value, '/room?a=1')
  }
})

test('a URL that is none and a malformed header reject', async t => {
  const app = createApp(t)
  await app.ready()
  t.match(await refusal(app.injectWS('http://')), { code: 'ERR_INVALID_URL' })
  t.match(await refusal(app.injectWS('/room', { headers: { 'x-bad': 'a\r\nb' } })), { code: 'ERR_INVALID_CHAR' })
  t.match(await refusal(app.injectWS('/room', { protocols: ['not a token'] })), { statusCode: 404 })
})

test('protocols that are not tokens are refused by the route', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  await app.ready()
  const wanted = { statusCode: 400, body: /Sec-WebSocket-Protocol/ }
  t.match(await refusal(app.injectWS('/room', { protocols: ['not a token'] })), wanted)
})

test('a connection that is cut in a hook rejects', async t => {
  const app = createApp(t)
  app.addHook('onRequest', request => new Promise(() => { request.raw.socket.destroy() }))
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  await app.ready()
  t.match(await refusal(app.injectWS('/room')), {
    code: 'FST_ERR_WS_INJECT_UNANSWERED',
    message: 'the handshake got no complete answer: socket hang up',
    cause: { code: 'ECONNRESET' }
  })
})

test('on an app that has closed it rejects with 503', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  await listen(app)
  await app.close()
  t.match(await refusal(app.injectWS('/room')), { statusCode: 503 })
})
