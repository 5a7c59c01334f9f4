import type { FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { settledClock } from '../support/clock.ts'
import { connectionCount, errorBody, frameText, lastResponse } from '../support/handshakes.ts'
import { handshake, KEY, RawClient, type WireResponse } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

/** An app whose handler must not be called. */
function closedRoom (t: Test): FastifyInstance {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  return app
}

/** Every refusal is a whole HTTP response that says it is the last one. */
function isWholeError (t: Test, response: WireResponse, status: number, code: string, message: string | RegExp): void {
  const body = errorBody(response)
  t.equal(response.status, status)
  t.same(response.headers['content-length'], [String(Buffer.byteLength(response.body))])
  t.match(response.headers.connection?.[0], /^close\b/)
  t.match(body, { statusCode: status, code, message })
}

/** A handshake with lines of its own in place of those of a header. */
function withLines (name: string, ...lines: string[]): string {
  return handshake('/room', { [name]: undefined }).replace('\r\n\r\n', `\r\n${lines.join('\r\n')}\r\n\r\n`)
}

/** A handshake with this key. */
function withKey (key: string | undefined): string {
  return handshake('/room', { 'Sec-WebSocket-Key': key })
}

const ONCE = 'must not appear more than once'
const BAD_KEY = 'Sec-WebSocket-Key must be 16 bytes in base64'
const BAD_PROTOCOLS = 'Sec-WebSocket-Protocol must be a list of different tokens'

const REFUSALS: Array<[name: string, bytes: string, message: string]> = [
  ['HTTP/1.0', handshake('/room').replace('HTTP/1.1', 'HTTP/1.0'), 'HTTP/1.1 or higher'],
  ['no Host', handshake('/room', { Host: undefined }), 'Host is missing'],
  ['an empty Host', handshake('/room', { Host: '' }), 'Host is missing'],
  ['two Hosts', withLines('Host', 'Host: one.example', 'Host: two.example'), `Host ${ONCE}`],
  ['two keys', withLines('Sec-WebSocket-Key', ...Array(2).fill(`Sec-WebSocket-Key: ${KEY}`)), ONCE],
  ['two versions', withLines('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 13', 'sec-websocket-version: 8'), ONCE],
  ['two origins', withLines('Origin', ...Array(2).fill('Origin: http://localhost')), `Origin ${ONCE}`],
  ['no key', withKey(undefined), BAD_KEY],
  ['an empty key', withKey(''), BAD_KEY],
  ['a key of 15 bytes', withKey('MTIzNDU2Nzg5MDEyMzQ1'), BAD_KEY],
  ['a key of 17 bytes', withKey('MTIzNDU2Nzg5MDEyMzQ1Njc='), BAD_KEY],
  ['a key without padding', withKey(KEY.slice(0, -2)), BAD_KEY],
  ['a key that is not base64', withKey('dGhlIHNhbXBsZSBub25j*g=='), BAD_KEY],
  ['a key with bits left over', withKey('dGhlIHNhbXBsZSBub25jZR=='), BAD_KEY],
  ['one subprotocol on two lines', withLines('X', ...Array(2).fill('Sec-WebSocket-Protocol: chat')), BAD_PROTOCOLS]
]
for (const protocols of ['', ',', 'chat,', 'chat,,talk', 'chat talk', 'chat, chat', 'cha(t)', '"chat"']) {
  const bytes = handshake('/room', { 'Sec-WebSocket-Protocol': protocols })
  REFUSALS.push([`the subprotocols '${protocols}'`, bytes, BAD_PROTOCOLS])
}

for (const [name, bytes, message] of REFUSALS) {
  test(`a handshake with ${name} gets 400 and the connection ends`, async t => {
    const app = closedRoom(t)
    const port = await listen(app)
    isWholeError(t, await lastResponse(port, bytes), 400, 'FST_ERR_WS_HANDSHAKE', message)
    await until(async () => await connectionCount(app) === 0)
  })
}

for (const version of [undefined, '', '8', '7', '14', '013', '13, 8', '1 3', 'thirteen']) {
  test(`a handshake of version '${version}' gets 426 with the version there is, and the connection ends`, async t => {
    const app = closedRoom(t)
    const port = await listen(app)
    const response = await lastResponse(port, handshake('/room', { 'Sec-WebSocket-Version': version }))
    isWholeError(t, response, 426, 'FST_ERR_WS_VERSION', 'Sec-WebSocket-Version must be 13')
    t.same(response.headers['sec-websocket-version'], ['13'])
    t.same(response.headers.upgrade, ['websocket'])
    t.same(response.headers.connection, ['close, Upgrade'])
  })
}

for (const [name, headers] of [
  ['Upgrade in another case', { Upgrade: 'WebSocket' }],
  ['Upgrade in capitals', { Upgrade: 'WEBSOCKET' }],
  ['a list of protocols in Upgrade', { Upgrade: 'h2c, websocket' }],
  ['Connection in lower case', { Connection: 'upgrade' }],
  ['Connection in capitals', { Connection: 'UPGRADE' }],
  ['a list of tokens in Connection', { Connection: 'keep-alive, Upgrade' }],
  ['headers in lower case', {
    Upgrade: undefined, upgrade: 'websocket', 'Sec-WebSocket-Key': undefined, 'sec-websocket-key': KEY
  }]
] as Array<[string, Record<string, string | undefined>]>) {
  test(`a handshake with ${name} is accepted`, async t => {
    const app = createApp(t)
    app.get('/room', { ws: true }, () => {})
    const client = await RawClient.open(await listen(app), '/room', headers)
    await client.destroy()
  })
}

test('a handshake with Connection on two lines is accepted', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  const client = new RawClient(await listen(app))
  client.write(withLines('Connection', 'Connection: keep-alive', 'Connection: Upgrade'))
  t.equal((await client.response()).status, 101)
  await client.destroy()
})

for (const [name, headers] of [
  ['no Upgrade', { Upgrade: undefined }],
  ['no Connection', { Connection: undefined }],
  ['another token in Connection', { Connection: 'keep-alive' }]
] as const) {
  test(`a request with ${name} asks for no upgrade, and is told what the route is`, async t => {
    const client = new RawClient(await listen(closedRoom(t)))
    client.write(handshake('/room', headers))
    const response = await client.response()
    t.equal(response.status, 426)
    t.equal(errorBody(response).code, 'FST_ERR_WS_UPGRADE_REQUIRED')
    await client.destroy()
  })
}

for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
  test(`a handshake with the method ${method} gets the answer of an HTTP request`, async t => {
    const port = await listen(closedRoom(t))
    const response = await lastResponse(port, handshake('/room', { 'Content-Length': '0', Connection: 'Upgrade, close' }, method))
    t.equal(response.status, 404)
    t.same(response.headers.connection, ['close'])
  })
}

test('a handshake for an unknown URL gets the 404 of setNotFoundHandler, whole', async t => {
  const app = closedRoom(t)
  app.setNotFoundHandler((request, reply) => {
    reply.code(404).header('x-who', 'handler').send(`nothing at ${request.url}`)
  })
  const response = await lastResponse(await listen(app), handshake('/nowhere?x=1'))
  t.equal(response.status, 404)
  t.equal(response.body, 'nothing at /nowhere?x=1')
  t.same(response.headers['x-who'], ['handler'])
  t.same(response.headers['content-length'], ['23'])
  t.same(response.headers.connection, ['close'])
})

test('a handshake for an HTTP route is served as the request that it also is', async t => {
  const app = closedRoom(t)
  app.get('/plain', async () => 'http')
  const response = await lastResponse(await listen(app), handshake('/plain'))
  t.same([response.status, response.body, response.headers.connection], [200, 'http', ['close']])
})

test('a URL that cannot be decoded gets the 400 of Fastify, whole', async t => {
  const app = createApp(t)
  app.get('/rooms/:room', { ws: true }, () => { t.fail('the handler was called') })
  const response = await lastResponse(await listen(app), handshake('/rooms/%E0%A4%A'))
  t.equal(response.status, 400)
  t.equal(errorBody(response).code, 'FST_ERR_BAD_URL')
})

for (const [part, schema, url, headers] of [
  ['params', { params: { type: 'object', properties: { room: { type: 'integer' } } } }, '/rooms/seven', {}],
  ['querystring', { querystring: { type: 'object', required: ['token'] } }, '/rooms/7', {}],
  ['headers', { headers: { type: 'object', required: ['authorization'] } }, '/rooms/7', {}]
] as const) {
  test(`${part} that fail the schema get 400 before any upgrade`, async t => {
    const app = createApp(t)
    app.get('/rooms/:room', { ws: true, schema }, () => { t.fail('the handler was called') })
    const response = await lastResponse(await listen(app), handshake(url, headers))
    isWholeError(t, response, 400, 'FST_ERR_VALIDATION', new RegExp(`^${part}`))
  })
}

test('what passes the schema arrives coerced, as for an HTTP route', async t => {
  const app = createApp(t)
  const schema = {
    params: { type: 'object', properties: { room: { type: 'integer' } } },
    querystring: { type: 'object', properties: { lang: { type: 'string', default: 'en' } } }
  }
  app.get('/rooms/:room', { ws: true, schema }, (socket, request) => {
    socket.send(JSON.stringify([request.params, request.query]))
  })
  const client = await RawClient.open(await listen(app), '/rooms/7')
  t.same(JSON.parse(await frameText(client)), [{ room: 7 }, { lang: 'en' }])
  await client.destroy()
})

test('a client that stays after a refusal is read, ignored, and cut in the end', async t => {
  const app = closedRoom(t)
  const port = await listen(app)
  const clock = await settledClock(t)

  const client = new RawClient(port, { allowHalfOpen: true })
  client.write(handshake('/room', { 'Sec-WebSocket-Key': 'short' }))
  t.equal((await client.response()).status, 400)
  await client.end()
  await new Promise(resolve => client.socket.write(Buffer.alloc(1024 * 1024), resolve))
  clock.tick(4999)
  t.equal(await connectionCount(app), 1)
  clock.tick(1)
  await until(async () => await connectionCount(app) === 0)
  await client.destroy()
})

test('a client that leaves after a refusal leaves no timer behind', async t => {
  const app = closedRoom(t)
  const port = await listen(app)
  const clock = await settledClock(t)

  await lastResponse(port, handshake('/room', { 'Sec-WebSocket-Key': 'short' }))
  await until(async () => await connectionCount(app) === 0)
  await until(() => clock.countTimers() === 0)
})

test('a request pipelined behind one that has no answer yet ends the connection and nothing else', async t => {
  const app = closedRoom(t)
  app.get('/slow', () => new Promise(() => {}))
  app.get('/plain', async () => 'http')
  const port = await listen(app)

  const client = new RawClient(port)
  client.write('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n' + handshake('/room'))
  await client.end()
  t.equal(client.received.length, 0)
  t.equal((await lastResponse(port, handshake('/plain'))).body, 'http')
})

test('a handshake behind an answered request on the same connection is accepted', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  app.get('/plain', (_request, reply) => { reply.send('http') })
  const client = new RawClient(await listen(app))
  client.write('GET /plain HTTP/1.1\r\nHost: localhost\r\n\r\n')
  t.equal((await client.response()).body, 'http')
  client.write(handshake('/room'))
  t.equal((await client.response()).status, 101)
  await client.destroy()
})
