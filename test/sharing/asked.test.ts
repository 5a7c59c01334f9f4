import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyServerOptions } from 'fastify'
import * as fastify from 'fastify'
import { type Test, test } from 'tap'
import { openSession, openStream, refusal } from '../http2/support.ts'
import { createApp, listen } from '../support/app.ts'
import { settledClock } from '../support/clock.ts'
import { ask, frameText } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'
import { waitingConstraint } from './waiting-constraint.ts'

const HTTP1 = { http2: false, https: null } as unknown as FastifyServerOptions

/** An app whose route waits for a constraint to hold: `asked` has the calls that tell its value. */
function waitingApp (t: Test, { isAlone = false, isHttp2 = false, options = {} } = {}) {
  const { asked, routerOptions } = waitingConstraint()
  const app = createApp(t, options, { ...isHttp2 ? { http2: true } : HTTP1, routerOptions } as unknown as FastifyServerOptions)
  const theirs: Array<[request: IncomingMessage, to: any]> = []
  if (!isAlone) app.server.on((isHttp2 ? 'connect' : 'upgrade') as 'upgrade', (request, to) => { theirs.push([request, to]) })
  app.get('/room', { ws: true, constraints: { secret: 'a' } }, socket => { socket.send('ours') })
  return { app, asked, theirs }
}

/** The server's end of the next connection. */
function arriving (app: { server: { once: Function } }): Promise<Duplex> {
  return new Promise(resolve => { app.server.once('connection', resolve) })
}

for (const isAlone of [true, false]) {
  for (const how of ['resets', 'ends'] as const) {
    test(`a client that ${how} its connection while a constraint is asked has no handshake${isAlone ? '' : ', beside another listener'}`, async t => {
      const { app, asked } = waitingApp(t, { isAlone, options: { limits: { connections: 1 } } })
      const port = await listen(app)
      const arrived = arriving(app)
      const client = new RawClient(port)
      client.write(handshake('/room'))
      await until(() => asked.length > 0)
      const socket = await arrived
      if (how === 'resets') client.reset()
      else client.socket.end()
      await until(() => socket.destroyed || socket.readableEnded)
      asked.pop()!('a')
      await until(() => socket.destroyed)
      t.equal(app.sockets.size, 0)
      // Nothing is held for it.
      const next = new RawClient(port)
      next.write(handshake('/room'))
      await until(() => asked.length > 0)
      asked.pop()!('a')
      t.equal((await next.response()).status, 101)
      t.equal(await frameText(next), 'ours')
      await next.destroy()
    })
  }
}

test('over HTTP/2, a constraint that has its answer too late does not have Fastify answer for another listener', async t => {
  const { app, asked, theirs } = waitingApp(t, { isHttp2: true })
  app.addHook('onRequest', async () => { t.fail('a hook has run') })
  const session = await openSession(t, await listen(app))
  const clock = await settledClock(t)
  const client = openStream(session, '/room')
  await until(() => asked.length > 0)
  clock.tick(10_000)
  await until(() => theirs.length > 0)
  const [, response] = theirs[0]!
  response.writeHead(299)
  asked.pop()!('a')
  clock.uninstall()
  t.equal(await client.status(), 299)
  response.end('theirs')
  t.equal((await refusal(client)).body, 'theirs')
})

test('over HTTP/2, what Fastify answers to a URL that none can be leaves no trace', async t => {
  const app = createApp(t, {}, {
    http2: true,
    frameworkErrors (_error: Error, _request: unknown, reply: any) {
      reply.raw.setHeader('x-whose', 'ours')
      reply.code(418).header('x-whose', 'ours').send('ours')
    }
  } as unknown as FastifyServerOptions)
  app.server.on('connect' as 'upgrade', (_request, response: any) => { response.end('theirs') })
  const client = openStream(await openSession(t, await listen(app)), '/%zz')
  const { status, headers, body } = await refusal(client)
  t.same([status, headers['x-whose'], body], [200, undefined, 'theirs'])
})

test('a constraint with its answer in the same turn, and a handler that writes more than can leave at once', async t => {
  const { app, asked } = waitingApp(t, { options: { maxBuffered: 2 ** 25, heartbeat: false } })
  asked.push = say => {
    process.nextTick(say, 'a')
    return 1
  }
  app.get('/large', { ws: true, constraints: { secret: 'a' } }, socket => { socket.send('x'.repeat(2 ** 24)) })
  const port = await listen(app)
  const clock = await settledClock(t)
  const client = new RawClient(port)
  client.socket.pause()
  client.write(handshake('/large'))
  await until(() => app.sockets.size === 1)
  clock.tick(60_000)
  t.equal(app.sockets.size, 1, 'the handshake is over')
  t.same(app.lines.filter(({ msg }) => /hooks take too long/.test(msg)), [])
  await client.destroy()
})

test('a foreign request leaves nothing of onTimeout hooks behind', async t => {
  const app = createApp(t, {}, HTTP1)
  app.addHook('onTimeout', async () => { t.fail('not for this request') })
  app.server.on('upgrade', (_request, socket: any) => {
    t.equal(socket._meta, undefined)
    t.equal(socket.listenerCount('timeout'), 0)
    socket.end('HTTP/1.1 299 Theirs\r\n\r\n')
  })
  app.get('/plain', async () => 'http')
  const client = new RawClient(await listen(app))
  client.write(handshake('/plain'))
  t.equal((await client.response()).status, 299)
  await client.end()
})

test('one log controller may serve several apps, and may be frozen', async t => {
  const { LogController } = fastify as unknown as { LogController: new () => object }
  for (const logController of [new LogController(), Object.freeze(new LogController())]) {
    for (let i = 0; i < 2; i++) {
      const app = createApp(t, {}, { ...HTTP1, logController } as FastifyServerOptions)
      app.server.on('upgrade', (_request, socket) => { socket.end('HTTP/1.1 299 Theirs\r\n\r\n') })
      app.get('/room', { ws: true }, socket => { socket.on('message', message => { socket.send(message) }) })
      const port = await listen(app)
      t.equal(await ask(port, '/room', 'hello'), 'hello')
      const client = new RawClient(port)
      client.write(handshake('/none'))
      t.equal((await client.response()).status, 299)
      await client.end()
      const logged = app.lines.filter(({ req }) => req?.url === '/none')
      t.equal(logged.length, Object.isFrozen(logController) ? 1 : 0)
    }
  }
})

test('a server of the user in front may hand on what it likes: a plain object, and no early bytes', async t => {
  const app = createApp(t, {}, HTTP1)
  app.get('/room', { ws: true }, socket => { socket.on('message', message => { socket.send(message) }) })
  await app.ready()
  app.server.on('upgrade', () => {})
  const front = createServer()
  front.on('upgrade', ({ method, url, headers }, socket) => { app.server.emit('upgrade', { method, url, headers } as any, socket as any) })
  await new Promise<void>(resolve => { front.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { front.close() })
  const { port } = front.address() as AddressInfo
  t.equal(await ask(port, '/room', 'hello'), 'hello')
  await until(() => app.sockets.size === 0)
  const clock = await settledClock(t)
  const timers = clock.countTimers()
  const client = new RawClient(port)
  client.write(handshake('/none'))
  await until(() => clock.countTimers() > timers)
  clock.tick(1000)
  t.equal((await client.response()).status, 404)
  await client.end()
})
