import type { FastifyRequest, RouteShorthandOptions } from 'fastify'
import type { Socket, SocketOptions } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { deferred, errorBody, fakeClock, frameText, lastResponse, until } from './support.ts'

const TIMEOUT = 1000
/** Longer than any answer is waited for after that. */
const LINGER = 5000

/** What a hook has come to, and what lets it go on. */
function stuck () {
  const reached = deferred()
  const gate = deferred()
  return { reached: reached.promise, go: gate.resolve, wait: () => { reached.resolve(); return gate.promise } }
}

async function serve (
  t: Test, route: RouteShorthandOptions, ws: SocketOptions = {}, change?: (app: ReturnType<typeof createApp>) => void
) {
  const app = createApp(t, { handshakeTimeout: TIMEOUT })
  change?.(app)
  app.get('/', { ...route, ws } as any, ((socket: Socket) => { socket.send('hello') }) as any)
  const port = await listen(app)
  const clock = await fakeClock(t)
  const client = new RawClient(port)
  client.write(handshake('/'))
  t.teardown(() => client.destroy())
  return { app, port, clock, client }
}

test('a hook of the app that never ends is answered with 503 after the longest timeout of all routes', async t => {
  const hook = stuck()
  const { app, clock, client } = await serve(t, {}, { handshakeTimeout: TIMEOUT * 2 }, app => {
    app.addHook('onRequest', hook.wait)
  })
  await hook.reached
  clock.tick(TIMEOUT * 2 - 100)
  t.equal(client.ended, false)
  clock.tick(100)
  const { status, body } = await client.response()
  t.equal(status, 503)
  t.equal(body, '')
  await client.end()
  hook.go()
  await new Promise(setImmediate)
  t.equal(app.sockets.stats().opened, 0)
})

test('a hook of the app that refuses after the timeout writes nothing behind the 503', async t => {
  const hook = stuck()
  const { clock, client } = await serve(t, {}, {}, app => {
    app.addHook('onRequest', async (_request, reply) => { reply.code(401).send({ no: 1 }); return reply })
    // With a callback: what throws in it would throw in the hook's own timer.
    app.addHook('onSend', (_request, _reply, payload, done) => { hook.wait().then(() => { setImmediate(done, null, payload) }) })
  })
  await hook.reached
  clock.tick(TIMEOUT)
  t.equal((await client.response()).status, 503)
  hook.go()
  await client.end()
  t.equal(client.received.length, 0)
})

test('a response that a hook of the app has begun is cut at the timeout', async t => {
  const hook = stuck()
  const { clock, client } = await serve(t, {}, {}, app => {
    app.addHook('onRequest', async (_request, reply) => {
      reply.raw.writeHead(401)
      reply.raw.write('a')
      await hook.wait()
    })
  })
  await hook.reached
  await until(() => client.received.length > 0)
  clock.tick(TIMEOUT)
  await client.end()
  t.match(client.received.toString(), /^HTTP\/1\.1 401/)
})

test('the timeout of a route holds, too, where a hook of the app has made it wait before', async t => {
  const [first, second] = [stuck(), stuck()]
  const { clock, client } = await serve(t, { preHandler: second.wait }, { handshakeTimeout: TIMEOUT / 2 }, app => {
    app.addHook('onRequest', first.wait)
  })
  await first.reached
  first.go()
  await second.reached
  clock.tick(TIMEOUT / 2)
  const response = await client.response()
  t.equal(response.status, 503)
  t.equal(errorBody(response).code, 'FST_ERR_WS_HANDSHAKE_TIMEOUT')
})

test('a 101 that is still in onSend hooks at the timeout opens the connection', async t => {
  const hook = stuck()
  const { clock, client } = await serve(t, {
    onSend: (_request, _reply, payload, done) => { hook.wait().then(() => { setImmediate(done, null, payload) }) }
  })
  await hook.reached
  clock.tick(TIMEOUT)
  hook.go()
  t.equal((await client.response()).status, 101)
  t.equal(await frameText(client), 'hello')
  clock.tick(LINGER)
  t.equal(client.ended, false)
})

test('a refusal that is still in onSend hooks at the timeout stays as it is, and gets no second answer', async t => {
  const hook = stuck()
  const { clock, client, app } = await serve(t, {
    preHandler: async (_request, reply) => { reply.code(401).send({ no: 1 }); return reply },
    onSend: (_request, _reply, payload, done) => { hook.wait().then(() => { setImmediate(done, null, payload) }) }
  })
  await hook.reached
  clock.tick(TIMEOUT)
  hook.go()
  const { status, body } = await client.response()
  t.equal(status, 401)
  t.equal(body, '{"no":1}')
  await client.end()
  t.equal(app.sockets.stats().refused, 1)
})

test('an error that is still in onError hooks at the timeout is answered when they have ended', async t => {
  const hook = stuck()
  const { clock, client } = await serve(t, {
    preHandler: async () => { throw new Error('broken') },
    onError: hook.wait
  })
  await hook.reached
  clock.tick(TIMEOUT)
  hook.go()
  const response = await client.response()
  t.equal(response.status, 500)
  t.equal(errorBody(response).message, 'broken')
})

test('an answer that does not come within five more seconds is cut', async t => {
  const hook = stuck()
  const { clock, client, app } = await serve(t, { preHandler: async () => { throw new Error('broken') }, onError: hook.wait })
  await hook.reached
  clock.tick(TIMEOUT + LINGER - 100)
  t.equal(client.ended, false)
  clock.tick(100)
  await client.end()
  t.equal(client.received.length, 0)
  await until(() => app.sockets.stats().refused === 1)
  hook.go()
})

test('a hook that fails while the timeout is being answered does not bring the process down', async t => {
  const hook = stuck()
  const done: Array<() => void> = []
  const { clock, client } = await serve(t, {
    preHandler: async () => { await hook.wait(); throw new Error('late') },
    onSend: (_request, _reply, payload, next) => { done.push(() => next(null, payload)) }
  })
  await hook.reached
  clock.tick(TIMEOUT)
  hook.go()
  t.match(await client.response(), { status: 503 })
  t.equal(done.length, 1)
  done[0]!()
  await client.end()
  t.equal(client.received.length, 0)
})

test('a hook that ends while the timeout is being answered opens no connection', async t => {
  const [hook, answer] = [stuck(), stuck()]
  const passed = deferred<FastifyRequest>()
  const { app, port, clock, client } = await serve(t, {
    preHandler: [hook.wait, async request => { passed.resolve(request) }],
    errorHandler: async (error: any, _request, reply) => {
      await answer.wait()
      reply.code(503)
      return { code: error.code }
    }
  })
  await hook.reached
  clock.tick(TIMEOUT)
  await answer.reached
  hook.go()
  await passed.promise
  await new Promise(setImmediate)
  answer.go()
  t.match(await client.response(), { status: 503, body: '{"code":"FST_ERR_WS_HANDSHAKE_TIMEOUT"}' })
  await client.end()
  t.equal(app.sockets.stats().opened, 0)
  t.equal((await lastResponse(port, handshake('/none'))).status, 404)
})
