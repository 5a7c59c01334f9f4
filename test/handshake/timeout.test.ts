import type { FastifyInstance, RouteShorthandOptions } from 'fastify'
import type { Socket, SocketOptions } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { fakeClock } from '../support/clock.ts'
import { connectionCount, deferred, errorBody, frameText, lastResponse, linesWith } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

const TIMEOUT = 1000

/** Where a handshake gets stuck: tells that it has come there, and what lets it go on. */
interface Place {
  reached: Promise<void>
  wait (): Promise<void>
  go (): void
}

function createPlace (): Place {
  const reached = deferred()
  const gate = deferred()
  return {
    reached: reached.promise,
    wait: () => {
      reached.resolve()
      return gate.promise
    },
    go: gate.resolve
  }
}

/** A client whose handshake is on its way, and a clock that stands still. */
async function served (
  t: Test, route: RouteShorthandOptions, ws: SocketOptions = {}, prepare: (app: FastifyInstance) => void = () => {}
) {
  const app = createApp(t, { handshakeTimeout: TIMEOUT })
  prepare(app)
  app.get('/', { ...route, ws } as any, ((socket: Socket) => { socket.send('hello') }) as any)
  const port = await listen(app)
  const clock = fakeClock(t)
  const client = new RawClient(port)
  client.write(handshake('/'))
  t.teardown(() => client.destroy())
  return { app, port, clock, client }
}

const PLACES: Record<string, (place: Place) => [RouteShorthandOptions, ((app: FastifyInstance) => void)?]> = {
  'an onRequest hook of the app': place => [{}, app => { app.addHook('onRequest', place.wait) }],
  'an onRequest hook with a callback': place => [{
    onRequest: (_request, _reply, done) => { place.wait().then(() => { setImmediate(done) }) }
  }],
  'a preHandler': place => [{ preHandler: place.wait }],
  'a preHandler that refuses later': place => [{
    preHandler: async (_request, reply) => {
      await place.wait()
      return reply.code(401).send('no')
    }
  }],
  'a preHandler that throws later': place => [{
    preHandler: async () => {
      await place.wait()
      throw new Error('late')
    }
  }],
  'a preHandler that has hijacked the reply': place => [{
    preHandler: (_request, reply) => {
      reply.hijack()
      return place.wait()
    }
  }],
  'an onSend hook of the 101': place => [{ onSend: place.wait as any }],
  'an onSend hook with a callback': place => [{
    onSend: (_request, _reply, payload, done) => { place.wait().then(() => { setImmediate(done, null, payload) }) }
  }],
  'an onSend hook of a refusal': place => [{
    preHandler: async (_request, reply) => reply.code(401).send('no'),
    onSend: (_request, _reply, payload, done) => { place.wait().then(() => { setImmediate(done, null, payload) }) }
  }],
  'an onError hook': place => [{ preHandler: async () => { throw new Error('broken') }, onError: place.wait }],
  'an error handler': place => [{
    preHandler: async () => { throw new Error('broken') },
    errorHandler: async (_error, _request, reply) => {
      await place.wait()
      return reply.code(418).send('no')
    }
  }]
}

for (const [name, stuckIn] of Object.entries(PLACES)) {
  test(`a handshake that is stuck in ${name} gets 503, and what comes later does no harm`, async t => {
    const place = createPlace()
    const [route, prepare] = stuckIn(place)
    const { app, port, clock, client } = await served(t, route, {}, prepare)
    await place.reached
    clock.tick(TIMEOUT - 1)
    await new Promise(setImmediate)
    t.equal(client.received.length, 0)
    clock.tick(1)
    const response = await client.response()
    t.match(response, { status: 503, headers: { connection: ['close'], 'content-type': [/^application\/json/] } })
    t.strictSame(errorBody(response), {
      statusCode: 503,
      code: 'FST_ERR_WS_HANDSHAKE_TIMEOUT',
      error: 'Service Unavailable',
      message: 'the handshake took more than 1000 ms'
    })
    await client.end()
    place.go()
    for (let i = 0; i < 5; i++) await new Promise(setImmediate)
    t.equal(client.received.length, 0)
    t.match(app.sockets.stats(), { opened: 0, refused: 1 })
    t.match(linesWith(app.lines, "hooks take too long: see the WebSocket option 'handshakeTimeout'"), [{ timeout: TIMEOUT }])
    await until(() => clock.countTimers() === 0)
    t.equal((await lastResponse(port, handshake('/none'))).status, 404, 'the others do not notice')
  })
}

test('a response that a hook has begun is cut', async t => {
  const place = createPlace()
  const { clock, client } = await served(t, {
    preHandler: async (_request, reply) => {
      reply.raw.writeHead(401)
      reply.raw.write('a')
      await place.wait()
    }
  })
  await place.reached
  await until(() => client.received.length > 0)
  clock.tick(TIMEOUT)
  await client.end()
  t.match(client.received.toString(), /^HTTP\/1\.1 401/)
})

test('the hook that took too long learns that its client has gone', async t => {
  const reached = deferred<AbortSignal>()
  const { clock, client } = await served(t, {
    preHandler: request => {
      reached.resolve(request.signal)
      return new Promise(() => {})
    }
  })
  const signal = await reached.promise
  clock.tick(TIMEOUT)
  t.equal((await client.response()).status, 503)
  await client.end()
  await until(() => signal.aborted)
})

test('a client that does not leave after the 503 is cut', async t => {
  const place = createPlace()
  const { app, port, clock, client: other } = await served(t, { preHandler: place.wait })
  await place.reached
  await other.destroy()
  await until(async () => await connectionCount(app) === 0)
  const client = new RawClient(port, { allowHalfOpen: true })
  client.write(handshake('/'))
  await until(() => linesWith(app.lines, 'incoming request').length === 2)
  clock.tick(TIMEOUT)
  t.equal((await client.response()).status, 503)
  await client.end()
  t.equal(await connectionCount(app), 1)
  clock.tick(5000)
  await until(async () => await connectionCount(app) === 0)
  await client.destroy()
})

test('the option of a route takes the place of that of the plugin', async t => {
  const place = createPlace()
  const { clock, client } = await served(t, { preHandler: place.wait }, { handshakeTimeout: 2 * TIMEOUT })
  await place.reached
  clock.tick(2 * TIMEOUT - 1)
  await new Promise(setImmediate)
  t.equal(client.received.length, 0)
  clock.tick(1)
  t.equal((await client.response()).status, 503)
})

test('a handshake that is answered in time opens, and leaves no timer', async t => {
  const place = createPlace()
  const { clock, client } = await served(t, { preHandler: place.wait }, { heartbeat: false })
  await place.reached
  clock.tick(TIMEOUT - 1)
  t.equal(clock.countTimers(), 1)
  place.go()
  t.equal((await client.response()).status, 101)
  t.equal(await frameText(client), 'hello')
  t.equal(clock.countTimers(), 0)
})
