import type { FastifyInstance } from 'fastify'
import type { Socket } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { closeBody, masked } from '../support/frames.ts'
import { deferred, errorBody, frameText, lastResponse } from '../support/handshakes.ts'
import { handshake, RawClient, type WireResponse } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

function echo (socket: Socket): void {
  socket.on('message', message => { socket.send(message) })
}

/** The 101 that a handshake gets. */
async function accepted (t: Test, app: FastifyInstance, headers: Record<string, string> = {}): Promise<WireResponse> {
  const port = await listen(app)
  const client = new RawClient(port)
  client.write(handshake('/room', headers))
  const response = await client.response()
  t.equal(response.status, 101)
  await client.destroy()
  return response
}

test('the 101 carries the accept value of RFC 6455 section 1.3 and nothing that was not asked for', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, echo)
  const { headers } = await accepted(t, app, { 'Sec-WebSocket-Extensions': 'permessage-deflate' })
  t.same(headers['sec-websocket-accept'], ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo='])
  t.same(headers.upgrade, ['websocket'])
  t.same(headers.connection, ['Upgrade'])
  t.same(Object.keys(headers).sort(), ['connection', 'date', 'sec-websocket-accept', 'upgrade'])
})

for (const [name, protocols, offer, picked] of [
  ['the first of its own that the client offers', ['v2', 'v1'], 'v1, v2', 'v2'],
  ['the only one offered', ['v2', 'v1'], 'v0,v1', 'v1'],
  ['none where the client offers none', ['v2', 'v1'], undefined, undefined],
  ['none where none fits', ['v2'], 'v1, V2', undefined],
  ['none by itself', undefined, 'v1', undefined]
] as const) {
  test(`a route picks ${name}`, async t => {
    const app = createApp(t)
    let protocol: string | undefined
    app.get('/room', { ws: protocols === undefined ? true : { protocols } }, socket => { protocol = socket.protocol })
    const { headers } = await accepted(t, app, offer === undefined ? {} : { 'Sec-WebSocket-Protocol': offer })
    t.same(headers['sec-websocket-protocol']?.[0], picked)
    t.equal(protocol, picked ?? '')
  })
}

test('offers on several lines count as one list', async t => {
  const app = createApp(t)
  app.get('/room', { ws: { protocols: ['v2'] } }, () => {})
  const client = new RawClient(await listen(app))
  client.write(handshake('/room', { 'Sec-WebSocket-Protocol': 'v1\r\nsec-websocket-protocol: v2, v3' }))
  t.same((await client.response()).headers['sec-websocket-protocol'], ['v2'])
  await client.destroy()
})

test('frames in the segment of the handshake are the first messages', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, echo)
  const client = new RawClient(await listen(app))
  client.write(Buffer.concat([Buffer.from(handshake('/room')), masked(1, 'one'), masked(1, 'two')]))
  t.equal((await client.response()).status, 101)
  t.equal(await frameText(client), 'one')
  t.equal(await frameText(client), 'two')
  await client.destroy()
})

test('a whole conversation in the segment of the handshake reaches the handler, to the close', async t => {
  const app = createApp(t)
  const found: unknown[] = []
  const closed = deferred()
  app.get('/room', { ws: true }, socket => {
    socket.on('message', message => { found.push(message) })
    socket.on('close', ({ code }) => {
      found.push(code)
      closed.resolve()
    })
  })
  const client = new RawClient(await listen(app))
  const frames = [masked(1, 'one'), masked(1, 'two'), masked(8, closeBody(1000))]
  client.write(Buffer.concat([Buffer.from(handshake('/room')), ...frames]))
  t.equal((await client.response()).status, 101)
  t.same(await client.close(), { code: 1000, reason: '' })
  await client.end()
  await closed.promise
  t.same(found, ['one', 'two', 1000])
})

test('frames that come while an asynchronous hook runs are the first messages', async t => {
  const app = createApp(t)
  const running = deferred()
  const gate = deferred()
  app.addHook('preHandler', async request => {
    running.resolve()
    await until(() => request.raw.socket.bytesRead === sent)
    await gate.promise
  })
  app.get('/room', { ws: true }, echo)
  const client = new RawClient(await listen(app))
  const head = Buffer.concat([Buffer.from(handshake('/room')), masked(1, 'in the segment').subarray(0, 7)])
  const rest = [masked(1, 'in the segment').subarray(7), masked(1, 'later'), masked(1, 'later still').subarray(0, 9)]
  let sent = head.length + Buffer.concat(rest).length
  client.write(head)
  await running.promise
  for (const bytes of rest) client.write(bytes)
  gate.resolve()
  t.equal((await client.response()).status, 101)
  client.write(masked(1, 'later still').subarray(9))
  for (const text of ['in the segment', 'later', 'later still']) t.equal(await frameText(client), text)
  await client.destroy()
})

test('a client that sends more than 64 KiB without waiting for the 101 is cut off', async t => {
  const app = createApp(t)
  app.addHook('preHandler', () => new Promise(() => {}))
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  const client = new RawClient(await listen(app))
  client.write(handshake('/room'))
  client.write(masked(2, Buffer.alloc(300_000)))
  await client.end()
  t.equal(client.received.length, 0)
})

test('headers and cookies that hooks set are on the 101', async t => {
  const app = createApp(t)
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-one', 'onRequest').header('set-cookie', 'a=1')
  })
  app.addHook('preValidation', async (_request, reply) => { reply.header('set-cookie', ['b=2; Path=/', 'c=3']) })
  app.addHook('preHandler', async (_request, reply) => {
    reply.headers({ 'x-two': 'preHandler', 'x-number': 7 })
    reply.raw.setHeader('x-raw', 'of Node')
  })
  app.get('/room', { ws: true }, echo)
  const { headers } = await accepted(t, app)
  t.same(headers['x-one'], ['onRequest'])
  t.same(headers['x-two'], ['preHandler'])
  t.same(headers['x-number'], ['7'])
  t.same(headers['x-raw'], ['of Node'])
  t.same(headers['set-cookie'], ['a=1', 'b=2; Path=/', 'c=3'])
})

test('headers that belong to one hop, to a body or to the handshake itself are not taken from hooks', async t => {
  const app = createApp(t)
  const foreign = {
    connection: 'keep-alive', 'keep-alive': 'timeout=5', 'content-length': '10', 'content-type': 'text/plain',
    'transfer-encoding': 'chunked', trailer: 'x', upgrade: 'h2c', 'Sec-WebSocket-Accept': 'forged',
    'sec-websocket-protocol': 'forged', 'sec-websocket-extensions': 'permessage-deflate', 'sec-websocket-version': '13'
  }
  app.addHook('onRequest', async (_request, reply) => { reply.headers(foreign) })
  app.get('/room', { ws: true }, echo)
  const { headers } = await accepted(t, app)
  t.same(headers.connection, ['Upgrade'])
  t.same(headers.upgrade, ['websocket'])
  t.same(headers['sec-websocket-accept'], ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo='])
  t.same(Object.keys(headers).sort(), ['connection', 'date', 'sec-websocket-accept', 'upgrade'])
})

test('not even where a hook sets them on the response of Node', async t => {
  const app = createApp(t)
  app.addHook('onRequest', async (_request, reply) => {
    reply.raw.setHeader('content-length', '0')
    reply.raw.setHeader('connection', 'keep-alive')
    reply.raw.setHeader('sec-websocket-extensions', 'permessage-deflate')
  })
  app.get('/room', { ws: true }, echo)
  const { headers } = await accepted(t, app)
  t.same(headers.connection, ['Upgrade'])
  t.same(Object.keys(headers).sort(), ['connection', 'date', 'sec-websocket-accept', 'upgrade'])
})

test('a status that a hook sets without replying does not change the 101', async t => {
  const app = createApp(t)
  app.addHook('preHandler', async (_request, reply) => { reply.code(418) })
  app.get('/room', { ws: true }, echo)
  await accepted(t, app)
})

test('a header value that HTTP cannot carry, set by a hook, makes an error, whole, and no crash', async t => {
  const app = createApp(t)
  app.addHook('preHandler', async (_request, reply) => {
    reply.header('x-good', 'kept').header('x-bad', 'one\r\ntwo')
  })
  app.setErrorHandler((error: any, _request, reply) => {
    reply.removeHeader('x-bad')
    reply.code(500).send(`${error.code}`)
  })
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  const client = new RawClient(await listen(app))
  client.write(handshake('/room'))
  await client.end()
  t.match(client.received.toString(), /^HTTP\/1\.1 500 Internal Server Error\r\n/)
  const response = await client.response()
  t.equal(response.body, 'ERR_INVALID_CHAR')
  t.same(response.headers['x-good'], ['kept'])
  t.equal(response.headers.upgrade, undefined)
})

test('a header value that HTTP cannot carry and nobody removes does not crash the process either', async t => {
  const app = createApp(t)
  app.addHook('preHandler', async (_request, reply) => { reply.header('x-bad', 'one\r\ntwo') })
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  const response = await lastResponse(await listen(app), handshake('/room'))
  t.equal(response.status, 500)
  t.match(errorBody(response), { statusCode: 500 })
  t.equal(app.sockets.stats().opened, 0)
})
