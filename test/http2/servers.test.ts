import dns from 'node:dns'
import { once } from 'node:events'
import { createServer, type Http2Server } from 'node:http2'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import Fastify from 'fastify'
import type { Socket } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { selfSigned } from '../support/certificate.ts'
import { closeBody } from '../support/frames.ts'
import { ask, askOf, connectSecure, nextText } from '../support/handshakes.ts'
import { nextMessage } from '../support/serve.ts'
import { until } from '../support/until.ts'
import { type App, get, goAway, http2App, openSession, openSocket, openStream, refusal } from './support.ts'

const { key, cert } = await selfSigned()

/** Every way to make a server of HTTP/2. */
const FORMS: Array<[name: string, server: Record<string, unknown>, scheme: 'http' | 'https']> = [
  ['in clear text', { http2: true }, 'http'],
  ['over TLS', { http2: true, https: { key, cert } }, 'https'],
  ['over TLS that allows HTTP/1.1', { http2: true, https: { key, cert, allowHTTP1: true } }, 'https'],
  ['of a serverFactory', { serverFactory: (handler: any) => createServer({}, handler) }, 'http']
]

function echo (socket: Socket<any, any>): void {
  socket.on('message', message => { socket.send(`${message} over ${socket.request.protocol}`) })
}

for (const [name, server, scheme] of FORMS) {
  test(`a server ${name} announces extended CONNECT and serves it`, async t => {
    const app = http2App(t, {}, server)
    app.get('/room', { ws: true }, echo)
    app.get('/http', async () => 'http')
    const session = await openSession(t, await listen(app), { scheme })
    t.equal(session.remoteSettings.enableConnectProtocol, true)
    const client = await openSocket(session, '/room')
    client.send(1, 'hello')
    t.equal(await client.text(), `hello over ${scheme}`)
    t.same(await get(session, '/http'), { status: 200, body: 'http' })
  })
}

test('a server of an app without the plugin announces nothing, though the package is loaded', async t => {
  const app = Fastify({ http2: true })
  t.teardown(() => app.close())
  app.get('/http', async () => 'http')
  await app.listen({ port: 0, host: '127.0.0.1' })
  const session = await openSession(t, (app.server.address() as AddressInfo).port)
  t.equal(session.remoteSettings.enableConnectProtocol, false)
  t.equal(app.server.listenerCount('connect'), 0)
  t.same(await get(session, '/http'), { status: 200, body: 'http' })
})

test('the settings that the user has given the server stay beside it', async t => {
  const settings = { maxConcurrentStreams: 17, initialWindowSize: 100_000 }
  const app = http2App(t, {}, { serverFactory: (handler: any) => createServer({ settings }, handler) })
  app.get('/room', { ws: true }, echo)
  const { remoteSettings } = await openSession(t, await listen(app))
  t.match(remoteSettings, { ...settings, enableConnectProtocol: true })
})

/** An app whose port takes HTTP/1.1 and HTTP/2, both over TLS. */
async function bothVersions (t: Test, prepare: (app: App) => void = () => {}) {
  const app = http2App(t, {}, { https: { key, cert, allowHTTP1: true } })
  app.get('/room', { ws: true }, socket => {
    socket.on('message', message => { for (const other of app.sockets) other.send(message) })
  })
  prepare(app)
  return { app, port: await listen(app) }
}

test('an upgrade of HTTP/1.1 and an extended CONNECT reach the same route side by side', async t => {
  const { app, port } = await bothVersions(t)
  const http1 = await connectSecure(port, '/room')
  const http2 = await openSocket(await openSession(t, port, { scheme: 'https' }), '/room')
  await until(() => app.sockets.size === 2)
  t.same([...app.sockets].map(({ request }) => request.raw.httpVersion), ['1.1', '2.0'])
  const heard = nextText(http1)
  http2.send(1, 'of HTTP/2')
  t.equal(await heard, 'of HTTP/2')
  t.equal(await http2.text(), 'of HTTP/2')
  t.equal(await askOf(http1, 'of HTTP/1.1'), 'of HTTP/1.1')
  t.equal(await http2.text(), 'of HTTP/1.1')
  t.match(app.sockets.stats(), { opened: 2 })
})

/** What a CONNECT of HTTP/1.1 is answered with until the connection ends. */
async function connectOverHttp1 (port: number): Promise<string> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
  socket.on('error', () => {})
  let received = ''
  socket.on('data', chunk => { received += chunk.toString() })
  socket.write('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n')
  await once(socket, 'close')
  return received
}

test('a CONNECT of HTTP/1.1 ends as on a server without the plugin', async t => {
  const { app, port } = await bothVersions(t)
  t.equal(await connectOverHttp1(port), '')
  t.match(app.sockets.stats(), { opened: 0, refused: 0 })
})

test("a CONNECT of HTTP/1.1 is left to a 'connect' listener of the user", async t => {
  const { port } = await bothVersions(t, app => {
    app.server.on('connect', (_request, socket) => {
      setImmediate(() => { socket.end('HTTP/1.1 200 tunnel\r\n\r\n') })
    })
  })
  t.equal(await connectOverHttp1(port), 'HTTP/1.1 200 tunnel\r\n\r\n')
})

for (const [form, server, scheme] of FORMS.slice(0, 3)) {
  test(`localhost with two addresses, ${form}: sockets open on both, and both are drained`, async t => {
    twoAddresses(t)
    const app = http2App(t, {}, server)
    app.get('/room', { ws: true }, echo)
    await app.listen({ port: 0, host: 'localhost' })
    const addresses = app.addresses() as AddressInfo[]
    t.same(addresses.map(({ address }) => address).sort(), ['127.0.0.1', '127.0.0.2'])
    const clients = []
    for (const { address, port } of addresses) {
      const session = await openSession(t, port, { scheme, host: address })
      t.equal(session.remoteSettings.enableConnectProtocol, true, address)
      const client = await openSocket(session, '/room')
      client.send(1, address)
      t.equal(await client.text(), `${address} over ${scheme}`)
      t.equal((await refusal(openStream(session, '/none'))).status, 404)
      clients.push({ session, client })
    }
    t.equal(app.sockets.size, 2)
    const closed = app.close()
    const ends = clients.map(async ({ session, client }) => {
      const gone = goAway(session)
      t.equal((await client.close()).code, 1001)
      client.send(8, closeBody(1001))
      await client.end()
      client.stream.end()
      t.equal(await gone, 0)
    })
    await Promise.all([closed, ...ends])
    for (const { address, port } of addresses) {
      const [error] = await once(connectTcp({ port, host: address }), 'error')
      t.equal(error.code, 'ECONNREFUSED')
    }
  })
}

test('localhost with two addresses, over HTTP/1.1: upgrades are served on both', async t => {
  twoAddresses(t)
  const app = createApp(t)
  app.get('/room', { ws: true }, echo)
  await app.listen({ port: 0, host: 'localhost' })
  const addresses = app.addresses() as AddressInfo[]
  t.equal(addresses.length, 2)
  for (const { address, port } of addresses) {
    t.equal(await ask(port, '/room', 'hello', { host: address }), 'hello over http', address)
  }
  t.same(app.lines.filter(({ level }) => level >= 40), [])
})

/** Has the name localhost stand for two addresses. */
function twoAddresses (t: Test): void {
  const addresses = ['127.0.0.1', '127.0.0.2'].map(address => ({ address, family: 4 }))
  const { lookup } = dns
  t.intercept(dns, 'lookup', {
    value: (name: string, ...rest: any[]) => {
      if (name !== 'localhost') return Reflect.apply(lookup, dns, [name, ...rest])
      const answer = rest[0].all ? [addresses] : [addresses[0]!.address, 4]
      setImmediate(rest.at(-1), null, ...answer)
    }
  })
}

test('a server that has a session before the plugin is loaded serves sockets on it', async t => {
  let server: Http2Server
  const app = http2App(t, {}, {
    serverFactory: (handler: any) => server = createServer({ settings: { enableConnectProtocol: true } }, handler)
  })
  app.get('/room', { ws: true }, echo)
  server!.listen(0, '127.0.0.1')
  await once(server!, 'listening')
  const session = await openSession(t, (server!.address() as AddressInfo).port)
  await app.ready()
  const client = await openSocket(session, '/room')
  client.send(1, 'hello')
  t.equal(await client.text(), 'hello over http')
  const closed = app.close()
  t.equal((await client.close()).code, 1001)
  client.send(8, closeBody(1001))
  await client.end()
  session.close()
  await closed
  server!.close()
})

test('injectWS connects to the routes of an HTTP/2 app', async t => {
  const app = http2App(t)
  app.get('/room', { ws: { protocols: ['v1'] } }, echo)
  await app.ready()
  const socket = await app.injectWS('/room', { protocols: ['v1'] })
  t.equal(socket.protocol, 'v1')
  const answer = nextMessage(socket)
  socket.send('hello')
  t.equal(await answer, 'hello over http')
  await t.rejects(app.injectWS('/none'), { code: 'FST_ERR_WS_INJECT_REFUSED', statusCode: 404 })
  socket.close()
  t.match(await socket.closed, { code: 1000, wasClean: true })
})
