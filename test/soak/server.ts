/* The server, in a process of its own. */
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import Fastify, { type FastifyRequest } from 'fastify'
import sockets, { type Socket, type SocketOptions, type SocketStats } from 'fastify-sockets'
import { answer } from './ipc.ts'
import { type Entry, Ledger } from './ledger.ts'
import { type Message, parse } from './messages.ts'
import { Rooms } from './rooms.ts'
import { CLOSE_TIMEOUT, HEARTBEAT } from './times.ts'
import { BYE } from './visit.ts'

/** How long, in milliseconds, the slow handler takes for a message, and the hook of a held handshake. */
const SLOW = 30
const HELD = 100

export interface Figures {
  size: number
  stats: SocketStats
  /** Handlers whose loop has not ended. */
  loops: number
  /** Members of all rooms. */
  members: number
}

export interface Remains {
  /** Bytes: the heap of JavaScript and what hangs on it outside, buffers and zlib among them. */
  heap: number
  rss: number
  /** Sockets and requests that could not be collected. */
  held: number
}

export interface ServerQuestions {
  listen (host: string): Promise<number>
  figures (): Promise<Figures>
  /** The server publishes, until it is told not to. */
  startPublishing (): void
  stopPublishing (): void
  /** How many messages each room has had. */
  published (): number[]
  ledger (): Entry[]
  remains (): Promise<Remains>
  resources (): string[]
  /** Milliseconds that `app.close()` took. */
  close (): Promise<number>
}

/** The heap counts as collected when one more collection gives less than so many bytes. */
const SETTLED = 4096
const MOST_COLLECTIONS = 30

type AnySocket = Socket<any, any>

const ledger = new Ledger()
let loops = 0
let closed = false

const app = Fastify()
app.register(sockets, { heartbeat: HEARTBEAT, closeTimeout: CLOSE_TIMEOUT })

function join (socket: AnySocket, request: FastifyRequest): (n: number) => void {
  return ledger.open(Number((request.query as { id: string }).id), socket)
}

function echo (socket: AnySocket, request: FastifyRequest): void {
  const note = join(socket, request)
  socket.on('message', (message: string | Buffer) => {
    const { n, text } = parse(message)
    note(n)
    socket.send(message)
    if (text === BYE) socket.close()
  })
}

const echoRoutes: Record<string, SocketOptions> = {
  plain: {},
  deflate: { deflate: true },
  // A small window, so that thousands of connections have room for it.
  takeover: { deflate: { contextTakeover: true, threshold: 0, windowBits: 10, memLevel: 3 } }
}
for (const [name, ws] of Object.entries(echoRoutes)) app.get(`/${name}`, { ws }, echo)

app.get('/held', { ws: true, preHandler: async () => { await wait(HELD) } }, echo)

app.get('/refused', { ws: true, preHandler: async (_request, reply) => reply.code(401).send({ error: 'no' }) }, echo)

const schema = {
  type: 'object',
  required: ['n', 'text'],
  additionalProperties: false,
  properties: { n: { type: 'integer' }, text: { type: 'string' } }
}
app.get<{ Message: Message, Send: Message }>('/schemas', {
  ws: true,
  schema: { message: schema, send: schema }
}, (socket, request) => {
  const note = join(socket, request)
  socket.on('message', message => {
    note(message.n)
    socket.send(message)
    if (message.text === BYE) socket.close()
  })
})

app.get('/idle', { ws: true }, (socket, request) => {
  const note = join(socket, request)
  socket.on('message', message => { note(parse(message).n) })
})

app.get('/slow', { ws: true }, async (socket, request) => {
  const note = join(socket, request)
  loops++
  try {
    for await (const message of socket) {
      const { n, text } = parse(message)
      note(n)
      await wait(SLOW)
      socket.send(message)
      if (text === BYE) break
    }
  } finally {
    loops--
  }
})

const rooms = new Rooms(app, socket => ledger.watch(socket))

function heapSize (): number {
  // Among `external` there are `arrayBuffers` already.
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const questions: ServerQuestions = {
  async listen (host) {
    await app.listen({ host, port: 0 })
    return (app.server.address() as AddressInfo).port
  },
  figures: async () => ({ size: app.sockets.size, stats: app.sockets.stats(), loops, members: await rooms.members() }),
  startPublishing: () => rooms.start(),
  stopPublishing: () => rooms.stop(),
  published: () => rooms.counts,
  ledger: () => ledger.take(),
  async remains () {
    let heap = Infinity
    // Again for what the first collection has only finalized, and for code that V8 gives up when it has grown old.
    for (let i = 0; i < MOST_COLLECTIONS; i++) {
      const before = heap
      globalThis.gc!()
      await wait(50)
      heap = heapSize()
      if (i >= 3 && before - heap < SETTLED) break
    }
    return { heap, rss: process.memoryUsage.rss(), held: ledger.held }
  },
  resources: () => process.getActiveResourcesInfo(),
  async close () {
    const start = performance.now()
    await app.close()
    closed = true
    return performance.now() - start
  }
}
answer<ServerQuestions>(questions)

// After app.close() the process has to end by itself.
process.on('disconnect', () => { if (!closed) process.exit(1) })
