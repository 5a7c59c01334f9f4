import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { collectGarbage } from '../support/garbage.ts'
import { connectionCount, errorBody, frameText, lastResponse, linesWith } from '../support/handshakes.ts'
import { handshake, RawClient, type WireResponse } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

/** An app where an address gets so many requests an hour. */
async function limitedApp (t: Test, max: number, options: Parameters<typeof createApp>[1] = {}) {
  const app = createApp(t, options, { trustProxy: true })
  // Awaited: it sees the routes that are declared after it.
  await app.register(rateLimit, { max, timeWindow: '1 hour' })
  return app
}

/** What the headers of the response say about the limit. */
function limitIn ({ headers }: WireResponse): Array<string | undefined> {
  return ['limit', 'remaining'].map(name => headers[`x-ratelimit-${name}`]?.[0])
}

/** Waits until the server holds no more than so many connections. */
async function onlyLeft (app: FastifyInstance, connections: number): Promise<void> {
  await until(async () => await connectionCount(app) === connections)
}

test('@fastify/rate-limit counts handshakes: its headers are on the 101, and past the limit it answers with 429', async t => {
  const app = await limitedApp(t, 2)
  let calls = 0
  app.get('/room', { ws: true }, socket => {
    calls++
    socket.on('message', message => { socket.send(message) })
  })
  const port = await listen(app)

  const clients = []
  for (const remaining of ['1', '0']) {
    const client = new RawClient(port)
    client.write(handshake('/room'))
    const response = await client.response()
    t.equal(response.status, 101)
    t.same(limitIn(response), ['2', remaining])
    clients.push(client)
  }

  const refused = await lastResponse(port, handshake('/room'))
  t.equal(refused.status, 429)
  t.same(limitIn(refused), ['2', '0'])
  t.match(refused.headers['retry-after'], [/^3[56]\d\d$/])
  t.same(refused.headers['retry-after'], refused.headers['x-ratelimit-reset'])
  t.same(refused.headers.connection, ['close'])
  t.notOk(refused.headers.upgrade)
  t.match(errorBody(refused), { statusCode: 429, error: 'Too Many Requests', message: /^Rate limit exceeded/ })

  t.equal(calls, 2, 'the handler is not called for it')
  const other = await RawClient.open(port, '/room', { 'X-Forwarded-For': '192.0.2.7' })
  for (const client of [...clients, other]) {
    // Messages are no requests.
    for (let i = 0; i < 5; i++) client.send(1, `message ${i}`)
    for (let i = 0; i < 5; i++) t.equal(await frameText(client), `message ${i}`)
    await client.destroy()
  }
  await onlyLeft(app, 0)
})

test('a plain request and a handshake to the same URL have one count', async t => {
  const app = await limitedApp(t, 2)
  app.get('/room', { ws: { handler: socket => { socket.send('hello') } } }, async () => 'plain')
  const port = await listen(app)
  t.equal((await app.inject({ url: '/room' })).statusCode, 200)
  const client = await RawClient.open(port, '/room')
  t.equal((await lastResponse(port, handshake('/room'))).status, 429)
  t.equal((await app.inject({ url: '/room' })).statusCode, 429)
  await client.destroy()
})

test('what the plugin refuses by itself is refused before it is counted', async t => {
  const app = await limitedApp(t, 1, { limits: { connections: 1 } })
  app.get('/free', { ws: true, config: { rateLimit: false } }, () => {})
  app.get('/room', { ws: true }, () => {})
  const port = await listen(app)
  const first = await RawClient.open(port, '/free')
  t.equal((await lastResponse(port, handshake('/room'))).status, 503)
  await first.destroy()
  await until(() => app.sockets.size === 0)
  t.equal((await lastResponse(port, handshake('/room', { 'Sec-WebSocket-Protocol': '?' }))).status, 400)
  t.equal((await lastResponse(port, handshake('/room', { Origin: 'http://elsewhere.example' }))).status, 403)
  const second = await RawClient.open(port, '/room')
  await second.destroy()
  await until(() => app.sockets.size === 0)
  t.equal((await lastResponse(port, handshake('/room'))).status, 429)
})

test('of refused handshakes nothing is left: no connection, no place taken, no request in memory', async t => {
  const app = await limitedApp(t, 0, { limits: { connections: 2, connectionsPerAddress: 2, handshakesPerAddress: 1 } })
  const requests: WeakRef<object>[] = []
  app.addHook('onRequest', async (request, reply) => {
    requests.push(new WeakRef(request), new WeakRef(request.raw), new WeakRef(reply.raw))
  })
  app.get('/limited', { ws: true }, () => { t.fail('the handler was called') })
  app.get('/free', { ws: true, config: { rateLimit: false } }, socket => { socket.send('hello') })
  const port = await listen(app)
  // Of the same address: what is left of the others would be counted with it.
  const first = await RawClient.open(port, '/free')
  for (let i = 0; i < 50; i++) {
    const refused = await lastResponse(port, handshake('/limited'))
    t.match([refused.status, limitIn(refused)], [429, ['0', '0']])
  }
  await onlyLeft(app, 1)
  t.match(app.sockets.stats(), { open: 1, opened: 1, refused: 50, closed: 0 })
  t.match(app.sockets.stats().routes['/limited'], { open: 0, refused: 50 })
  t.equal(linesWith(app.lines, 'websocket closed').length, 0)

  const second = await RawClient.open(port, '/free')
  t.equal(await frameText(second), 'hello', 'a place is free')
  for (const client of [first, second]) await client.destroy()
  await onlyLeft(app, 0)
  t.equal(requests.length, 52 * 3)
  await until(() => {
    collectGarbage()
    return requests.every(request => request.deref() === undefined)
  })
})

test('a client that leaves while a store is being asked takes nothing with it', async t => {
  const app = createApp(t, { limits: { connections: 1 } })
  const asked: Array<(error: null, result: { current: number, ttl: number }) => void> = []
  /** A store that answers when the test lets it, as one over the network would. */
  class SlowStore {
    incr (_key: string, answer: typeof asked[number]): void { asked.push(answer) }
    child (): SlowStore { return this }
  }
  await app.register(rateLimit, { max: 1, store: SlowStore as any })
  app.get('/room', { ws: true }, socket => { socket.send('hello') })
  const port = await listen(app)
  for (const [i, current] of [1, 2].entries()) {
    const client = new RawClient(port)
    client.write(handshake('/room'))
    await until(() => asked.length === 1)
    client.reset()
    await until(() => app.sockets.stats().refused === i + 1)
    asked.pop()!(null, { current, ttl: 1000 })
  }

  const opening = RawClient.open(port, '/room')
  await until(() => asked.length === 1)
  asked.pop()!(null, { current: 1, ttl: 1000 })
  const client = await opening
  t.equal(await frameText(client), 'hello')
  t.match(app.sockets.stats(), { open: 1, opened: 1, refused: 2 })
  await client.destroy()
})
