import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { LimitOptions, RefusalMessage, Socket, SocketOptions } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { settledClock } from '../support/clock.ts'
import { masked } from '../support/frames.ts'
import { deferred, lastResponse } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { accepted } from '../support/transport.ts'
import { until } from '../support/until.ts'

/* Every place is given back, and once only, however a handshake or a connection ends. */

const ROOM = '/room'
const ONE_OF_EACH: LimitOptions = { connections: 1, connectionsPerAddress: 1, handshakesPerAddress: 1 }

/** An app with one place, whose route has these hooks for as long as the test says. */
async function onePlace (
  t: Test, hooks: Record<string, (...args: any[]) => unknown>, handler: (socket: Socket) => unknown = () => {},
  ws: SocketOptions = {}
) {
  const app = createApp(t, { heartbeat: false, ...ws, limits: ONE_OF_EACH })
  const state = { hooked: true }
  const route = Object.fromEntries(Object.entries(hooks).map(([name, hook]) => {
    return [name, async (...args: unknown[]) => state.hooked ? await hook(...args) : undefined]
  }))
  app.get(ROOM, { ws: { limits: ONE_OF_EACH }, ...route }, handler)
  return { app, state, port: await listen(app) }
}

/** Exactly one handshake at a time gets through. */
async function hasOnePlace (t: Test, { app, port }: Awaited<ReturnType<typeof onePlace>>): Promise<void> {
  const client = await RawClient.open(port, ROOM)
  t.equal((await lastResponse(port, handshake(ROOM))).status, 503)
  await client.destroy()
  await until(() => app.sockets.size === 0)
}

type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

interface Refusal {
  what: string
  status: number
  headers?: Record<string, string>
  hooks?: Record<string, Hook>
}

const REFUSALS: Refusal[] = [
  { what: 'a hook replies', status: 401, hooks: { onRequest: async (_request, reply) => reply.code(401).send() } },
  { what: 'a hook throws', status: 500, hooks: { preHandler: async () => { throw new Error('on purpose') } } },
  { what: 'there is nothing', status: 404, hooks: { preHandler: async (_request, reply) => reply.callNotFound() } },
  {
    what: 'an onSend hook fails',
    status: 500,
    // For the answer that opens, not for the error that comes of it.
    hooks: { onSend: async (_request, reply) => { if (reply.statusCode === accepted) throw new Error('on purpose') } }
  },
  { what: 'it is none', status: 400, headers: { 'Sec-WebSocket-Protocol': '?' } },
  { what: 'its version is unknown', status: 426, headers: { 'Sec-WebSocket-Version': '8' } },
  { what: 'its origin is not allowed', status: 403, headers: { Origin: 'https://evil.example' } }
]

for (const { what, status, headers, hooks = {} } of REFUSALS) {
  test(`a handshake that is refused because ${what} gives its place back`, async t => {
    const served = await onePlace(t, hooks)
    for (let i = 0; i < 3; i++) t.equal((await lastResponse(served.port, handshake(ROOM, headers))).status, status)
    served.state.hooked = false
    await hasOnePlace(t, served)
  })
}

for (const [how, leave] of [
  ['ends its side of the connection', (client: RawClient) => { client.socket.end() }],
  ['resets the connection', (client: RawClient) => { client.reset() }],
  ['sends too much ahead of the 101', (client: RawClient) => { client.write(Buffer.alloc(100_000)) }]
] as const) {
  test(`a client that ${how} while a hook runs gives its place back at once`, async t => {
    const stuck = deferred()
    const gate = deferred()
    const served = await onePlace(t, {
      preHandler: async () => {
        stuck.resolve()
        await gate.promise
      }
    })
    const client = new RawClient(served.port)
    client.write(handshake(ROOM))
    await stuck.promise
    t.equal((await lastResponse(served.port, handshake(ROOM))).status, 503)
    leave(client)
    await until(() => served.app.sockets.stats().refused === 2)
    served.state.hooked = false
    await hasOnePlace(t, served)
    gate.resolve()
    await hasOnePlace(t, served)
    await client.destroy()
  })
}

test('a handshake whose hook destroys the connection gives its place back', async t => {
  const served = await onePlace(t, {
    onRequest: async (request: FastifyRequest) => { request.raw.socket.destroy() }
  })
  for (let i = 0; i < 3; i++) {
    const client = new RawClient(served.port)
    client.write(handshake(ROOM))
    await client.end()
    await until(() => served.app.sockets.stats().refused === i + 1)
  }
  served.state.hooked = false
  await hasOnePlace(t, served)
})

test('a handshake whose hook never answers gives its place back when the time is up', async t => {
  const stuck = deferred()
  const served = await onePlace(t, {
    preHandler: async () => {
      stuck.resolve()
      await new Promise(() => {})
    }
  }, () => {}, { handshakeTimeout: 1000 })
  const clock = await settledClock(t)
  const answer = lastResponse(served.port, handshake(ROOM))
  await stuck.promise
  t.equal((await lastResponse(served.port, handshake(ROOM))).status, 503)
  clock.tick(1000)
  t.match(await answer, { status: 503, body: /FST_ERR_WS_HANDSHAKE_TIMEOUT/ })
  served.state.hooked = false
  await hasOnePlace(t, served)
})

for (const [how, end] of [
  ['the client closes it', async (client, _socket) => { client.send(8) }],
  ['the server closes it', async (client, socket) => {
    void socket.close()
    await client.close()
    client.send(8)
  }],
  ['the client ends TCP', async (client, _socket) => { client.socket.end() }],
  ['the client resets it', async (client, _socket) => { client.reset() }],
  ['the server cuts it', async (_client, socket) => { socket.terminate() }],
  ['the client breaks a rule', async (client, _socket) => { client.send(3) }],
  ['its transport is destroyed', async (_client, socket) => { socket.request.socket.destroy() }]
] as Array<[string, (client: RawClient, socket: Socket) => Promise<void>]>) {
  test(`a connection that ends because ${how} gives its place back`, async t => {
    const sockets: Socket[] = []
    const served = await onePlace(t, {}, socket => { sockets.push(socket) })
    for (let i = 0; i < 3; i++) {
      const client = await RawClient.open(served.port, ROOM)
      await until(() => sockets.length === i + 1)
      await end(client, sockets[i]!)
      await sockets[i]!.closed
      await client.destroy()
    }
    await hasOnePlace(t, served)
  })
}

test('a connection that is closing still holds its place', async t => {
  const sockets: Socket[] = []
  const served = await onePlace(t, {}, socket => { sockets.push(socket) })
  const client = await RawClient.open(served.port, ROOM)
  await until(() => sockets.length === 1)
  void sockets[0]!.close()
  await client.close()
  t.equal((await lastResponse(served.port, handshake(ROOM))).status, 503)
  client.write(masked(8))
  await sockets[0]!.closed
  await hasOnePlace(t, served)
})

test('a client that leaves in the instant of its acceptance gives its place back', async t => {
  const served = await onePlace(t, {})
  for (let i = 0; i < 3; i++) {
    const client = new RawClient(served.port)
    client.socket.end(handshake(ROOM))
    await client.end()
    await until(() => served.app.sockets.stats().closed + served.app.sockets.stats().refused === i + 1)
  }
  await hasOnePlace(t, served)
})

test('who looks on hears of each refusal, with its status', async t => {
  const statuses: unknown[] = []
  const listener = (message: unknown): void => {
    const { request, statusCode } = message as RefusalMessage
    statuses.push([request.url, statusCode])
  }
  subscribe('fastify-sockets.refusal', listener)
  t.teardown(() => unsubscribe('fastify-sockets.refusal', listener))
  const stuck = deferred()
  const served = await onePlace(t, {
    preHandler: async () => {
      stuck.resolve()
      await new Promise(() => {})
    }
  })
  const client = new RawClient(served.port)
  client.write(handshake(`${ROOM}?first`))
  await stuck.promise
  await lastResponse(served.port, handshake(`${ROOM}?second`))
  client.reset()
  await until(() => statuses.length === 2)
  t.same(statuses, [[`${ROOM}?second`, 503], [`${ROOM}?first`, null]])
})

test('where an address has several connections, each gives back its own place', async t => {
  const app = createApp(t, { limits: { connectionsPerAddress: 3, handshakesPerAddress: 1 } })
  app.get(ROOM, {
    ws: true,
    preHandler: async (request, reply) => { if (request.headers.refuse) return reply.code(401).send() }
  }, () => {})
  const port = await listen(app)
  const clients = [await RawClient.open(port, ROOM), await RawClient.open(port, ROOM)]
  for (let i = 0; i < 3; i++) t.equal((await lastResponse(port, handshake(ROOM, { refuse: 'yes' }))).status, 401)
  for (const left of [2, 1, 2, 1]) {
    while (clients.length < 3) clients.push(await RawClient.open(port, ROOM))
    t.equal((await lastResponse(port, handshake(ROOM))).status, 429)
    while (clients.length > left) await clients.shift()!.destroy()
    await until(() => app.sockets.size === left)
  }
  for (const client of clients) await client.destroy()
})
