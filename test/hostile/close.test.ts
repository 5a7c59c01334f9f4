import { once } from 'node:events'
import { connect, type Socket as NetSocket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { FastifyServerOptions } from 'fastify'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { selfSigned } from '../support/certificate.ts'
import { type Clock, settledClock } from '../support/clock.ts'
import { deferred } from '../support/handshakes.ts'
import {
  ACK, connectFields, DATA, END_HEADERS, END_STREAM, type Fields, GOAWAY, headerBlock, HEADERS, http2Frame, PREFACE,
  RST_STREAM, SETTINGS, uint32
} from '../support/http2-frames.ts'
import { handshake } from '../support/raw-client.ts'
import { uncaught } from '../support/uncaught.ts'
import { turn, until } from '../support/until.ts'

const TIMEOUT = 2000
/** Until then after the deadline what waits for a client is cut. */
const LINGER = 5000

const REQUEST = 'GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n'
const POST = 'POST /post HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nhalf'
const H2 = [Buffer.from(PREFACE), http2Frame(SETTINGS, 0, 0)]
const ACKED = http2Frame(SETTINGS, ACK, 0)
const NO_WINDOW = [Buffer.from(PREFACE), http2Frame(SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(0)])), ACKED]
const ask = (fields: Fields, flags = 0): Buffer => http2Frame(HEADERS, END_HEADERS | flags, 1, headerBlock(fields))
const ordinary = (method: string, path: string): Fields => [
  [':method', method], [':scheme', 'http'], [':path', path], [':authority', 'localhost']
]
const open = ask(connectFields('/'))
const goAway = http2Frame(GOAWAY, 0, 0, Buffer.concat([uint32(0), uint32(0)]))
const end = http2Frame(DATA, END_STREAM, 1)
const reset = http2Frame(RST_STREAM, 0, 1, uint32(8))
const violation = http2Frame(DATA, 0, 0, Buffer.from('x'))

interface Client {
  name: string
  bytes: Array<string | Buffer>
  /** It does not even read. */
  deaf?: true
  /** It resets its TCP connection in the end. */
  resets?: true
}

const OVER_HTTP1: Client[] = [
  { name: 'is silent', bytes: [] },
  { name: 'sends half a head', bytes: [handshake('/').slice(0, 40)] },
  { name: 'sends half a body', bytes: [POST] },
  { name: 'does not read an answer', bytes: [REQUEST], deaf: true },
  { name: 'keeps its connection alive', bytes: ['GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n'] },
  { name: 'opens a WebSocket and ignores the rest', bytes: [handshake('/')] },
  { name: 'opens a WebSocket and does not read', bytes: [handshake('/')], deaf: true },
  { name: 'waits in a hook', bytes: [handshake('/stuck')] },
  { name: 'is refused and stays', bytes: [handshake('/none')] },
  { name: 'does not read its refusal', bytes: [handshake('/large')], deaf: true }
]

const OVER_HTTP2: Client[] = [
  { name: 'is silent', bytes: [] },
  { name: 'sends half a preface', bytes: [PREFACE.slice(0, 10)] },
  { name: 'sends its preface only', bytes: [PREFACE] },
  { name: 'never acknowledges settings', bytes: [...H2] },
  { name: 'never acknowledges them and opens a WebSocket', bytes: [...H2, open] },
  { name: 'opens a WebSocket and ignores the rest', bytes: [...H2, ACKED, open] },
  { name: 'opens a WebSocket and does not read', bytes: [...H2, ACKED, open], deaf: true },
  { name: 'opens a WebSocket with no window', bytes: [...NO_WINDOW, open] },
  { name: 'asks for what is not found with no window', bytes: [...NO_WINDOW, ask(connectFields('/none'))] },
  { name: 'asks for another protocol with no window', bytes: [...NO_WINDOW, ask(connectFields('/', { ':protocol': 'x' }))] },
  { name: 'sends an ordinary request with no window', bytes: [...NO_WINDOW, ask(ordinary('GET', '/large'), END_STREAM)] },
  { name: 'sends half of an ordinary request', bytes: [...H2, ACKED, ask(ordinary('POST', '/post'))] },
  { name: 'waits in a hook', bytes: [...H2, ACKED, ask(connectFields('/stuck'))] },
  { name: 'waits in a hook with no window', bytes: [...NO_WINDOW, ask(connectFields('/stuck'))] },
  { name: 'goes away and stays', bytes: [...H2, ACKED, open, goAway] },
  { name: 'goes away and ends its stream', bytes: [...H2, ACKED, open, goAway, end] },
  { name: 'goes away, ends its stream and resets it', bytes: [...H2, ACKED, open, goAway, end, reset] },
  { name: 'goes away, ends its stream and resets', bytes: [...H2, ACKED, open, goAway, end], resets: true },
  { name: 'resets its stream and stays', bytes: [...H2, ACKED, open, reset] },
  { name: 'breaks HTTP/2 and stays', bytes: [...H2, ACKED, open, violation] },
  { name: 'breaks HTTP/2 and resets', bytes: [...H2, ACKED, open, violation], resets: true },
  { name: 'goes away, breaks HTTP/2 and stays', bytes: [...H2, ACKED, open, goAway, violation] },
  { name: 'breaks HTTP/2 without a stream', bytes: [...H2, ACKED, violation] },
  { name: 'is not of HTTP/2', bytes: ['x'.repeat(100)] }
]

/** An app whose shutdown takes as long as it may, because of one client that ignores it. */
async function shutdown (t: Test, server: object, holder: Client) {
  const app = createApp(t, { heartbeat: false, handshakeTimeout: 60_000, closeTimeout: 60_000, drain: { timeout: TIMEOUT } }, server)
  app.get('/', { ws: true }, () => {})
  app.get('/stuck', { ws: true, preHandler: () => new Promise(() => {}) }, () => {})
  app.get('/large', async () => 'x'.repeat(20_000_000))
  app.post('/post', async () => 'posted')
  const arrived: NetSocket[] = []
  app.server.prependListener('connection', (socket: NetSocket) => { arrived.push(socket) })
  const port = await listen(app)

  async function come (client: Client): Promise<void> {
    const before = arrived.length
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    t.teardown(() => { socket.destroy() })
    socket.on('error', () => {})
    if (client.deaf === undefined) socket.resume()
    for (const bytes of client.bytes) socket.write(bytes)
    await once(socket, 'connect')
    // What breaks the rules may be cut before all of it has come.
    await until(() => arrived.length > before && (arrived[before]!.destroyed || arrived[before]!.bytesRead >= socket.bytesWritten))
    for (let i = 0; i < 5; i++) await turn()
    if (client.resets) socket.resetAndDestroy()
  }

  const clock = await settledClock(t)
  await come(holder)
  await until(() => app.sockets.size === 1)
  return { app, clock, come }
}

/** Moves the clock until the app has closed; returns how long that took. */
async function timeToClose (clock: Clock, closed: Promise<void>): Promise<number> {
  let isClosed = false
  closed.then(() => { isClosed = true })
  let time = 0
  for (; time < 10 * LINGER; time += 100) {
    for (let i = 0; i < 5; i++) await turn()
    if (isClosed) return time
    clock.tick(100)
  }
  throw new Error('app.close() has not ended')
}

for (const [version, clients, server] of [
  ['HTTP/1.1', OVER_HTTP1, { http2: false }], ['HTTP/2', OVER_HTTP2, { http2: true }]
] as Array<[string, Client[], object]>) {
  const holder = clients.find(({ name }) => name === 'opens a WebSocket and ignores the rest')!
  for (const client of clients) {
    for (const when of ['before', 'during'] as const) {
      test(`over ${version}, a client that ${client.name}, come ${when} the shutdown, does not hold it`, async t => {
        const found = uncaught(t)
        const { app, clock, come } = await shutdown(t, server, holder)
        if (when === 'before') await come(client)
        const closed = app.close()
        if (when === 'during') await come(client)
        const time = await timeToClose(clock, closed)
        t.ok(time >= TIMEOUT, 'the deadline is theirs')
        t.ok(time <= TIMEOUT + LINGER, `it took ${time} ms`)
        t.same(found, [])
      })
    }
  }
}

for (const [name, hello] of [['never begins TLS', ''], ['sends half of a TLS record', '\x16\x03\x01\x02']]) {
  test(`a client that ${name} does not hold the shutdown of a server with TLS`, async t => {
    const app = createApp(t, { drain: { timeout: TIMEOUT } }, { https: await selfSigned() } as FastifyServerOptions)
    app.get('/', { ws: true }, () => {})
    const arrived: NetSocket[] = []
    app.server.on('connection', (socket: NetSocket) => { arrived.push(socket) })
    const port = await listen(app)
    const secure = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    t.teardown(() => { secure.destroy() })
    await once(secure, 'secureConnect')
    secure.resume().write('GET')
    const socket = connect(port, '127.0.0.1', () => { socket.write(hello) })
    t.teardown(() => { socket.destroy() })
    socket.on('error', () => {})
    await until(() => arrived.length === 2)
    const clock = await settledClock(t)
    t.ok(await timeToClose(clock, app.close()) <= TIMEOUT + LINGER)
  })
}

for (const isTls of [false, true]) {
  test(`an ordinary request over HTTP/1.1${isTls ? ' with TLS' : ''} may take as long as its handler works, and its answer is whole`, async t => {
    const app = createApp(t, { drain: { timeout: TIMEOUT } }, (isTls ? { https: await selfSigned() } : { http2: false }) as unknown as FastifyServerOptions)
    const reached = deferred()
    const gate = deferred()
    app.get('/slow', async () => {
      reached.resolve()
      await gate.promise
      return 'finished'
    })
    const port = await listen(app)
    const socket = isTls ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }) : connect(port, '127.0.0.1')
    socket.write('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await reached.promise
    const clock = await settledClock(t)
    const closed = app.close()
    await turn()
    clock.tick(TIMEOUT + 10 * LINGER)
    for (let i = 0; i < 5; i++) await turn()
    gate.resolve()
    let answer = ''
    socket.on('data', chunk => { answer += chunk })
    await until(() => answer.endsWith('finished'))
    t.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
    // It was kept alive.
    clock.tick(LINGER)
    await closed
    t.equal(clock.countTimers(), 0)
  })
}

test('a socket that belongs to somebody else is left alone', async t => {
  const app = createApp(t, { drain: { timeout: TIMEOUT } }, { http2: false } as FastifyServerOptions)
  app.get('/', { ws: true }, () => {})
  const theirs: NetSocket[] = []
  app.server.on('upgrade', (_request, socket) => { theirs.push(socket.resume() as NetSocket) })
  app.server.on('connect', (_request, socket) => { theirs.push(socket as NetSocket) })
  const port = await listen(app)
  for (const head of [handshake('/elsewhere'), 'CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n']) {
    const client = connect(port, '127.0.0.1', () => { client.write(head) })
    t.teardown(() => { client.destroy() })
  }
  await until(() => theirs.length === 2)
  const clock = await settledClock(t)
  const closed = app.close()
  for (let i = 0; i < 5; i++) await turn()
  clock.tick(TIMEOUT + 10 * LINGER)
  for (let i = 0; i < 5; i++) await turn()
  t.same(theirs.map(socket => socket.destroyed), [false, false])
  for (const socket of theirs) socket.destroy()
  await closed
})
