import { once } from 'node:events'
import * as http2 from 'node:http2'
import { text } from 'node:stream/consumers'
import type { Socket } from 'fastify-sockets'
import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { ask, errorBody, lastResponse } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'

function echo (socket: Socket): void {
  socket.on('message', message => { socket.send(message) })
}

test('one URL serves sockets and plain HTTP when ws has a handler of its own', async t => {
  const app = createApp(t)
  app.route({ method: 'GET', url: '/full', handler: async () => 'http', ws: { handler: echo } })
  app.get('/short', { ws: { handler: echo } }, async () => 'http')
  const port = await listen(app)

  for (const url of ['/full', '/short']) {
    t.equal(await ask(port, url, 'hello'), 'hello', `${url}: a socket`)
    const got = await fetch(`http://127.0.0.1:${port}${url}`)
    t.same([got.status, await got.text()], [200, 'http'], `${url}: GET`)
  }
})

test('the plain HTTP side of a URL with both answers HEAD as any GET route does', async t => {
  const app = createApp(t)
  app.route({ method: 'GET', url: '/full', handler: async () => 'http', ws: { handler: echo } })
  app.get('/short', { ws: { handler: echo } }, async () => 'http')
  const port = await listen(app)

  for (const url of ['/full', '/short']) {
    const head = await fetch(`http://127.0.0.1:${port}${url}`, { method: 'HEAD' })
    t.same([head.status, head.headers.get('content-length')], [200, '4'], `${url}: HEAD`)
  }
})

test('the HTTP handler of a URL with both has Fastify as this and gets request and reply', async t => {
  const app = createApp(t)
  const found: unknown[] = []
  app.get('/both/:id', { ws: { handler: echo } }, function (request, reply) {
    found.push(this === app, request.url)
    reply.code(202).send('sent by reply')
  })
  const port = await listen(app)

  const response = await fetch(`http://127.0.0.1:${port}/both/7`)
  t.same([response.status, await response.text()], [202, 'sent by reply'])
  t.same(found, [true, '/both/7'])
})

test('ws: false declares a plain HTTP route', async t => {
  const app = createApp(t)
  app.get('/plain', { ws: false } as any, async () => 'http')
  const port = await listen(app)

  const response = await fetch(`http://127.0.0.1:${port}/plain`)
  t.same([response.status, await response.text()], [200, 'http'])
  const refused = await lastResponse(port, handshake('/plain'))
  t.same([refused.status, refused.body], [200, 'http'], 'a handshake is served as the GET that it also is')
})

test('a plain GET on a ws-only route is explained with a 426, and its connection stays usable', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, echo)
  app.get('/plain', async () => 'http')
  const port = await listen(app)

  const client = new RawClient(port)
  client.write('GET /room HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const explained = await client.response()
  t.equal(explained.status, 426)
  t.same(explained.headers.upgrade, ['websocket'])
  t.same(explained.headers.connection, ['Upgrade'])
  t.match(errorBody(explained), {
    statusCode: 426,
    code: 'FST_ERR_WS_UPGRADE_REQUIRED',
    error: 'Upgrade Required',
    message: "'/room' is a WebSocket route"
  })

  client.write('GET /plain HTTP/1.1\r\nHost: localhost\r\n\r\n')
  t.equal((await client.response()).body, 'http')
  client.write(handshake('/room'))
  t.equal((await client.response()).status, 101)
  await client.destroy()
})

for (const [who, version, connection] of [
  ['a client that asks for the end of the connection', 'HTTP/1.1', 'Connection: close\r\n'],
  ['a client of HTTP/1.0', 'HTTP/1.0', '']
] as const) {
  test(`a plain GET on a ws-only route of ${who} ends it`, async t => {
    const app = createApp(t)
    app.get('/room', { ws: true }, echo)
    const client = new RawClient(await listen(app))
    client.write(`GET /room ${version}\r\nHost: localhost\r\n${connection}\r\n`)
    const explained = await client.response()
    t.equal(explained.status, 426)
    t.match(explained.headers.connection, [/\bclose\b/])
    client.write('GET /room HTTP/1.1\r\nHost: localhost\r\n\r\n')
    t.equal(await client.response().then(() => 'another response', () => 'the end'), 'the end')
    await client.destroy()
  })
}

test('a plain GET on a ws-only route over HTTP/2 is explained as well', { timeout: 5000 }, async t => {
  const app = createApp(t, {}, { http2: true } as any)
  app.get('/room', { ws: true }, echo)
  const session = http2.connect(`http://127.0.0.1:${await listen(app)}`)
  t.teardown(() => session.destroy())
  const stream = session.request({ ':path': '/room' })
  const [headers] = await once(stream, 'response')
  t.equal(headers[':status'], 426)
  t.match(errorBody({ body: await text(stream) }), { code: 'FST_ERR_WS_UPGRADE_REQUIRED' })
})
