import type { AddressInfo } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Socket } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { listen } from '../support/app.ts'
import { deferred, errorBody, linesWith } from '../support/handshakes.ts'
import { turn, until } from '../support/until.ts'
import { type App, CANCEL, http2App, openSession, openSocket, openStream, refusal, type RequestHeaders } from './support.ts'

function echo (socket: Socket<any, any>): void {
  socket.on('message', message => { socket.send(message) })
}

/** The header fields of the 200 that a handshake gets. */
async function accepted (t: Test, app: App, headers: RequestHeaders = {}) {
  const client = await openSocket(await openSession(t, await listen(app)), '/room', headers)
  return client.headers!
}

test('an extended CONNECT is answered with 200, and what follows are frames', async t => {
  const app = http2App(t)
  app.get('/room', { ws: true }, echo)
  const session = await openSession(t, await listen(app))
  const client = await openSocket(session, '/room')
  t.same(Object.keys(client.headers!).sort(), [':status', 'date'])
  for (const text of ['one', 'two']) {
    client.send(1, text)
    t.equal(await client.text(), text)
  }
  t.match(app.sockets.stats(), { opened: 1, refused: 0, messagesIn: 2 })
})

test('several sockets share a session, each with its own messages', async t => {
  const app = http2App(t)
  app.get('/rooms/:room', { ws: true }, (socket, { params }) => {
    socket.on('message', message => { socket.send(`${(params as any).room} ${message}`) })
  })
  const session = await openSession(t, await listen(app))
  const clients = await Promise.all(['a', 'b', 'c'].map(room => openSocket(session, `/rooms/${room}`)))
  for (const client of clients) client.send(1, 'hello')
  t.same(await Promise.all(clients.map(client => client.text())), ['a hello', 'b hello', 'c hello'])
})

test('the handler gets the request as for an upgrade', async t => {
  const app = http2App(t)
  let found: FastifyRequest
  let socket: Socket<any, any>
  app.get('/rooms/:room', { ws: true }, (given, request) => {
    socket = given
    found = request
  })
  const port = await listen(app)
  const session = await openSession(t, port)
  await openSocket(session, '/rooms/7?lang=en', { 'x-one': '1' })
  await until(() => found !== undefined)
  const { method, url, host, protocol, params, query, ip, raw, routeOptions } = found!
  t.strictSame({ method, url, host, protocol, ip, route: routeOptions.url }, {
    method: 'GET', url: '/rooms/7?lang=en', host: `127.0.0.1:${port}`, protocol: 'http', ip: '127.0.0.1', route: '/rooms/:room'
  })
  t.match([params, query], [{ room: '7' }, { lang: 'en' }])
  t.equal(raw.httpVersion, '2.0')
  t.equal(found!.headers['x-one'], '1')
  t.equal(socket!.remoteAddress, '127.0.0.1')
  t.equal(socket!.request, found!)
  t.equal((found!.socket.address() as AddressInfo).port, port)
})

test('a route picks the first of its own subprotocols that the client offers, and agrees on compression', async t => {
  const app = http2App(t)
  const agreed: string[] = []
  app.get('/room', { ws: { protocols: ['v2', 'v1'], deflate: true } }, ({ protocol, extensions }) => {
    agreed.push(protocol, extensions)
  })
  const headers = await accepted(t, app, {
    'sec-websocket-protocol': 'v1, v2', 'sec-websocket-extensions': 'permessage-deflate; server_no_context_takeover'
  })
  t.equal(headers['sec-websocket-protocol'], 'v2')
  t.match(headers['sec-websocket-extensions'], /^permessage-deflate; .*server_no_context_takeover/)
  await until(() => agreed.length > 0)
  t.same(agreed, ['v2', headers['sec-websocket-extensions']])
})

test('headers and cookies that hooks set are on the 200', async t => {
  const app = http2App(t)
  app.addHook('onRequest', async (_request, reply) => { reply.header('x-one', 'onRequest').header('set-cookie', 'a=1') })
  app.addHook('preHandler', async (_request, reply) => {
    reply.headers({ 'x-two': 'preHandler', 'x-number': 7, 'set-cookie': ['b=2; Path=/', 'c=3'] })
    reply.raw.setHeader('x-raw', 'of Node')
  })
  app.addHook('onSend', async (_request, reply) => { reply.header('x-three', 'onSend') })
  app.get('/room', { ws: true }, echo)
  const headers = await accepted(t, app)
  t.match(headers, { 'x-one': 'onRequest', 'x-two': 'preHandler', 'x-three': 'onSend', 'x-number': '7', 'x-raw': 'of Node' })
  t.same(headers['set-cookie'], ['a=1', 'b=2; Path=/', 'c=3'])
})

for (const [where, set] of [
  ['the reply', (reply: FastifyReply, name: string, value: string) => { reply.header(name, value) }],
  ['the response of Node', (reply: FastifyReply, name: string, value: string) => { reply.raw.setHeader(name, value) }]
] as const) {
  test(`what belongs to a body, to HTTP/1.1 or to the handshake itself is not taken from hooks that set it on ${where}`, async t => {
    const app = http2App(t)
    const foreign = {
      'content-length': '10', 'content-type': 'text/plain', trailer: 'x', 'Sec-WebSocket-Accept': 'forged',
      'sec-websocket-protocol': 'forged', 'sec-websocket-extensions': 'permessage-deflate', 'sec-websocket-version': '13'
    }
    const ofHttp1 = { connection: 'keep-alive', 'keep-alive': 'timeout=5', 'transfer-encoding': 'chunked', upgrade: 'h2c' }
    // Node itself refuses these on a response of HTTP/2.
    const all = where === 'the reply' ? { ...foreign, ...ofHttp1 } : foreign
    app.addHook('onRequest', async (_request, reply) => {
      for (const [name, value] of Object.entries(all)) set(reply, name, value)
    })
    app.get('/room', { ws: true }, echo)
    t.same(Object.keys(await accepted(t, app)).sort(), [':status', 'date'])
  })
}

test('a status that a hook sets without replying does not change the 200', async t => {
  const app = http2App(t)
  app.addHook('preHandler', async (_request, reply) => { reply.code(418) })
  app.get('/room', { ws: true }, echo)
  t.equal((await accepted(t, app))[':status'], 200)
})

test('schemas of params, querystring and headers are checked before the connection opens', async t => {
  const app = http2App(t)
  const number = (name: string) => ({ type: 'object', required: [name], properties: { [name]: { type: 'integer' } } })
  let parsed: unknown[] = []
  app.get('/rooms/:room', {
    ws: true,
    schema: { params: number('room'), querystring: number('page'), headers: number('x-count') }
  }, (_socket, { params, query, headers }) => { parsed = [params, query, headers['x-count']] })
  const session = await openSession(t, await listen(app))
  for (const [path, headers, part] of [
    ['/rooms/a?page=1', { 'x-count': '1' }, 'params/room'],
    ['/rooms/1?page=a', { 'x-count': '1' }, 'querystring/page'],
    ['/rooms/1?page=1', { 'x-count': 'a' }, 'headers/x-count']
  ] as const) {
    const response = await refusal(openStream(session, path, headers))
    t.equal(response.status, 400)
    t.match(errorBody(response).message, `${part} must be integer`)
  }
  await openSocket(session, '/rooms/1?page=2', { 'x-count': '3' })
  await until(() => parsed.length > 0)
  t.match(parsed, [{ room: 1 }, { page: 2 }, 3])
})

test('hooks run in their order, once each, and onResponse as soon as the connection is open', async t => {
  const app = http2App(t)
  const calls: string[] = []
  const responded = deferred()
  app.addHook('onRequest', async ({ method }) => { calls.push(`onRequest ${method}`) })
  app.addHook('preParsing', async () => { calls.push('preParsing') })
  app.addHook('preValidation', async () => { calls.push('preValidation') })
  app.addHook('preHandler', async () => { calls.push('preHandler') })
  app.addHook('onSend', async (_request, reply) => { calls.push(`onSend ${reply.statusCode}`) })
  app.addHook('onResponse', async (_request, reply) => {
    calls.push(`onResponse ${reply.statusCode} ${reply.sent}`)
    responded.resolve()
  })
  app.addHook('onRequestAbort', async _request => { calls.push('onRequestAbort') })
  app.get('/room', { ws: true }, socket => {
    calls.push('handler')
    echo(socket)
  })
  const client = await openSocket(await openSession(t, await listen(app)), '/room')
  // The stream is open, and stays so.
  await responded.promise
  client.send(1, 'still there')
  t.equal(await client.text(), 'still there')
  const before = [
    'onRequest GET', 'preParsing', 'preValidation', 'preHandler', 'onSend 200', 'handler', 'onResponse 200 true'
  ]
  t.same([...calls].sort(), [...before].sort())
  t.same(calls.slice(0, 5), before.slice(0, 5))
  client.stream.close(CANCEL)
  await until(() => app.sockets.size === 0)
  for (let i = 0; i < 5; i++) await turn()
  t.equal(calls.length, before.length, 'the end of the connection is that of no request')
  t.equal(linesWith(app.lines, 'request completed').length, 1)
  t.match(linesWith(app.lines, 'request completed'), [{ res: { statusCode: 200 } }])
})

test('an asynchronous hook changes none of it', async t => {
  const app = http2App(t)
  const statuses: number[] = []
  app.addHook('preHandler', async () => { for (let i = 0; i < 5; i++) await turn() })
  app.addHook('onResponse', async (_request, reply) => { statuses.push(reply.statusCode) })
  app.get('/room', { ws: true }, echo)
  const client = await openSocket(await openSession(t, await listen(app)), '/room')
  client.send(1, 'hello')
  t.equal(await client.text(), 'hello')
  t.same(statuses, [200])
})

test('request.signal does not abort for a socket that was opened and then lost', async t => {
  const app = http2App(t)
  const ended = deferred()
  let signal: AbortSignal
  app.addHook('onRequest', async request => { signal = request.signal })
  app.addHook('onRequestAbort', async _request => { t.fail('onRequestAbort was called') })
  app.get('/room', { ws: true }, socket => { socket.on('close', () => ended.resolve()) })
  const session = await openSession(t, await listen(app))
  for (const lose of [
    async () => { (await openSocket(session, '/room')).stream.close(CANCEL) },
    async () => {
      await openSocket(session, '/room')
      session.destroy()
    }
  ]) {
    await lose()
    await ended.promise
    for (let i = 0; i < 5; i++) await turn()
    t.equal(signal!.aborted, false)
  }
  await until(() => app.sockets.size === 0)
})

test('a reply that has opened a connection is sent: to send again changes nothing', async t => {
  const app = http2App(t)
  let reply: FastifyReply
  app.addHook('preHandler', async (_request, given) => { reply = given })
  app.addHook('onResponse', async () => { reply.send('in a hook') })
  app.get('/room', { ws: true }, socket => {
    socket.send(`sent ${reply.sent}`)
    reply.code(500).send('a payload')
    socket.send('last')
  })
  const client = await openSocket(await openSession(t, await listen(app)), '/room')
  t.equal(await client.text(), 'sent true')
  t.equal(await client.text(), 'last')
  await until(() => app.lines.filter(({ msg }) => msg.startsWith('Reply was already sent')).length === 2)
  t.equal(client.received.length, 0)
})

test('the response of Node, written to and ended again, opens no second connection and writes nothing', async t => {
  const app = http2App(t)
  let reply: FastifyReply
  let handled = 0
  app.addHook('preHandler', async (_request, given) => { reply = given })
  app.get('/room', { ws: true }, socket => {
    t.equal(++handled, 1, 'the handler is called once')
    if (handled > 1) return
    reply.raw.write('a payload')
    reply.raw.end('and its end')
    setImmediate(() => {
      reply.raw.end()
      setImmediate(() => socket.send('last'))
    })
  })
  const client = await openSocket(await openSession(t, await listen(app)), '/room')
  t.equal(await client.text(), 'last')
  t.match(app.sockets.stats(), { open: 1, opened: 1 })
})
