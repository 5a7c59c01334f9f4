import { once } from 'node:events'
import http2 from 'node:http2'
import { text } from 'node:stream/consumers'
import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { errorBody, linesWith } from '../support/handshakes.ts'
import { handshake, KEY, RawClient } from '../support/raw-client.ts'

const NGINX = 'nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
const PLAIN = "'/room' is a WebSocket route: connect with a WebSocket client"

const LOST: Array<[name: string, headers: Record<string, string | undefined>, said: string]> = [
  ['both headers', { Upgrade: undefined, Connection: undefined }, '(the header Upgrade is missing, the header Connection is missing)'],
  ['Upgrade, with Connection: close', { Upgrade: undefined, Connection: 'close' },
    "(the header Upgrade is missing, the header Connection is 'close', without 'Upgrade')"],
  ['Upgrade alone', { Upgrade: undefined }, '(the header Upgrade is missing)'],
  ['Connection alone', { Connection: undefined }, '(the header Connection is missing)'],
  ['the token of Connection', { Connection: 'keep-alive' }, "(the header Connection is 'keep-alive', without 'Upgrade')"],
  ['all but the version', { Upgrade: undefined, Connection: undefined, 'Sec-WebSocket-Key': undefined }, '(the header Upgrade is missing,'],
  ['all but the key', { Upgrade: undefined, Connection: undefined, 'Sec-WebSocket-Version': undefined }, '(the header Upgrade is missing,'],
  ['the word websocket', { Upgrade: 'h2c', Connection: 'close' }, "(the header Upgrade is 'h2c', without 'websocket',"],
  ['a header to one that is very long', { Upgrade: undefined, Connection: `x${'y'.repeat(1000)}` },
    `the header Connection is 'x${'y'.repeat(255)}…', without`]
]

for (const [name, headers, said] of LOST) {
  test(`a handshake that has lost ${name} is told so, with the lines of nginx`, async t => {
    const app = createApp(t)
    app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
    const client = new RawClient(await listen(app))
    client.write(handshake('/room', headers))
    const response = await client.response()
    t.equal(response.status, 426)
    const { code, message } = errorBody(response)
    t.equal(code, 'FST_ERR_WS_UPGRADE_REQUIRED')
    t.ok(message.includes(said), message)
    t.ok(message.endsWith(NGINX), message)
    await client.destroy()
  })
}

test('a handshake that came by HTTP/1.0, as from nginx by default, is told so', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  const client = new RawClient(await listen(app))
  client.write(`GET /room HTTP/1.0\r\nHost: app.example\r\nConnection: close\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`)
  const { message } = errorBody(await client.response())
  t.ok(message.includes("(HTTP/1.0 has no upgrade, the header Upgrade is missing, the header Connection is 'close', without 'Upgrade')"), message)
  t.ok(message.endsWith(NGINX))
  await client.destroy()
})

test('an upgrade by HTTP/1.0 is told what nginx needs', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  const client = new RawClient(await listen(app))
  client.write(handshake('/room').replace('HTTP/1.1', 'HTTP/1.0'))
  const response = await client.response()
  t.equal(response.status, 400)
  t.match(errorBody(response).message, /needs HTTP\/1\.1 or higher .*; nginx: proxy_http_version 1\.1;$/)
  await client.destroy()
})

test('over HTTP/2 a handshake that came as a GET is told what it should have been', { timeout: 5000 }, async t => {
  const app = createApp(t, {}, { http2: true } as any)
  app.get('/room', { ws: true }, () => {})
  const session = http2.connect(`http://127.0.0.1:${await listen(app)}`)
  t.teardown(() => session.destroy())
  const stream = session.request({ ':path': '/room', 'sec-websocket-version': '13' })
  const [headers] = await once(stream, 'response')
  t.equal(headers[':status'], 426)
  t.match(errorBody({ body: await text(stream) }).message, /: over HTTP\/2 a handshake is an extended CONNECT \(RFC 8441\), not a GET/)
})

test('a handshake by app.inject() is told of app.injectWS()', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-key': KEY, 'sec-websocket-version': '13' }
  const response = await app.inject({ url: '/room', headers })
  t.equal(response.statusCode, 426)
  t.match(response.json().message, /app\.inject\(\) cannot upgrade, app\.injectWS\(\) can$/)
})

test('a plain GET is told to come with a WebSocket client, whatever other headers it has', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  t.equal((await app.inject('/room')).json().message, PLAIN)
  t.equal((await app.inject({ url: '/room', headers: { 'sec-websocket-protocol': 'chat' } })).json().message, PLAIN)
})

test('a route that serves plain requests serves such a handshake as one, and the log says what it has lost', async t => {
  const app = createApp(t)
  app.route({ method: 'GET', url: '/room', handler: async () => 'http', ws: { handler: () => { t.fail('the handler was called') } } })
  const client = new RawClient(await listen(app))
  client.write(handshake('/room', { Upgrade: undefined, Connection: 'close' }))
  t.equal((await client.response()).body, 'http')
  t.match(linesWith(app.lines, 'a WebSocket handshake is served as a plain request'), [
    { level: 30, reqId: String, lost: /the header Upgrade is missing, .* proxy_set_header Upgrade/ }
  ])
  t.equal((await app.inject('/room')).body, 'http')
  t.equal(linesWith(app.lines, 'a WebSocket handshake is served as a plain request').length, 1)
  await client.destroy()
})
