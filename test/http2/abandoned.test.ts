import type { ClientHttp2Session } from 'node:http2'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Test, test } from 'tap'
import { listen } from '../support/app.ts'
import { masked } from '../support/frames.ts'
import { deferred } from '../support/handshakes.ts'
import {
  connectFields, END_HEADERS, headerBlock, HEADERS, http2Frame, RST_STREAM, uint32
} from '../support/http2-frames.ts'
import { turn, until } from '../support/until.ts'
import { RawSession } from './raw.ts'
import {
  CANCEL, get, http2App, INTERNAL_ERROR, NO_ERROR, openSession, openSocket, openStream, refusalStatuses, type StreamClient
} from './support.ts'

test('a stream that is closed while its answer is on its way opens no connection', async t => {
  const app = http2App(t)
  const statuses = refusalStatuses(t)
  let calls = 0
  app.addHook('onSend', (request, _reply, payload, done) => {
    process.nextTick(() => { (request.raw as any).stream.close(CANCEL) })
    done(null, payload)
  })
  app.get('/room', { ws: true }, () => { calls++ })
  const stream = openStream(await openSession(t, await listen(app)), '/room')
  await until(() => stream.stream.closed)
  await until(() => statuses.length === 1)
  t.equal(calls, 0)
  t.equal(app.sockets.size, 0)
})

/** An app whose first handshake waits in a hook until the test lets it go on. */
async function stuckApp (t: Test, act: (request: FastifyRequest, reply: FastifyReply) => unknown = () => {}) {
  const app = http2App(t)
  const stuck = deferred<FastifyRequest>()
  const gate = deferred()
  const passed = deferred()
  const calls: string[] = []
  app.addHook('onRequestAbort', async _request => { calls.push('onRequestAbort') })
  // Nobody was answered.
  app.addHook('onResponse', async (_request, reply) => { calls.push(`onResponse: ${reply.statusCode}`) })
  app.addHook('preValidation', async (request, reply) => {
    if (request.headers['x-wait'] === undefined) return
    stuck.resolve(request)
    await gate.promise
    passed.resolve()
    return act(request, reply)
  })
  app.get('/room', { ws: true }, socket => {
    if (socket.request.headers['x-wait'] !== undefined) t.fail('the handler was called for nobody')
    socket.send('hello')
  })
  const port = await listen(app)
  const statuses = refusalStatuses(t)
  const session = await openSession(t, port)
  const client = openStream(session, '/room', { 'x-wait': '1' })
  const { signal } = await stuck.promise
  return { app, port, session, client, signal, gate, passed, calls, statuses }
}

type Leave = (client: StreamClient, session: ClientHttp2Session) => void

for (const [how, leave, code] of [
  ['ends its side of the stream', ({ stream }) => { stream.end() }, CANCEL],
  ['sends a frame and then ends its side', ({ stream }) => { stream.end(masked(1, 'last words')) }, CANCEL],
  ['resets the stream', ({ stream }) => { stream.close(CANCEL) }, CANCEL],
  ['resets the stream with an error', ({ stream }) => { stream.close(INTERNAL_ERROR) }, INTERNAL_ERROR],
  ['drops its session', (_client, session) => { session.destroy() }, null]
] as Array<[string, Leave, number | null]>) {
  test(`a client that ${how} while a hook runs: the hook learns of it, the handler is not called`, async t => {
    const { app, port, session, client, signal, gate, passed, calls, statuses } = await stuckApp(t)
    leave(client, session)
    await until(() => signal.aborted)
    await until(() => calls.length > 0)
    if (code !== null) t.equal(await client.rst(), code)
    gate.resolve()
    await passed.promise
    for (let i = 0; i < 5; i++) await turn()
    t.same(calls, ['onRequestAbort'])
    t.same(statuses, [null])
    t.match(app.sockets.stats(), { opened: 0, refused: 1 })
    const others = code === null ? await openSession(t, port) : session
    t.equal(await (await openSocket(others, '/room')).text(), 'hello', 'the others do not notice')
    await until(() => app.sockets.size === 1)
  })
}

for (const [what, act] of [
  ['answers', (_request: FastifyRequest, reply: FastifyReply) => reply.code(401).send('who are you?')],
  ['answers with a large body', (_request: FastifyRequest, reply: FastifyReply) => reply.code(401).send('x'.repeat(1_000_000))],
  ['throws', () => { throw new Error('on purpose') }]
] as const) {
  test(`a client that is gone before a hook ${what} harms nobody`, async t => {
    const { app, session, client, signal, gate, passed, statuses } = await stuckApp(t, act)
    client.stream.close(CANCEL)
    await until(() => signal.aborted)
    gate.resolve()
    await passed.promise
    for (let i = 0; i < 5; i++) await turn()
    t.same(statuses, [null])
    t.equal(app.sockets.stats().refused, 1)
    t.equal((await get(session, '/none')).status, 404)
  })
}

for (const code of [NO_ERROR, CANCEL, INTERNAL_ERROR]) {
  test(`nothing is left of a stream that is reset with ${code} in the packet of its request`, async t => {
    const app = http2App(t)
    const ends: unknown[] = []
    app.get('/room', { ws: true }, socket => { socket.on('close', ({ code }) => { ends.push(code) }) })
    const raw = await RawSession.open(t, await listen(app))
    const request = http2Frame(HEADERS, END_HEADERS, 1, headerBlock(connectFields('/room')))
    raw.send(request, http2Frame(RST_STREAM, 0, 1, uint32(code)))
    raw.connect(3, connectFields('/none'))
    await until(() => raw.of(3, HEADERS).length > 0)
    await until(() => app.sockets.size === 0)
    const { opened, refused } = app.sockets.stats()
    t.ok(opened + refused <= 1)
    t.same(ends, opened === 1 ? [1006] : [])
  })
}

test('a client that ends its stream while a refusal is being written gets all of it', async t => {
  const body = 'x'.repeat(300_000)
  const app = http2App(t)
  app.get('/room', { ws: true, onRequest: async (_request, reply) => reply.code(403).send(body) }, () => {})
  const statuses = refusalStatuses(t)
  const session = await openSession(t, await listen(app), { settings: { initialWindowSize: 1000 } })
  const client = openStream(session, '/room')
  t.equal(await client.status(), 403)
  client.stream.end()
  t.equal(await client.end(), body)
  t.equal(await client.rst(), NO_ERROR)
  t.same(statuses, [403])
})

test('a client that resets its stream while a large refusal is being written harms nobody', async t => {
  const app = http2App(t)
  app.get('/room', { ws: true, onRequest: async (_request, reply) => reply.code(403).send('x'.repeat(5_000_000)) }, () => {})
  const session = await openSession(t, await listen(app))
  const client = openStream(session, '/room')
  client.stream.pause()
  t.equal(await client.status(), 403)
  client.stream.close(CANCEL)
  await until(() => app.sockets.stats().refused === 1)
  t.equal((await get(session, '/none')).status, 404)
})

test('a hook that destroys the stream keeps the handler out', async t => {
  for (const destroy of [
    (request: any) => { request.raw.stream.destroy() },
    (request: any) => { request.raw.destroy() },
    (_request: any, reply: any) => { reply.raw.destroy() },
    (request: any) => { request.raw.stream.close(CANCEL) }
  ]) {
    const app = http2App(t)
    app.addHook('preHandler', async (request, reply) => destroy(request, reply))
    app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
    const client = openStream(await openSession(t, await listen(app)), '/room')
    await client.rst()
    t.equal(client.headers, null)
    await until(() => app.sockets.stats().refused === 1)
    t.equal(app.sockets.stats().opened, 0)
  }
})

test('the app closes while the client of a stuck handshake is already gone', async t => {
  const { app, client, signal, gate } = await stuckApp(t)
  client.stream.close(CANCEL)
  await until(() => signal.aborted)
  const closed = app.close()
  gate.resolve()
  await closed
  t.equal(app.sockets.size, 0)
})

test('a client that leaves in the instant of its acceptance: the handler learns of it from the socket', async t => {
  const app = http2App(t)
  const ended = deferred<number>()
  app.addHook('onRequestAbort', async _request => { t.fail('onRequestAbort was called') })
  app.get('/room', { ws: true }, socket => {
    socket.on('message', () => {})
    socket.on('close', ({ code }) => ended.resolve(code))
  })
  const client = openStream(await openSession(t, await listen(app)), '/room')
  client.stream.end()
  t.equal(await ended.promise, 1006)
  t.equal(await client.rst(), NO_ERROR)
  t.equal(await client.status(), 200)
})
