import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket as NetSocket } from 'node:net'
import { type ClientHttp2Session, connect as connectSession, type ServerHttp2Session } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import { type Test, test } from 'tap'
import { listen } from '../support/app.ts'
import { selfSigned } from '../support/certificate.ts'
import { settledClock } from '../support/clock.ts'
import { closeBody } from '../support/frames.ts'
import { deferred, waitingRoute } from '../support/handshakes.ts'
import { END_HEADERS, END_STREAM, headerBlock, HEADERS, http2Frame as frameOf } from '../support/http2-frames.ts'
import { CHUNK } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'
import { type App, CANCEL, get, goAway, http2App, openSession, openSocket, openStream, StreamClient } from './support.ts'

const { key, cert } = await selfSigned()

/** What happens on a session, in order; Node says twice that it goes away. */
function record (session: ClientHttp2Session, clients: StreamClient[]): unknown[] {
  const events: unknown[] = []
  session.once('goaway', code => { events.push(`GOAWAY ${code}`) })
  for (const client of clients) {
    void client.close().then(async ({ code }) => {
      events.push(code)
      client.send(8, closeBody(code))
      await client.end()
      client.stream.end()
    })
  }
  return events
}

test('app.close() tells every socket of every session, then ends the sessions', async t => {
  const app = http2App(t)
  app.get('/', { ws: true }, () => {})
  const port = await listen(app)
  const sessions = []
  for (const count of [2, 1, 0]) {
    const session = await openSession(t, port)
    const clients = []
    for (let i = 0; i < count; i++) clients.push(await openSocket(session, '/'))
    sessions.push({ session, events: record(session, clients) })
  }
  await until(() => app.sockets.size === 3)
  const ends = sessions.map(({ session }) => once(session, 'close'))
  await app.close()
  await Promise.all(ends)
  t.same(sessions.map(({ events }) => events), [[1001, 1001, 'GOAWAY 0'], [1001, 'GOAWAY 0'], ['GOAWAY 0']])
})

test('a session without sockets does not hold app.close()', async t => {
  const app = http2App(t)
  app.get('/', { ws: true }, () => {})
  const session = await openSession(t, await listen(app))
  t.equal((await get(session, '/none')).status, 404)
  const gone = goAway(session)
  await app.close()
  t.equal(await gone, 0)
})

/** An app with an ordinary route as well, which answers when the test lets it. */
function slowApp (t: Test) {
  const app = http2App(t)
  const gate = deferred()
  const reached = deferred()
  app.get('/', { ws: true }, () => {})
  app.get('/http', async () => {
    reached.resolve()
    await gate.promise
    return 'finished'
  })
  return { app, reached, gate }
}

test('an ordinary request that is under way is finished', async t => {
  const { app, reached, gate } = slowApp(t)
  const session = await openSession(t, await listen(app))
  const client = await openSocket(session, '/')
  const request = new StreamClient(session, { ':path': '/http' }, { endStream: true })
  await reached.promise
  const events = record(session, [client])
  const closed = app.close()
  await until(() => events.length === 2)
  t.same(events, [1001, 'GOAWAY 0'])
  gate.resolve()
  t.equal(await request.status(), 200)
  t.equal(await request.end(), 'finished')
  await closed
})

/** A frame of HTTP/2 (RFC 9113 section 4.1). */
function http2Frame (type: number, flags: number, payload = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, 0]), payload])
}

const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), http2Frame(4, 0)])

test('a client that keeps its TCP connection after GOAWAY is cut after 5 s, and app.close() ends', async t => {
  const app = http2App(t)
  app.get('/', { ws: true }, () => {})
  const sessions: unknown[] = []
  app.server.on('session', session => { sessions.push(session) })
  const client = connect({ port: await listen(app), host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => { client.destroy() })
  client.resume().write(PREFACE)
  await until(() => sessions.length === 1)
  const clock = await settledClock(t)
  const ended = once(client, 'end')
  let isClosed = false
  const closed = app.close().then(() => { isClosed = true })
  await ended
  clock.tick(4999)
  for (let i = 0; i < 5; i++) await turn()
  t.equal(isClosed, false)
  t.equal(await isCut(app), false)
  clock.tick(1)
  await closed
})

test('a session that begins when the sockets have ended, and the server still listens, is told to go away', async t => {
  const app = http2App(t)
  const [reached, gate] = [deferred(), deferred()]
  app.get('/', { ws: true }, () => {})
  app.after(() => {
    app.addHook('preClose', async () => {
      reached.resolve()
      await gate.promise
    })
  })
  const port = await listen(app)
  const closed = app.close()
  await reached.promise
  const session = connectSession(`http://127.0.0.1:${port}`)
  t.teardown(() => session.destroy())
  session.on('error', () => {})
  t.equal(await goAway(session), 0)
  gate.resolve()
  await closed
})

test('an ordinary request that takes longer than that is finished all the same', async t => {
  const { app, reached, gate } = slowApp(t)
  const session = await openSession(t, await listen(app))
  const request = new StreamClient(session, { ':path': '/http' }, { endStream: true })
  await reached.promise
  const clock = await settledClock(t)
  const gone = goAway(session)
  const closed = app.close()
  await gone
  clock.tick(20_000)
  await turn()
  gate.resolve()
  t.equal(await request.status(), 200)
  t.equal(await request.end(), 'finished')
  await closed
})

interface Proxy {
  port: number
  /** Towards the server. */
  upstream: NetSocket[]
  /** Reads no more of what the server writes, and passes nothing on to it. */
  stick (): void
}

/** A network that can get stuck between a client and the server. */
async function proxyTo (t: Test, port: number): Promise<Proxy> {
  const upstream: NetSocket[] = []
  const downstream: NetSocket[] = []
  const server = createServer(client => {
    const far = connect(port, '127.0.0.1')
    client.pipe(far).pipe(client)
    for (const socket of [client, far]) socket.on('error', () => {})
    upstream.push(far)
    downstream.push(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of [...upstream, ...downstream]) socket.destroy()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    upstream,
    stick: () => {
      for (const socket of upstream) socket.unpipe().pause()
      for (const socket of downstream) socket.unpipe().pause()
    }
  }
}

/** An app with a socket whose connection has got stuck, with much that waits to be written. */
async function stuckApp (t: Test, options: Record<string, unknown>) {
  const app = http2App(t, { heartbeat: false, maxBuffered: 1_000_000_000, ...options })
  app.get('/', { ws: true }, () => {})
  const proxy = await proxyTo(t, await listen(app))
  const session = await openSession(t, proxy.port, { settings: { initialWindowSize: 2 ** 31 - 1 } })
  session.setLocalWindowSize(2 ** 31 - 1)
  await openSocket(session, '/')
  await until(() => app.sockets.size === 1)
  const [socket] = app.sockets
  proxy.stick()
  await fill(app)
  return { app, proxy, socket: socket! }
}

/** Sends until the system takes no more. */
async function fill (app: App): Promise<void> {
  const [socket] = app.sockets
  let before
  do {
    before = socket!.bufferedAmount
    for (let i = 0; i < 20; i++) socket!.send(CHUNK)
    for (let i = 0; i < 20; i++) await turn()
  } while (socket!.bufferedAmount < before + 20 * CHUNK.length)
}

/** Whether the server has cut the connection. */
async function isCut (app: App): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    app.server.getConnections((error, count) => error === null ? resolve(count === 0) : reject(error))
  })
}

test('a client whose connection is stuck is cut at the deadline, and app.close() ends', async t => {
  const { app, socket } = await stuckApp(t, { drain: { timeout: 2000 }, closeTimeout: 60_000 })
  const clock = await settledClock(t)
  const closed = app.close()
  await until(() => socket.state === 'closing')
  clock.tick(1999)
  for (let i = 0; i < 5; i++) await turn()
  t.equal(app.sockets.size, 1)
  t.equal(await isCut(app), false)
  clock.tick(1)
  t.match(await socket.closed, { code: 1001, wasClean: false })
  await closed
  t.equal(await isCut(app), true)
})

test('a session whose client has vanished is cut half a minute after its socket was', async t => {
  const { app, socket } = await stuckApp(t, {})
  const clock = await settledClock(t)
  socket.terminate()
  await socket.closed
  clock.tick(29_999)
  for (let i = 0; i < 5; i++) await turn()
  t.equal(await isCut(app), false)
  clock.tick(1)
  await until(() => isCut(app))
  await until(() => clock.countTimers() === 0)
})

test('a session whose client is there keeps it when a socket was cut', async t => {
  const app = http2App(t, { heartbeat: false })
  app.get('/', { ws: true }, socket => { socket.on('message', message => { socket.send(message) }) })
  const session = await openSession(t, await listen(app))
  const [one, two, three] = [await openSocket(session, '/'), await openSocket(session, '/'), await openSocket(session, '/')]
  await until(() => app.sockets.size === 3)
  const sockets = [...app.sockets]
  const clock = await settledClock(t)
  sockets[0]!.terminate()
  sockets[1]!.terminate()
  await Promise.all([one.rst(), two.rst()])
  for (let i = 0; i < 2; i++) {
    three.send(1, 'still there')
    t.equal(await three.text(), 'still there')
    clock.tick(30_000)
  }
  t.equal(clock.countTimers(), 0)
  t.equal(three.closed, false)
})

test('a session whose client is silent and there keeps it too: it is asked', async t => {
  const app = http2App(t, { heartbeat: false })
  app.get('/', { ws: true }, () => {})
  const arrived: NetSocket[] = []
  app.server.on('connection', socket => { arrived.push(socket) })
  const session = await openSession(t, await listen(app))
  const [one, two] = [await openSocket(session, '/'), await openSocket(session, '/')]
  await until(() => app.sockets.size === 2)
  const [socket] = app.sockets
  const clock = await settledClock(t)
  const { bytesRead } = arrived[0]!
  socket!.terminate()
  await one.rst()
  await until(() => arrived[0]!.bytesRead > bytesRead)
  clock.tick(30_000)
  t.equal(clock.countTimers(), 0)
  t.equal(await isCut(app), false)
  t.equal(two.closed, false)
})

test('a session that ends while its client is asked leaves no timer', async t => {
  const { app, proxy, socket } = await stuckApp(t, {})
  const clock = await settledClock(t)
  socket.terminate()
  await socket.closed
  t.equal(clock.countTimers(), 1)
  for (const far of proxy.upstream) far.destroy()
  await until(() => isCut(app))
  await until(() => clock.countTimers() === 0)
})

test('a handshake that is still in a hook at the deadline is cut', async t => {
  const app = http2App(t, { drain: { timeout: 2000 }, handshakeTimeout: 60_000 })
  const route = waitingRoute(app, '/room')
  const session = await openSession(t, await listen(app))
  const clock = await settledClock(t)
  const client = openStream(session, '/room')
  await until(() => route.inHook === 1)
  const waiting = clock.countTimers()
  const closed = app.close()
  await until(() => clock.countTimers() > waiting)
  clock.tick(1999)
  for (let i = 0; i < 5; i++) await turn()
  t.equal(client.closed, false)
  clock.tick(2)
  t.equal(await client.rst(), CANCEL)
  t.equal(client.headers, null)
  await until(() => session.closed)
  route.letGo()
  await closed
})

/** An app over TLS, and what is left of a client that leaves when TLS has just been set up. */
async function leftApp (t: Test) {
  const app = http2App(t, {}, { https: { key, cert } })
  app.get('/', { ws: true }, () => {})
  const tcp = connect(await listen(app), '127.0.0.1')
  const client = connectTls({ socket: tcp, ALPNProtocols: ['h2'], rejectUnauthorized: false })
  for (const socket of [tcp, client]) socket.on('error', () => {})
  t.teardown(() => { tcp.destroy() })
  const clock = await settledClock(t)
  // The server writes the last bytes of its TLS handshake after it has begun the session: that fails, and Node 20 takes no notice.
  const begun = new Promise<void>(resolve => {
    app.server.once('session', () => {
      tcp.resetAndDestroy()
      resolve()
    })
  })
  await begun
  for (let i = 0; i < 20; i++) await turn()
  return { app, clock }
}

test('a client that leaves when TLS has just been set up is cut after half a minute, if Node has not noticed', async t => {
  const { app, clock } = await leftApp(t)
  clock.tick(30_000)
  await until(() => isCut(app))
  await until(() => clock.countTimers() === 0)
})

test('app.close() waits no longer for it than for a client that stays', async t => {
  const { app, clock } = await leftApp(t)
  let isClosed = false
  const closed = app.close().then(() => { isClosed = true })
  for (let i = 0; i < 20; i++) await turn()
  clock.tick(5000)
  await until(() => isClosed, 'the end of app.close()')
  await closed
})

for (const [name, acknowledges] of [['that has acknowledged the settings, and asks for nothing yet,', true], ['that has not, but has asked for something,', false]] as const) {
  test(`a client ${name} stays`, async t => {
    const app = http2App(t)
    app.get('/', { ws: true }, () => {})
    app.get('/http', async () => 'answer')
    const sessions: ServerHttp2Session[] = []
    app.server.on('session', session => { sessions.push(session) })
    const port = await listen(app)
    const clock = await settledClock(t)
    if (acknowledges) {
      await openSession(t, port)
      await until(() => sessions[0]?.pendingSettingsAck === false)
    } else {
      const client = connect(port, '127.0.0.1')
      t.teardown(() => { client.destroy() })
      let received = ''
      client.on('data', data => { received += data })
      const fields = headerBlock([[':method', 'GET'], [':scheme', 'http'], [':path', '/http'], [':authority', 'localhost']])
      client.write(Buffer.concat([PREFACE, frameOf(HEADERS, END_STREAM | END_HEADERS, 1, fields)]))
      await until(() => received.includes('answer'))
    }
    clock.tick(30_000)
    for (let i = 0; i < 5; i++) await turn()
    t.equal(await isCut(app), false)
  })
}
