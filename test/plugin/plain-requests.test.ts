import { once } from 'node:events'
import * as http2 from 'node:http2'
import type { FastifyInstance } from 'fastify'
import { test, type Test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { deferred, errorBody, lastResponse } from '../support/handshakes.ts'
import { get, handshake, RawClient } from '../support/raw-client.ts'

const HOOKS = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const
const SCHEMA = {
  params: { type: 'object', properties: { room: { type: 'integer' } } },
  querystring: { type: 'object', required: ['token'], properties: { token: { type: 'string' } } },
  headers: { type: 'object', properties: { 'x-age': { type: 'integer' } } }
}

function neverCalled (t: Test) {
  return () => { t.fail('the handler was called') }
}

/** A plain request with further headers, the last one on its connection. */
function getWith (url: string, headers: string): string {
  return get(url).replace('\r\n\r\n', `\r\n${headers}\r\n\r\n`)
}

for (const name of HOOKS) {
  test(`what an ${name} hook of the route answers to a handshake, it answers to a plain request`, async t => {
    const app = createApp(t)
    app.get('/room', { ws: true, [name]: async (_request: unknown, reply: any) => reply.code(401).send('who are you?') }, neverCalled(t))
    app.get('/thrown', { ws: true, [name]: async () => { throw Object.assign(new Error('not you'), { statusCode: 403 }) } }, neverCalled(t))
    const port = await listen(app)
    for (const [url, status, body] of [['/room', 401, 'who are you?'], ['/thrown', 403, /not you/]] as const) {
      for (const request of [handshake(url), get(url)]) t.match(await lastResponse(port, request), { status, body })
    }
  })
}

for (const [what, url, headers] of [
  ['params', '/rooms/seven?token=1', 'X-Age: 1'],
  ['querystring', '/rooms/7', 'X-Age: 1'],
  ['headers', '/rooms/7?token=1', 'X-Age: old']
] as const) {
  test(`${what} that do not fit the schema are refused in a plain request as in a handshake`, async t => {
    const app = createApp(t)
    app.get('/rooms/:room', { ws: true, schema: SCHEMA }, neverCalled(t))
    const port = await listen(app)
    const [name, value] = headers.split(': ')
    const refused = await lastResponse(port, handshake(url, { [name!]: value }))
    const plain = await lastResponse(port, getWith(url, headers))
    t.equal(plain.status, 400)
    t.match(errorBody(plain).message, what)
    t.equal(plain.body, refused.body)
    t.equal((await lastResponse(port, getWith('/rooms/7?token=1', 'X-Age: 1'))).status, 426)
  })
}

test('a plain request that all hooks let pass gets the 426 in place of the handler, through the error handler', async t => {
  const app = createApp(t)
  const order: string[] = []
  const responded = deferred()
  const noting = (what: string) => async (): Promise<void> => { order.push(what) }
  for (const name of HOOKS) app.addHook(name as 'onRequest', noting(name))
  app.addHook('onResponse', async (_request, reply) => {
    order.push(`onResponse ${reply.statusCode}`)
    responded.resolve()
  })
  app.setErrorHandler((error: any, _request, reply) => {
    order.push(error.code)
    reply.code(error.statusCode).send({ said: error.message })
  })
  const own = Object.fromEntries([...HOOKS, 'onError'].map(name => [name, noting(`the route's ${name}`)]))
  app.get('/room', { ...own, ws: true, onSend: async (_request, reply) => { reply.header('x-on-send', 'seen') } }, neverCalled(t))
  const response = await lastResponse(await listen(app), get('/room'))
  t.match(response, {
    status: 426,
    headers: { upgrade: ['websocket'], connection: ['close, Upgrade'], 'x-on-send': ['seen'] },
    body: '{"said":"\'/room\' is a WebSocket route: connect with a WebSocket client"}'
  })
  await responded.promise
  t.same(order, [
    ...HOOKS.flatMap(name => [name, `the route's ${name}`]), "the route's onError", 'FST_ERR_WS_UPGRADE_REQUIRED', 'onResponse 426'
  ])
})

test('a hook may hijack a plain request', async t => {
  const app = createApp(t)
  app.get('/room', {
    ws: true,
    preHandler: async (_request, reply) => {
      reply.hijack()
      reply.raw.end('hijacked')
    }
  }, neverCalled(t))
  t.equal(await fetch(`http://127.0.0.1:${await listen(app)}/room`).then(response => response.text()), 'hijacked')
})

test('with attachValidation a plain request that does not fit would be let in, and is told so', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true, schema: { querystring: SCHEMA.querystring }, attachValidation: true }, socket => { socket.close() })
  const port = await listen(app)
  t.equal((await lastResponse(port, get('/room'))).status, 426)
  const client = await RawClient.open(port, '/room')
  await client.destroy()
})

test('a plain request counts for no limit, and none refuses it', async t => {
  const app = createApp(t, { limits: { connections: 1 } })
  app.get('/room', { ws: true }, () => {})
  const port = await listen(app)
  t.equal((await lastResponse(port, get('/room'))).status, 426)
  const client = await RawClient.open(port, '/room')
  const refused = await lastResponse(port, handshake('/room'))
  t.match([refused.status, refused.headers['retry-after']], [503, ['5']])
  t.equal((await lastResponse(port, get('/room'))).status, 426)
  t.match(app.sockets.stats(), { opened: 1, refused: 1 })
  await client.destroy()
})

test('there is no HEAD, and its hooks do not run', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true, onRequest: async () => { t.fail('the hook ran') } }, neverCalled(t))
  t.equal((await fetch(`http://127.0.0.1:${await listen(app)}/room`, { method: 'HEAD' })).status, 404)
})

test('a route that serves both runs its hooks once for a plain request', async t => {
  const app = createApp(t)
  let ran = 0
  app.get('/both', { ws: { handler: neverCalled(t) }, preHandler: async () => { ran++ } }, async () => 'http')
  t.match(await lastResponse(await listen(app), get('/both')), { status: 200, body: 'http' })
  t.equal(ran, 1)
})

test('over HTTP/2, too, the hooks come first', { timeout: 5000 }, async t => {
  const app = createApp(t, {}, { http2: true } as any) as FastifyInstance
  app.get('/room', {
    ws: true,
    onRequest: async (request, reply) => request.headers.authorization === undefined ? reply.code(401).send('who are you?') : undefined
  }, neverCalled(t))
  const session = http2.connect(`http://127.0.0.1:${await listen(app)}`)
  t.teardown(() => session.destroy())
  for (const [headers, status] of [[{}, 401], [{ authorization: 'me' }, 426]] as const) {
    const stream = session.request({ ':path': '/room', ...headers })
    stream.resume()
    const [response] = await once(stream, 'response')
    t.equal(response[':status'], status)
    t.notOk('upgrade' in response)
  }
})
