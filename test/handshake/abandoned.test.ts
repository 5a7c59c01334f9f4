import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { masked } from '../support/frames.ts'
import { connectionCount, deferred, frameText, lastResponse } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

/** An app whose handshakes wait in a hook until the test lets them go on. */
async function stuckApp (t: Test) {
  const app = createApp(t)
  const stuck = deferred<FastifyRequest>()
  const gate = deferred()
  const passed = deferred()
  const aborted = deferred()
  app.addHook('onRequestAbort', async _request => { aborted.resolve() })
  app.addHook('preValidation', async request => {
    // Only the first one waits.
    stuck.resolve(request)
    await gate.promise
  })
  app.addHook('preHandler', async () => { passed.resolve() })
  app.get('/room', { ws: true }, socket => {
    if (socket.request === abandoned) t.fail('the handler was called for nobody')
    socket.send('hello')
  })
  let abandoned: FastifyRequest | undefined
  const port = await listen(app)
  const client = new RawClient(port)
  client.write(handshake('/room'))
  abandoned = await stuck.promise
  return { app, port, client, request: abandoned, gate, passed, aborted }
}

/** Nothing is left of the handshake, and the app serves others. */
async function isForgotten (t: Test, app: FastifyInstance, port: number): Promise<void> {
  t.equal(app.sockets.stats().opened, 0)
  const other = await RawClient.open(port, '/room')
  t.equal(await frameText(other), 'hello')
  await other.destroy()
  await until(async () => await connectionCount(app) === 0)
}

for (const [how, leave] of [
  ['ends its side of the connection', (client: RawClient) => { client.socket.end() }],
  ['sends a frame and then ends its side', (client: RawClient) => { client.socket.end(masked(1, 'last words')) }],
  ['resets the connection', (client: RawClient) => { client.reset() }]
] as const) {
  test(`a client that ${how} while a hook runs: the hook learns of it, the handler is not called`, async t => {
    const { app, port, client, request, gate, passed, aborted } = await stuckApp(t)
    const { signal } = request
    const heard = new Promise(resolve => signal.addEventListener('abort', resolve))
    leave(client)
    await heard
    t.equal(signal.aborted, true)
    await aborted.promise
    gate.resolve()
    await passed.promise
    await isForgotten(t, app, port)
  })
}

test('a client that is gone before a hook refuses or throws harms nobody', async t => {
  for (const act of [
    (reply: any) => reply.code(401).send('who are you?'),
    () => { throw new Error('on purpose') }
  ]) {
    const app = createApp(t)
    const stuck = deferred<AbortSignal>()
    const gate = deferred()
    app.addHook('onRequest', async (request, reply) => {
      stuck.resolve(request.signal)
      await gate.promise
      return act(reply)
    })
    app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
    app.setNotFoundHandler((_request, reply) => { reply.code(404).send('still here') })
    const port = await listen(app)
    const client = new RawClient(port)
    client.write(handshake('/room'))
    const signal = await stuck.promise
    client.reset()
    await until(() => signal.aborted)
    gate.resolve()
    await until(async () => await connectionCount(app) === 0)
    t.equal((await lastResponse(port, handshake('/room'))).status, act.length === 1 ? 401 : 500)
  }
})

test('what a client sends after a refusal is read and ignored, so that no reset overtakes the response', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true, onRequest: async (_request, reply) => reply.code(403).send('no') }, () => {})
  const client = new RawClient(await listen(app), { allowHalfOpen: true })
  client.write(handshake('/room'))
  const { status, body } = await client.response()
  t.same([status, body], [403, 'no'])
  client.write(Buffer.alloc(500_000))
  client.socket.end()
  await until(async () => await connectionCount(app) === 0)
  await client.end()
  t.equal(client.socket.errored, null)
})

test('a hook that destroys the connection keeps the handler out', async t => {
  for (const destroy of [
    (request: FastifyRequest) => { request.raw.socket.destroy() },
    (request: FastifyRequest) => { request.raw.destroy() },
    (_request: FastifyRequest, reply: FastifyReply) => { reply.raw.destroy() }
  ]) {
    const app = createApp(t)
    app.addHook('preHandler', async (request, reply) => destroy(request, reply))
    app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
    const client = new RawClient(await listen(app))
    client.write(handshake('/room'))
    await client.end()
    await until(async () => await connectionCount(app) === 0)
    t.equal(client.received.length, 0)
    t.equal(app.sockets.stats().opened, 0)
  }
})

test('the app closes while the client of a stuck handshake is already gone', async t => {
  const { app, client, request, gate } = await stuckApp(t)
  const { signal } = request
  client.reset()
  await until(() => signal.aborted)
  const closed = app.close()
  gate.resolve()
  await closed
  t.equal(app.sockets.size, 0)
})

test('a client that sends half a handshake and leaves harms nobody', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  const port = await listen(app)
  const client = new RawClient(port)
  client.socket.end(handshake('/room').slice(0, 60))
  await client.end()
  await until(async () => await connectionCount(app) === 0)
})

test('onRequestAbort does not run for a socket that was opened and then lost', async t => {
  const app = createApp(t)
  const ended = deferred()
  app.addHook('onRequestAbort', async _request => { t.fail('onRequestAbort was called') })
  app.get('/room', { ws: true }, socket => { socket.on('close', () => ended.resolve()) })
  const client = await RawClient.open(await listen(app), '/room')
  client.reset()
  await ended.promise
  await new Promise(setImmediate)
  t.equal(app.sockets.size, 0)
})
