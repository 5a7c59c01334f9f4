import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import sockets, { type PluginOptions } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { get as getOver2, openSession, openSocket } from '../http2/support.ts'
import { connect } from '../support/app.ts'
import { settledClock } from '../support/clock.ts'
import { ask, lastResponse, nextText } from '../support/handshakes.ts'
import { get, handshake, RawClient } from '../support/raw-client.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const EVENTS = ['connection', 'session', 'connect']

/**
 * Two apps on one server of the user's, which listens: the first serves what is under `/one`, the second the rest.
 *
 * @param create makes the server; what it is given serves a request
 */
async function appsOn<Made extends Server | Http2Server> (
  t: Test, create: (handler: (request: any, response: any) => void) => Made, options: PluginOptions = {}, server: object = {}
): Promise<{ server: Made, port: number, one: FastifyInstance, two: FastifyInstance, before: number[] }> {
  const handlers: Handler[] = []
  const made = create((request, response) => { handlers[request.url.startsWith('/one') ? 0 : 1]!(request, response) })
  const before = EVENTS.map(event => made.listenerCount(event))
  const make = (name: string): FastifyInstance => {
    const app = Fastify({
      ...server, serverFactory: (handler: Handler) => { handlers.push(handler); return made }
    } as object) as unknown as FastifyInstance
    app.register(sockets, options)
    app.get(`/${name}`, { ws: true }, socket => { socket.on('message', message => { socket.send(`${name} ${message}`) }) })
    app.get(`/${name}/greeting`, { ws: true }, socket => { socket.send(name) })
    app.get(`/${name}/http`, async () => name)
    t.teardown(() => app.close())
    return app
  }
  const [one, two] = [make('one'), make('two')]
  await one.ready()
  await two.ready()
  await new Promise<void>(resolve => { made.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { made.close() })
  return { server: made, port: (made.address() as AddressInfo).port, one, two, before }
}

const twoApps = (t: Test, options: PluginOptions = {}) => appsOn(t, createServer, options)

test('two apps on one server have their routes, and what is of neither is a 404 at once', async t => {
  const { port, one, two } = await twoApps(t)
  t.equal(await ask(port, '/one', 'hi'), 'one hi')
  t.equal(await ask(port, '/two', 'hi'), 'two hi')
  t.equal((await lastResponse(port, get('/one/http'))).body, 'one')
  t.equal((await lastResponse(port, handshake('/neither'))).status, 404)
  t.same([one, two].map(app => app.sockets.stats().opened), [1, 1])
})

test('an app that closes leaves the server to the other, and to whoever has made it', async t => {
  const { server, port, one, two } = await twoApps(t)
  const client = await connect(port, '/two')
  await one.close()
  const answer = nextText(client)
  client.send('still here')
  t.equal(await answer, 'two still here')
  t.equal(await ask(port, '/two', 'hi'), 'two hi')
  t.equal((await lastResponse(port, handshake('/one'))).status, 404)
  await two.close()
  t.equal(server.listenerCount('upgrade'), 0)
  server.on('upgrade', (_request, socket) => { socket.end('HTTP/1.1 299 Theirs\r\n\r\n') })
  t.equal((await lastResponse(port, handshake('/two'))).status, 299)
})

test('an app that closes does not touch the connections of the other, whatever they wait for', async t => {
  const { server, port, one, two } = await twoApps(t, { drain: { timeout: 100 } })
  const client = await connect(port, '/two')
  const busy = await connect(port, '/two')
  // As where a handler is behind.
  for (const { request } of two.sockets) request.socket.pause()
  const idle = new RawClient(port)
  idle.write('GET /two/http HTTP/1.1\r\nHost: localhost\r\n\r\n')
  t.equal((await idle.response()).body, 'two')
  const half = new RawClient(port)
  half.write('POST /two HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf')
  const clock = await settledClock(t)
  await one.close()
  clock.tick(60_000)
  clock.uninstall()
  for (const [name, socket] of Object.entries({ client, busy })) t.equal(socket.readyState, 1, name)
  await new Promise(setImmediate)
  for (const [name, raw] of Object.entries({ idle, half })) t.equal(raw.ended, false, name)
  t.equal(two.sockets.size, 2)
  for (const raw of [idle, half]) await raw.destroy()
  for (const socket of [client, busy]) socket.terminate()
  t.equal(server.listening, true)
})

test('over HTTP/2 neither', async t => {
  // These clients do not answer a close frame.
  const { server, port, one, two, before } = await appsOn(t, createHttp2Server, { closeTimeout: 20 }, { http2: true })
  const old = await openSession(t, port)
  t.equal(await (await openSocket(old, '/one/greeting')).text(), 'one')
  await one.close()
  t.equal((await getOver2(old, '/two/http')).body, 'two')
  const session = await openSession(t, port)
  t.equal(await (await openSocket(session, '/two/greeting')).text(), 'two')
  t.equal((await getOver2(session, '/two/http')).body, 'two')
  await two.close()
  t.same(EVENTS.map(event => server.listenerCount(event)), before)
})

test('a server that an app has closed is as it was before', async t => {
  const server = createServer()
  const before = ['connection', 'upgrade', 'close'].map(event => server.listenerCount(event))
  const { emit, close } = server
  const { shouldUpgradeCallback } = server as any
  const app = Fastify({ serverFactory: handler => server.on('request', handler) })
  app.register(sockets)
  await app.listen({ port: 0, host: '127.0.0.1' })
  await app.close()
  t.same(['connection', 'upgrade', 'close'].map(event => server.listenerCount(event)), before)
  t.equal(server.emit, emit)
  t.equal(server.close, close)
  t.equal((server as any).shouldUpgradeCallback, shouldUpgradeCallback)
})

test('what others have put around ours meanwhile stays, and goes on working', async t => {
  const server = createServer()
  const app = Fastify({ serverFactory: handler => server.on('request', handler) })
  app.register(sockets)
  await app.ready()
  const { emit } = server
  const events: string[] = []
  server.emit = function (event: string, ...args: any[]) {
    events.push(event)
    return (emit as any).call(server, event, ...args)
  } as Server['emit']
  await app.listen({ port: 0, host: '127.0.0.1' })
  await app.close()
  server.on('upgrade', () => { events.push('heard') })
  server.emit('upgrade')
  t.same(events.slice(-2), ['upgrade', 'heard'])
})
