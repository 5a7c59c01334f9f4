import { Readable } from 'node:stream'
import cookie from '@fastify/cookie'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { settledClock } from '../support/clock.ts'
import { deferred, errorBody, frameText, lastResponse } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { accepted } from '../support/transport.ts'
import { until } from '../support/until.ts'

const HOOKS = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const

/** Adds a hook of any name that does this with the reply. */
function addHook (app: FastifyInstance, name: typeof HOOKS[number], act: (reply: FastifyReply) => unknown): void {
  app.addHook(name as 'onRequest', async (_request, reply) => await act(reply) as any)
}

test('the hooks of a handshake run in the order of an HTTP request, then the handler, then onResponse', async t => {
  const app = createApp(t)
  const order: string[] = []
  const responded = deferred()
  for (const name of HOOKS) addHook(app, name, () => { order.push(name) })
  app.setValidatorCompiler(() => data => {
    order.push('validation')
    return { value: data }
  })
  app.addHook('onError', async () => { order.push('onError') })
  app.addHook('onTimeout', async () => { order.push('onTimeout') })
  app.addHook('onRequestAbort', async _request => { order.push('onRequestAbort') })
  app.addHook('onResponse', async (_request, reply) => {
    order.push(`onResponse ${reply.statusCode}`)
    responded.resolve()
  })
  const own = async () => { order.push('preHandler of the route') }
  app.get('/room', { ws: true, schema: { querystring: {} }, preHandler: own }, socket => {
    order.push('handler')
    socket.send('101 before this')
  })
  const client = await RawClient.open(await listen(app), '/room')
  await client.frame()
  await responded.promise
  client.send(8)
  await client.end()
  t.same(order, [
    'onRequest', 'preParsing', 'preValidation', 'validation', 'preHandler', 'preHandler of the route',
    'handler', `onResponse ${accepted}`
  ])
  await client.destroy()
})

for (const name of HOOKS) {
  test(`an ${name} hook may reply: no upgrade, the response whole, through onSend and onResponse`, async t => {
    const app = createApp(t)
    const responded = deferred<number>()
    addHook(app, name, reply => reply.code(401).header('www-authenticate', 'Basic').send('who are you?'))
    app.addHook('onSend', async (_request, reply, payload) => {
      reply.header('x-on-send', 'seen')
      return `${payload as string} really?`
    })
    app.addHook('onResponse', async (_request, reply) => { responded.resolve(reply.statusCode) })
    app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
    const response = await lastResponse(await listen(app), handshake('/room'))
    t.equal(response.status, 401)
    t.equal(response.body, 'who are you? really?')
    t.same(response.headers['www-authenticate'], ['Basic'])
    t.same(response.headers['x-on-send'], ['seen'])
    t.same(response.headers['content-length'], ['20'])
    t.same(response.headers.connection, ['close'])
    t.equal(await responded.promise, 401)
  })

  test(`an ${name} hook may throw: the error goes through setErrorHandler, onError, onSend and onResponse`, async t => {
    const app = createApp(t)
    const order: string[] = []
    const responded = deferred()
    addHook(app, name, () => { throw Object.assign(new Error('not you'), { statusCode: 403 }) })
    app.setErrorHandler((error: any, _request, reply) => {
      order.push('error handler')
      reply.code(error.statusCode).send({ said: error.message })
    })
    app.addHook('onError', async (_request, _reply, error) => { order.push(`onError ${error.message}`) })
    app.addHook('onSend', async () => { order.push('onSend') })
    app.addHook('onResponse', async () => {
      order.push('onResponse')
      responded.resolve()
    })
    app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
    const response = await lastResponse(await listen(app), handshake('/room'))
    t.same([response.status, response.body], [403, '{"said":"not you"}'])
    await responded.promise
    t.same(order, ['onError not you', 'error handler', 'onSend', 'onResponse'])
  })
}

test('an error that nobody handles gets the 500 of Fastify, whole', async t => {
  const app = createApp(t)
  addHook(app, 'preHandler', () => { throw new Error('on purpose') })
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  const response = await lastResponse(await listen(app), handshake('/room'))
  t.match(errorBody(response), { statusCode: 500, message: 'on purpose' })
})

test('a hook may redirect, or answer with a stream', async t => {
  const app = createApp(t)
  const declare = (url: string, answer: (reply: FastifyReply) => unknown) => {
    app.get(url, { ws: true, onRequest: async (_request, reply) => answer(reply) as any }, () => {})
  }
  declare('/redirect', reply => reply.redirect('/elsewhere'))
  declare('/stream', reply => reply.code(403).send(Readable.from(['no', ' way'])))
  const port = await listen(app)

  const redirect = await lastResponse(port, handshake('/redirect'))
  t.same([redirect.status, redirect.headers.location], [302, ['/elsewhere']])

  const client = new RawClient(port)
  client.write(handshake('/stream'))
  await client.end()
  t.match(client.received.toString(), /^HTTP\/1\.1 403 Forbidden\r\n/)
  // In HTTP/1.1 in chunks.
  t.match(client.received.toString(), /\r\n\r\n(?:[26]\r\n)?no(?:\r\n4\r\n)? way(?:\r\n0\r\n\r\n)?$/)
})

test('a hook that answers on its own after hijack keeps the handler out', async t => {
  const app = createApp(t)
  app.addHook('onRequest', async (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(429, { 'Content-Length': 4 }).end('slow')
  })
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  const response = await lastResponse(await listen(app), handshake('/room'))
  t.same([response.status, response.body, response.headers.connection], [429, 'slow', ['close']])
})

test('with attachValidation the handler finds what is wrong with the handshake on the request', async t => {
  const app = createApp(t)
  const schema = { querystring: { type: 'object', required: ['token'] } }
  app.get('/room', { ws: true, schema, attachValidation: true }, (socket, request) => {
    socket.send(`${request.validationError?.message}`)
  })
  const client = await RawClient.open(await listen(app), '/room')
  t.equal(await frameText(client), "querystring must have required property 'token'")
  await client.destroy()
})

test('what hooks put on the request is there in the handler, cookies among it', async t => {
  const app = createApp(t)
  app.register(cookie)
  app.decorateRequest('visitor', '')
  app.addHook('preHandler', async request => { Object.assign(request, { visitor: request.cookies.session }) })
  app.get('/room', { ws: true }, (socket, request) => { socket.send((request as any).visitor) })
  const client = await RawClient.open(await listen(app), '/room', { Cookie: 'session=abc; other=1' })
  t.equal(await frameText(client), 'abc')
  await client.destroy()
})

test('a cookie that a hook sets with @fastify/cookie is on the 101', async t => {
  const app = createApp(t)
  app.register(cookie)
  app.addHook('preHandler', async (_request, reply) => { reply.setCookie('session', 'abc', { path: '/' }) })
  app.get('/room', { ws: true }, () => {})
  const client = new RawClient(await listen(app))
  client.write(handshake('/room'))
  const { status, headers } = await client.response()
  t.equal(status, 101)
  t.same(headers['set-cookie'], ['session=abc; Path=/; SameSite=Lax'])
  await client.destroy()
})

test('a hook that takes longer than handlerTimeout ends in 503, and does not open a socket later', async t => {
  const app = createApp(t)
  const gate = deferred()
  const running = deferred()
  let signal: AbortSignal | undefined
  app.addHook('preHandler', async request => {
    signal = request.signal
    running.resolve()
    await gate.promise
  })
  app.get('/room', { ws: true, handlerTimeout: 1000 }, () => { t.fail('the handler was called') })
  const port = await listen(app)
  const clock = await settledClock(t)

  const response = lastResponse(port, handshake('/room'))
  await running.promise
  clock.tick(1000)
  t.match(errorBody(await response), { statusCode: 503, code: 'FST_ERR_HANDLER_TIMEOUT' })
  t.equal(signal?.aborted, true)
  gate.resolve()
  await new Promise(setImmediate)
  t.equal(app.sockets.stats().opened, 0)
})

test('handlerTimeout is over when the socket is open', async t => {
  const app = createApp(t, {}, { handlerTimeout: 1000 })
  let signal!: AbortSignal
  app.get('/room', { ws: { heartbeat: false } }, (socket, request) => {
    signal = request.signal
    socket.on('message', message => { socket.send(message) })
  })
  const port = await listen(app)
  const clock = await settledClock(t)

  const client = await RawClient.open(port, '/room')
  await until(() => app.sockets.size === 1)
  clock.tick(60_000)
  client.send(1, 'still here')
  t.equal(await frameText(client), 'still here')
  t.equal(signal.aborted, false)
  await client.destroy()
})

test('an HTTP request on a URL with both goes through its hooks, and never sees the handshake checks', async t => {
  const app = createApp(t)
  const order: string[] = []
  for (const name of HOOKS) addHook(app, name, () => { order.push(name) })
  app.get('/both', { ws: { handler: () => {} } }, async () => {
    order.push('handler')
    return 'http'
  })
  const response = await app.inject({ url: '/both', headers: { origin: 'http://elsewhere.example' } })
  t.same([response.statusCode, response.body], [200, 'http'])
  t.same(order, [...HOOKS, 'handler'])
})
