import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { selfSigned } from '../support/certificate.ts'
import { connectionCount, deferred, errorBody, h2c, lastResponse } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

/** An app with HTTP routes beside its ws route. */
function mixedApp (t: Test, server = {}): FastifyInstance {
  const app = createApp(t, {}, server)
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  app.get('/plain', async ({ url, headers }) => ({ url, accept: headers.accept }))
  app.post('/post', async request => ({ got: request.body }))
  app.register(async child => {
    child.addContentTypeParser('*', (_request, payload, done) => { done(null, payload) })
    child.post('/size', async request => {
      let size = 0
      for await (const chunk of request.body as AsyncIterable<Buffer>) size += chunk.length
      return { size }
    })
  })
  return app
}

test('a GET that asks for h2c gets its HTTP answer', async t => {
  const response = await lastResponse(await listen(mixedApp(t)), h2c('GET', '/plain?x=1'))
  t.equal(response.status, 200)
  t.same(response.headers.connection, ['close'])
  t.same(JSON.parse(response.body), { url: '/plain?x=1', accept: 'a/b' })
})

test('a POST that asks for h2c is served with its body', async t => {
  const body = JSON.stringify({ text: 'hello ä' })
  const headers = { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }
  const response = await lastResponse(await listen(mixedApp(t)), h2c('POST', '/post', headers) + body)
  t.same([response.status, response.body], [200, '{"got":{"text":"hello ä"}}'])
})

test('its body may come in later segments', async t => {
  const app = mixedApp(t)
  const port = await listen(app)
  const body = JSON.stringify({ text: 'x'.repeat(1000) })
  const client = new RawClient(port)
  const running = deferred()
  app.server.on('request', () => running.resolve())
  const headers = { 'Content-Type': 'application/json', 'Content-Length': String(body.length) }
  client.write(h2c('POST', '/post', headers) + body.slice(0, 100))
  await running.promise
  client.write(body.slice(100, 500))
  await new Promise(setImmediate)
  client.write(body.slice(500))
  t.equal((await client.response()).body, `{"got":${body}}`)
  await client.end()
})

test('its body may be large, and chunked', async t => {
  const app = mixedApp(t)
  const port = await listen(app)
  const large = Buffer.alloc(3_000_000, 'x')
  const post = (headers: Record<string, string>) => h2c('POST', '/size', { 'Content-Type': 'a/b', ...headers })
  const whole = await lastResponse(port, post({ 'Content-Length': '3000000' }), large)
  t.equal(whole.body, '{"size":3000000}')

  const chunks = Array(30).fill(`186a0\r\n${'x'.repeat(100_000)}\r\n`)
  const chunked = await lastResponse(port, post({ 'Transfer-Encoding': 'chunked' }), ...chunks, '0\r\n\r\n')
  t.equal(chunked.body, '{"size":3000000}')
})

test('a POST that asks for a WebSocket is served with its body, as the HTTP request that it is', async t => {
  const app = mixedApp(t)
  const port = await listen(app)
  const headers = { 'Content-Type': 'application/json', 'Content-Length': '14', Connection: 'Upgrade, close' }
  const served = await lastResponse(port, handshake('/post', headers, 'POST') + '{"text":"one"}')
  t.same([served.status, served.body], [200, '{"got":{"text":"one"}}'])
  const refused = await lastResponse(port, handshake('/room', headers, 'POST') + '{"text":"one"}')
  t.equal(refused.status, 404)
})

test('an upgrade to something else on a ws route is told what the route is', async t => {
  const client = new RawClient(await listen(mixedApp(t)))
  client.write(h2c('GET', '/room'))
  const response = await client.response()
  t.equal(response.status, 426)
  t.equal(errorBody(response).code, 'FST_ERR_WS_UPGRADE_REQUIRED')
  t.match(response.headers.connection, [/\bclose\b/])
  t.match(response.headers.upgrade, ['websocket'])
  await client.destroy()
})

test('repeated headers and bytes beyond ASCII come through as they were', async t => {
  const app = createApp(t)
  app.get('/raw', async request => request.raw.rawHeaders)
  const port = await listen(app)
  const bytes = h2c('GET', '/raw').replace('Accept: a/b', 'X-Twice: one\r\nx-twice: two\r\nX-High: \u00e4\u00ff')
  const response = await lastResponse(port, Buffer.from(bytes, 'latin1'))
  const headers: string[] = JSON.parse(response.body)
  const first = headers.indexOf('X-Twice')
  t.same(headers.slice(first, first + 6), ['X-Twice', 'one', 'x-twice', 'two', 'X-High', '\u00e4\u00ff'])
})

test('an HTTP/1.0 request that asks for an upgrade is answered as such', async t => {
  const response = await lastResponse(await listen(mixedApp(t)), h2c('GET', '/plain').replace('HTTP/1.1', 'HTTP/1.0'))
  t.equal(response.status, 200)
})

test('a client that leaves in the middle of such a body harms nobody', async t => {
  const app = mixedApp(t)
  const port = await listen(app)
  const running = deferred()
  app.server.on('request', () => running.resolve())
  const client = new RawClient(port)
  client.write(h2c('POST', '/post', { 'Content-Type': 'application/json', 'Content-Length': '100' }) + '{"te')
  await running.promise
  client.reset()
  await until(async () => await connectionCount(app) === 0)
  t.equal((await lastResponse(port, h2c('GET', '/plain'))).status, 200)
})

test('a request for h2c behind an answered one on the same connection is served', async t => {
  const client = new RawClient(await listen(mixedApp(t)))
  client.write('GET /plain?1 HTTP/1.1\r\nHost: localhost\r\n\r\n')
  t.equal((await client.response()).status, 200)
  client.write(h2c('GET', '/plain?2'))
  t.match((await client.response()).body, '/plain?2')
  await client.end()
})

test('an upgrade pipelined behind an unanswered request ends the connection: two responses cannot share it', async t => {
  const app = mixedApp(t)
  const gate = deferred()
  app.get('/slow', async () => {
    await gate.promise
    return 'slow'
  })
  const client = new RawClient(await listen(app))
  client.write('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n' + handshake('/room'))
  await client.end()
  gate.resolve()
})

test('over HTTPS it is the same: GET, and POST with a body in parts', async t => {
  const certificate = await selfSigned()
  const app = mixedApp(t, { https: certificate })
  const port = await listen(app)
  const read = async (...writes: string[]) => {
    const socket = connectTls({ port, host: '127.0.0.1', ca: certificate.cert })
    await once(socket, 'secureConnect')
    for (const bytes of writes) {
      socket.write(bytes)
      await new Promise(setImmediate)
    }
    let text = ''
    for await (const chunk of socket) text += chunk
    return text
  }
  const got = await read(h2c('GET', '/plain'))
  t.match(got, /^HTTP\/1\.1 200 OK\r\n/)
  t.match(got, '{"url":"/plain","accept":"a/b"}')
  const headers = { 'Content-Type': 'application/json', 'Content-Length': '14' }
  const posted = await read(h2c('POST', '/post', headers), '{"text"', ':"one"}')
  t.match(posted, '{"got":{"text":"one"}}')
})
