import type { ServerHttp2Stream } from 'node:http2'
import type { FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { listen } from '../support/app.ts'
import { settledClock } from '../support/clock.ts'
import { deferred, errorBody, linesWith, waitingRoute } from '../support/handshakes.ts'
import { turn, until } from '../support/until.ts'
import {
  CANCEL, get, http2App, NO_ERROR, openSession, openSocket, openStream, refusal, refusalStatuses, refusingApp
} from './support.ts'

const TIMEOUT = 1000
const LINGER = 5000

test('where all places are taken a handshake gets 503, and a place that becomes free is given away', async t => {
  const app = http2App(t, { limits: { connections: 1 } })
  app.get('/room', { ws: true }, () => {})
  const session = await openSession(t, await listen(app))
  const first = await openSocket(session, '/room')
  const response = await refusal(openStream(session, '/room'))
  t.equal(response.status, 503)
  t.match(errorBody(response), { code: 'FST_ERR_WS_FULL' })
  t.equal(response.headers['retry-after'], '5')
  first.stream.close(CANCEL)
  await until(() => app.sockets.size === 0)
  await openSocket(session, '/room')
  t.match(app.sockets.stats(), { opened: 2, refused: 1 })
})

test('an address has its share, whatever number of streams and sessions it comes with', async t => {
  const app = http2App(t, { limits: { connectionsPerAddress: 2 } })
  const route = waitingRoute(app, '/room')
  const port = await listen(app)
  const [one, two] = [await openSession(t, port), await openSession(t, port)]
  const waiting = [openStream(one, '/room'), openStream(two, '/room')]
  await until(() => route.inHook === 2)
  for (const session of [one, two]) {
    const response = await refusal(openStream(session, '/room'))
    t.equal(response.status, 429)
    t.match(errorBody(response), { code: 'FST_ERR_WS_TOO_MANY' })
    t.equal(response.headers['retry-after'], '5')
  }
  route.letGo()
  t.same(await Promise.all(waiting.map(client => client.status())), [200, 200])
})

test('the place of a client that leaves during its hooks becomes free', async t => {
  const app = http2App(t, { limits: { connections: 1 } })
  const route = waitingRoute(app, '/room')
  const session = await openSession(t, await listen(app))
  const client = openStream(session, '/room')
  await until(() => route.inHook === 1)
  client.stream.close(CANCEL)
  await until(() => app.sockets.stats().refused === 1)
  const next = openStream(session, '/room')
  await until(() => route.inHook === 2)
  route.letGo()
  t.equal(await next.status(), 200)
})

/** A handshake that is stuck in a hook, on a clock that stands still. */
async function stuck (t: Test, hook: 'preHandler' | 'onSend', act: (reply: any) => unknown = () => {}) {
  const app = http2App(t, { handshakeTimeout: TIMEOUT, heartbeat: false })
  const reached = deferred<AbortSignal>()
  const gate = deferred()
  app.get('/room', {
    ws: true,
    [hook]: async (request: any, reply: any, payload: unknown) => {
      reached.resolve(request.signal)
      await gate.promise
      await act(reply)
      return payload
    }
  }, () => { t.fail('the handler was called') })
  const session = await openSession(t, await listen(app))
  const statuses = refusalStatuses(t)
  const clock = await settledClock(t)
  const client = openStream(session, '/room')
  const signal = await reached.promise
  return { app, session, clock, client, signal, statuses, letGo: gate.resolve }
}

for (const [name, hook, act] of [
  ['a preHandler', 'preHandler', undefined],
  ['a preHandler that answers later', 'preHandler', (reply: any) => reply.code(401).send('no')],
  ['a preHandler that throws later', 'preHandler', () => { throw new Error('late') }],
  ['an onSend hook of the 200', 'onSend', undefined],
  ['an onSend hook that throws later', 'onSend', () => { throw new Error('late') }],
  ['a hook that writes on the response of Node later', 'preHandler', (reply: any) => {
    reply.hijack()
    reply.raw.writeHead(200)
    reply.raw.end('late')
  }],
  ['a hook that writes a payload there later', 'preHandler', (reply: any) => {
    reply.hijack()
    reply.raw.write('late')
  }]
] as const) {
  test(`a handshake that is stuck in ${name} gets 503, and what comes later does no harm`, async t => {
    const { app, session, clock, client, signal, statuses, letGo } = await stuck(t, hook, act)
    clock.tick(TIMEOUT - 1)
    await turn()
    t.equal(client.headers, null)
    t.equal(signal.aborted, false)
    clock.tick(1)
    t.equal(await client.status(), 503)
    t.match(client.headers!['content-type'], /^application\/json/)
    t.strictSame(errorBody({ body: await client.end() }), {
      statusCode: 503,
      code: 'FST_ERR_WS_HANDSHAKE_TIMEOUT',
      error: 'Service Unavailable',
      message: 'the handshake took more than 1000 ms'
    })
    t.equal(signal.aborted, true, 'the hook can learn that nobody waits for it')
    letGo()
    for (let i = 0; i < 5; i++) await turn()
    t.equal(client.closed, false)
    client.stream.end()
    t.equal(await client.rst(), NO_ERROR)
    t.match(app.sockets.stats(), { opened: 0, refused: 1 })
    t.same(statuses, [503])
    t.match(linesWith(app.lines, "hooks take too long: see the WebSocket option 'handshakeTimeout'"), [{ timeout: TIMEOUT }])
    await until(() => clock.countTimers() === 0)
    t.equal((await get(session, '/none')).status, 404, 'the others do not notice')
  })
}

test('the answer in place of hooks has no header of theirs', async t => {
  const app = http2App(t, { handshakeTimeout: TIMEOUT })
  const inHook = deferred()
  app.addHook('preHandler', async (_request, reply) => {
    reply.raw.setHeader('x-raw', 'of Node')
    reply.header('x-one', '1')
    inHook.resolve()
    await new Promise(() => {})
  })
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  const session = await openSession(t, await listen(app))
  const clock = await settledClock(t)
  const client = openStream(session, '/room')
  await inHook.promise
  await turn()
  clock.tick(TIMEOUT)
  const { status, headers } = await refusal(client)
  t.equal(status, 503)
  t.same(Object.keys(headers).sort(), [':status', 'content-length', 'content-type', 'date'])
})

test('a response that a hook has begun is cut with CANCEL', async t => {
  const app = http2App(t, { handshakeTimeout: TIMEOUT })
  app.get('/room', {
    ws: true,
    preHandler: (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(401)
      reply.raw.write('a')
    }
  }, () => { t.fail('the handler was called') })
  const session = await openSession(t, await listen(app))
  const clock = await settledClock(t)
  const client = openStream(session, '/room')
  t.equal(await client.status(), 401)
  await client.until(() => client.received.length > 0)
  clock.tick(TIMEOUT)
  t.equal(await client.rst(), CANCEL)
})

test('a handshake that is answered in time leaves no timer', async t => {
  const app = http2App(t, { handshakeTimeout: TIMEOUT, heartbeat: false })
  const route = waitingRoute(app, '/room')
  const session = await openSession(t, await listen(app))
  const clock = await settledClock(t)
  const client = openStream(session, '/room')
  await until(() => route.inHook === 1)
  clock.tick(TIMEOUT - 1)
  t.equal(clock.countTimers(), 1)
  route.letGo()
  t.equal(await client.status(), 200)
  t.equal(clock.countTimers(), 0)
  t.equal(client.stream.closed, false)
})

for (const later of [false, true]) {
  test(`a client that is refused ${later ? 'later' : 'at once'} and never ends its stream is cut after 5 s`, async t => {
    const { app, session } = await refusingApp(t, app => {
      app.addHook('onRequest', async (_request, reply) => {
        if (later) await turn()
        return reply.code(401).send('no')
      })
    })
    const clock = await settledClock(t)
    const client = openStream(session, '/room')
    t.equal(await client.status(), 401)
    t.equal(await client.end(), 'no')
    // What still comes is read and ignored.
    client.write(Buffer.alloc(200_000))
    await until(() => client.stream.writableLength === 0)
    clock.tick(LINGER - 1)
    await turn()
    await get(session, '/none')
    t.equal(client.closed, false)
    clock.tick(1)
    t.equal(await client.rst(), CANCEL)
    t.match(app.sockets.stats(), { opened: 0, refused: 1 })
    await until(() => clock.countTimers() === 0)
  })
}

test('a refused client that never ends its stream does not hold app.close() for longer', async t => {
  const { app, session } = await refusingApp(t, app => {
    app.addHook('onRequest', async (_request, reply) => reply.code(401).send('no'))
  })
  const clock = await settledClock(t)
  const client = openStream(session, '/room')
  await client.end()
  const closed = app.close()
  clock.tick(LINGER)
  t.equal(await client.rst(), CANCEL)
  await closed
})

/** Holds `app.close()` up until the test lets it go on, when it has begun already. */
async function closingApp (t: Test, prepare: (app: FastifyInstance) => void) {
  const app = http2App(t)
  const gate = deferred()
  prepare(app)
  app.get('/room', { ws: { onDrain: () => gate.promise } }, () => {})
  const session = await openSession(t, await listen(app))
  const other = await openSocket(session, '/room')
  return { app, session, other, letGo: gate.resolve }
}

test('a handshake that comes while the server is closing gets 503', async t => {
  const { app, session, other, letGo } = await closingApp(t, () => {})
  const closed = app.close()
  await turn()
  const response = await refusal(openStream(session, '/room'))
  t.equal(response.status, 503)
  letGo()
  t.equal((await other.close()).code, 1001)
  other.send(8)
  other.stream.end()
  await closed
  t.match(app.sockets.stats(), { opened: 1 })
})

test('a handshake that is in a hook when the server begins to close gets 503', async t => {
  const gate = deferred()
  const inHook = deferred()
  const { app, session, other, letGo } = await closingApp(t, app => {
    app.addHook('preHandler', async request => {
      if (request.headers['x-wait'] === undefined) return
      inHook.resolve()
      await gate.promise
    })
  })
  const client = openStream(session, '/room', { 'x-wait': '1' })
  await inHook.promise
  const closed = app.close()
  await turn()
  gate.resolve()
  const response = await refusal(client)
  t.equal(response.status, 503)
  t.match(errorBody(response), { code: 'FST_ERR_WS_CLOSING' })
  letGo()
  t.equal((await other.close()).code, 1001)
  other.send(8)
  other.stream.end()
  await closed
  t.match(app.sockets.stats(), { opened: 1, refused: 1 })
})

test('a stream that has a timeout of its own during its hooks is cut', async t => {
  const streams: ServerHttp2Stream[] = []
  const app = http2App(t)
  app.server.on('stream', stream => { streams.push(stream) })
  const route = waitingRoute(app, '/room')
  const session = await openSession(t, await listen(app))
  const client = openStream(session, '/room')
  await until(() => route.inHook === 1)
  streams[0]!.emit('timeout')
  t.equal(await client.rst(), CANCEL)
  await until(() => app.sockets.stats().refused === 1)
})
