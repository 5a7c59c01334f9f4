import { once } from 'node:events'
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { test, type Test } from 'tap'
import { createClient } from '../../lib/client-node/index.ts'
import { createDial } from '../../lib/client-node/dial.ts'
import type { Line, LineOwner } from '../../lib/client/line.ts'
import { createApp, listen } from '../support/app.ts'
import { selfSigned } from '../support/certificate.ts'
import { fakeClock } from '../support/clock.ts'
import { frame } from '../support/frames.ts'
import { ACK, DATA, ENABLE_CONNECT_PROTOCOL, END_HEADERS, headerBlock, HEADERS, http2Frame, http2FramesIn, PREFACE, SETTINGS, uint32 } from '../support/http2-frames.ts'
import { TEXT } from '../support/opcodes.ts'
import { SilentRelay } from '../support/silent-relay.ts'
import { turn, until } from '../support/until.ts'
import { accept, served } from './http2-server.ts'
import { type Ask, dialer } from './support.ts'

const { key, cert } = await selfSigned()
const TLS = { tls: { ca: cert } }

test('all lines of a dial share a session, which ends with the last of them', async t => {
  const { url, sessions, streams } = await served(t, accept)
  const dial = dialer(t, TLS)
  const lines = [dial(url), dial(url)]
  await Promise.all(lines.map(({ opened }) => opened))
  lines.push(dial(url))
  await lines[2]!.opened
  t.equal(sessions.length, 1)
  t.equal(streams.length, 3)
  lines[0]!.line.drop()
  lines[1]!.line.drop()
  await until(() => streams[0]!.closed && streams[1]!.closed)
  t.notOk(sessions[0]!.closed, 'still there')
  lines[2]!.line.drop()
  await until(() => sessions[0]!.destroyed, 'the end of the session')
  await dial(url).opened
  t.equal(sessions.length, 2)
})

test('a server that has no WebSockets over HTTP/2 gets them over HTTP/1.1, and is not asked twice', async t => {
  const all = await served(t, accept, {})
  const dial = dialer(t, TLS)
  t.match(await dial(all.url).ended, { status: 418 })
  t.match(await dial(all.url).ended, { status: 418 })
  t.equal(all.upgrades, 2)
  t.equal(all.sessions.length, 1)
  t.equal(all.streams.length, 0)
})

test('a server that had no WebSockets over HTTP/2 is asked again after an hour', async t => {
  const all = await served(t, accept, {})
  const clock = fakeClock(t, 'performance')
  const dial = dialer(t, TLS)
  for (const [minutes, sessions] of [[0, 1], [59, 1], [2, 2], [59, 2]] as const) {
    clock.tick(minutes * 60_000)
    t.match(await dial(all.url).ended, { status: 418 })
    t.equal(all.sessions.length, sessions)
  }
})

test('a server that speaks HTTP/1.1 only gets the handshake on the connection that has found out', async t => {
  const app = createApp(t, {}, { https: { key, cert } } as Record<string, unknown>)
  app.get('/', { ws: true }, () => {})
  let connections = 0
  app.server.on('connection', () => { connections++ })
  const url = `wss://localhost:${await listen(app)}/`
  const dial = dialer(t, TLS)
  await Promise.all([dial(url).opened, dial(url).opened])
  t.equal(connections, 2)
})

test('a refusal tells its status, and ends no other line', async t => {
  let count = 0
  const { url } = await served(t, stream => {
    if (count++ === 0) accept(stream)
    else {
      stream.respond({ ':status': 503, 'retry-after': '2' })
      stream.end('away')
    }
  })
  const dial = dialer(t, TLS)
  const first = dial(url)
  await first.opened
  t.match(await dial(url).ended, { status: 503, body: 'away', retryAfter: 2000, initiator: 'remote' })
  t.same(first.heard, ['open'])
  first.line.drop()
})

for (const [name, answer, ending] of [
  ['an answer that was not asked for', (stream: ServerHttp2Stream) => { stream.respond({ ':status': 200, 'sec-websocket-protocol': 'x' }) }, { initiator: 'local', error: { code: 'FST_ERR_WS_CLIENT_HANDSHAKE' } }],
  ['an answer and a reset', (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200 })
    stream.close(8)
  }, { initiator: 'remote', status: 0 }],
  ['a reset', (stream: ServerHttp2Stream) => { stream.close(7) }, { initiator: 'remote', error: { code: 'ERR_HTTP2_STREAM_ERROR' } }],
  ['a reset without an error', (stream: ServerHttp2Stream) => { stream.close(8) }, { initiator: 'remote', error: { code: 'FST_ERR_WS_CLIENT_HANDSHAKE' } }],
  ['the end of the session', (stream: ServerHttp2Stream) => { stream.session!.destroy() }, { initiator: 'remote', status: 0 }]
] as const) {
  test(`a stream that is answered with ${name} ends the line`, async t => {
    const { url } = await served(t, answer)
    t.match(await dialer(t, TLS)(url).ended, ending)
  })
}

test('after GOAWAY the next line has a new session, and the old one stays', async t => {
  const { url, sessions, streams } = await served(t, accept)
  const dial = dialer(t, TLS)
  const old = dial(url)
  await old.opened
  sessions[0]!.goaway(0)
  // Its pong comes once the client has read what came before.
  await new Promise<void>(resolve => { sessions[0]!.ping(() => resolve()) })
  const line = dial(url)
  await line.opened
  await until(() => sessions.length === 2 || streams.length === 2)
  t.same(old.heard, ['open'])
})

test('a stream that was cut makes sure of the session, which goes on if the server answers', async t => {
  const { url, sessions, streams } = await served(t, accept)
  const dial = dialer(t, TLS)
  const stays = dial(url)
  const cut = dial(url)
  await Promise.all([stays.opened, cut.opened])
  const pinged = once(sessions[0]!, 'ping')
  cut.line.drop()
  await pinged
  // Until the answer is there, others have a session of their own.
  await dial(url).opened
  t.ok(sessions.length <= 2)
  t.equal(streams.length, 3)
  t.same(stays.heard, ['open'])
})

test('a line that is dropped while its session connects leaves nothing behind', async t => {
  const all = await served(t, accept)
  const dial = dialer(t, TLS)
  const one = dial(all.url)
  const other = dial(all.url)
  one.line.drop()
  await other.opened
  t.same(one.heard, [])
  other.line.drop()
  const [alone, both] = [dial(all.url), dial(all.url)]
  alone.line.drop()
  both.line.drop()
  await until(() => all.sessions.every(({ destroyed }) => destroyed))
  t.same(alone.heard, [])
  await new Promise(resolve => { all.server.close(resolve) })
})

test('a server that is not there fails every line that waits', async t => {
  const all = await served(t)
  await new Promise(resolve => { all.server.close(resolve) })
  const dial = dialer(t, TLS)
  for (const line of [dial(all.url), dial(all.url)]) t.match(await line.ended, { status: 0, initiator: 'remote', error: { code: 'ECONNREFUSED' } })
})

test('the first line that fails may drop those that wait with it', async t => {
  const all = await served(t)
  await new Promise(resolve => { all.server.close(resolve) })
  const target = { url: all.url, protocols: [], headers: {} }
  const told: string[] = []
  const owner = (name: string, onEnd = (): void => {}): LineOwner => ({
    onOpen () {}, onMessage () {}, onPong () {}, onEnd () { told.push(name); onEnd() }
  })
  const dial = createDial(TLS)
  dial(target, owner('first', () => second.drop()))
  const second = dial(target, owner('second'))
  dial(target, owner('third'))
  await until(() => told.length === 2)
  t.same(told, ['first', 'third'])
})

test('refusals do not make a session doubtful: whoever comes meanwhile goes over it too', async t => {
  let isRefusing = false
  const { url, sessions } = await served(t, stream => {
    if (!isRefusing) accept(stream)
    else if (stream.id! % 4 === 1) stream.close(constants.NGHTTP2_REFUSED_STREAM)
    else stream.respond({ ':status': 503 }, { endStream: true })
  })
  const dial = dialer(t, TLS)
  await dial(url).opened
  isRefusing = true
  const statuses = []
  for (let i = 0; i < 20; i++) {
    const [one, other] = [dial(url), dial(url)]
    statuses.push((await one.ended).status, (await other.ended).status)
  }
  t.same([...new Set(statuses)].sort(), [0, 503])
  t.equal(sessions.length, 1)
})

for (const when of ['at once', 'in the next tick'] as const) {
  test(`a line that is dropped ${when} by whoever is told of the certificate leaves nothing behind`, async t => {
    const { url } = await served(t, accept)
    let line: Line | undefined
    const told: unknown[] = []
    const dialled = dialer(t, {
      tls: {
        ca: cert,
        checkServerIdentity () {
          told.push('asked')
          if (when === 'at once') line!.drop()
          else process.nextTick(() => line!.drop())
          return undefined
        }
      }
    })(url)
    line = dialled.line
    await until(() => told.length > 0)
    for (let i = 0; i < 20; i++) await turn()
    t.same(dialled.heard, [])
  })
}

/** A server of raw frames, which accepts every WebSocket, and answers no ping. */
async function deafServer (t: Test): Promise<{ url: string, sockets: TLSSocket[], streams: number[] }> {
  const sockets: TLSSocket[] = []
  const streams: number[] = []
  const server = createTlsServer({ key, cert, ALPNProtocols: ['h2'] }, socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.write(http2Frame(SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, ENABLE_CONNECT_PROTOCOL]), uint32(1)])))
    let unread = Buffer.alloc(0)
    let preface = PREFACE.length
    socket.on('data', chunk => {
      const bytes = Buffer.concat([unread, chunk])
      const { frames, rest } = http2FramesIn(bytes.subarray(preface))
      if (bytes.length >= preface) preface = 0
      unread = preface === 0 ? rest : bytes
      for (const { type, flags, id } of frames) {
        if (type === HEADERS) {
          streams.push(id)
          socket.write(http2Frame(HEADERS, END_HEADERS, id, headerBlock([[':status', '200']])))
        }
        if (type === SETTINGS && (flags & ACK) === 0) socket.write(http2Frame(SETTINGS, ACK, 0))
      }
    })
  })
  server.listen(0)
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `wss://localhost:${(server.address() as AddressInfo).port}/`, sockets, streams }
}

test('a session is not given up while something comes over it, be its answer late', async t => {
  const { url, sockets, streams } = await deafServer(t)
  const dial = dialer(t, TLS)
  const [one, other] = [dial(url), dial(url)]
  await Promise.all([one.opened, other.opened])
  t.equal(sockets.length, 1)
  const clock = fakeClock(t)
  one.line.drop()
  await until(() => clock.countTimers() > 0, 'the question')
  for (let i = 2; i < 12; i++) {
    sockets[0]!.write(http2Frame(DATA, 0, streams[1]!, frame(TEXT, 'a part of much')))
    await until(() => other.heard.length === i, 'a message')
    clock.tick(10_000)
  }
  for (let i = 0; i < 20; i++) await turn()
  t.notOk(other.heard.includes('end'))
  clock.tick(10_000)
  t.match(await other.ended, { code: 1006 })
})

test('large messages go both ways', async t => {
  const app = createApp(t, {}, { http2: true, https: { key, cert } } as Record<string, unknown>)
  app.get('/', { ws: { maxPayload: 1e8, maxBuffered: 1e8 } }, socket => { socket.on('message', (message: any) => { socket.send(message) }) })
  const dialled = dialer(t, TLS)(`wss://localhost:${await listen(app)}/`)
  await dialled.opened
  const sent = Buffer.alloc(8_000_000, 7)
  dialled.line.send(sent)
  await until(() => dialled.heard.length > 1)
  t.ok(sent.equals(dialled.heard[1] as Buffer))
})

for (const [name, headers, told, code] of [
  ['of connections', { 'proxy-connection': 'close' }, /"proxy-connection"/, 'ERR_HTTP2_INVALID_CONNECTION_HEADERS'],
  ['of an upgrade to HTTP/2', { 'HTTP2-Settings': 'a' }, /"http2-settings"/, 'ERR_HTTP2_INVALID_CONNECTION_HEADERS'],
  ['that may be there once, in two spellings', { authorization: 'a', Authorization: 'b' }, /"authorization"/, 'ERR_HTTP2_HEADER_SINGLE_VALUE']
] as const) {
  test(`a header ${name} is an error over HTTP/2, whether the session is new or not`, async t => {
    const { url, streams } = await served(t, accept)
    const dial = dialer(t, TLS)
    const ask = { headers } as unknown as Ask
    const error = { code: 'FST_ERR_WS_CLIENT_HEADER', message: /over HTTP\/2.*option http2/, cause: { code } }
    const first = await dial(url, ask).ended
    t.match(first, { initiator: 'local', error })
    t.match(first.error!.message, told)
    await dial(url).opened
    t.match(await dial(url, ask).ended, { initiator: 'local', error })
    t.equal(streams.length, 1)
  })

  test(`a header ${name} is sent over HTTP/1.1`, async t => {
    const all = await served(t, accept, {})
    t.match(await dialer(t, TLS)(all.url, { headers } as unknown as Ask).ended, { status: 418, error: null })
    t.equal(all.upgrades, 1)
  })
}

for (const [name, headers] of [
  ['of the transfer', { 'transfer-encoding': 'chunked' }],
  ['that HTTP/2 allows with one value only', { te: 'gzip' }],
  ['of HTTP/2 itself', { ':path': '/other' }],
  ['without a name', { '': 'a' }],
  ['with a name that is none', { 'a b': 'c' }],
  ['with a character that is none', { a: '\u0400' }],
  ['whose value is none', { a: Object.create(null) }]
] as const) {
  test(`a header ${name} is the same error over HTTP/2, and harms no other line`, async t => {
    const { url, sessions } = await served(t, accept)
    const dial = dialer(t, TLS)
    const other = dial(url)
    await other.opened
    t.match(await dial(url, { headers } as unknown as Ask).ended, { initiator: 'local', error: { code: 'FST_ERR_WS_CLIENT_HEADER' } })
    await dial(url).opened
    t.equal(sessions.length, 1)
    t.same(other.heard, ['open'])
  })
}

test('a client does not try again with a header that HTTP/2 cannot send', async t => {
  const { url, sessions } = await served(t, accept)
  const socket = createClient(url, TLS).connect('/', { headers: { 'proxy-connection': 'close' } })
  t.match(await socket.closed, { error: { code: 'FST_ERR_WS_CLIENT_HEADER' } })
  t.equal(sessions.length, 1)
})

test('a session that has failed is not asked, even before all of its lines have heard of it', async t => {
  const { url, sessions, streams } = await served(t, stream => { if (streams.length > 2) accept(stream) })
  const dial = createDial(TLS)
  const told: unknown[] = []
  const lines: Line[] = []
  const begin = (onEnd: LineOwner['onEnd']): void => {
    lines.push(dial({ url, protocols: [], headers: {} }, { onOpen: () => told.push('open'), onMessage () {}, onPong () {}, onEnd }))
  }
  const end: LineOwner['onEnd'] = ({ error }) => told.push((error as { code?: string }).code)
  for (const name of ['first', 'second']) {
    begin(ending => {
      told.push(name)
      end(ending)
      begin(end)
    })
  }
  await until(() => streams.length === 2)
  sessions[0]!.goaway(2)
  await until(() => told.length >= 6)
  const failed = 'ERR_HTTP2_SESSION_ERROR'
  t.same(told, ['first', failed, 'second', failed, 'open', 'open'])
  t.equal(sessions.length, 2)
  for (const line of lines) line.drop()
})

test('a line that is dropped while a refusal is read says nothing', async t => {
  const { url, streams } = await served(t, stream => {
    stream.respond({ ':status': 503 })
    stream.write('a')
  })
  const dialled = dialer(t, TLS)(url)
  await until(() => streams.length === 1)
  // What the server has sent is read before its ping is.
  await new Promise<void>(resolve => { streams[0]!.session!.ping(() => resolve()) })
  dialled.line.drop()
  await until(() => streams[0]!.closed)
  t.same(dialled.heard, [])
})

test('a line that is dropped while a server keeps its SETTINGS leaves nothing behind', async t => {
  const sockets: TLSSocket[] = []
  const server = createTlsServer({ key, cert, ALPNProtocols: ['h2'] }, socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.resume()
  })
  server.listen(0)
  await once(server, 'listening')
  const dialled = dialer(t, TLS)(`wss://localhost:${(server.address() as AddressInfo).port}/`)
  await until(() => sockets.length === 1 && sockets[0]!.bytesRead > 24, 'the preface of HTTP/2')
  dialled.line.drop()
  await until(() => sockets[0]!.destroyed || sockets[0]!.readableEnded)
  t.same(dialled.heard, [])
  await new Promise(resolve => { server.close(resolve) })
})

test('a session whose server does not answer any more ends with all of its lines', async t => {
  const { url, streams } = await served(t, accept)
  const relay = await SilentRelay.to(() => Number(new URL(url).port))
  t.teardown(() => relay.close())
  const dial = dialer(t, TLS)
  const address = `wss://localhost:${relay.port}/`
  const [one, other] = [dial(address), dial(address)]
  await Promise.all([one.opened, other.opened])
  t.equal(streams.length, 2)
  relay.silence()
  const clock = fakeClock(t)
  one.line.drop()
  // The stream closes in the next turns; then the session is asked.
  for (let i = 0; i < 100 && other.heard.length === 1; i++) {
    await turn()
    clock.tick(200)
  }
  await until(() => other.heard.length === 2)
  t.match(await other.ended, { code: 1006 })
})
