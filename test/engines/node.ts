/* One of the servers that share a backplane: a process of its own, which cluster.ts starts and asks. */
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import sockets, { type BackplaneStatus, type Member, type Socket } from 'fastify-sockets'
import { answer } from '../soak/ipc.ts'
import { turn } from '../support/until.ts'
import { type EngineChoice, openBackplane } from './engine-choice.ts'
import { HeldLoop } from './held-loop.ts'
import { type Load, type Made, Publisher } from './publisher.ts'

export interface NodeSettings {
  engine: EngineChoice
  /** 0: a free one. */
  port: number
  /** Messages that rooms keep, and their length beside what a publisher says. */
  history: number
  padding: number
  /** Milliseconds that a member may be away. */
  grace: number
}

export type Kind = 'rooms' | 'news' | 'people'

export interface Where {
  kind: Kind
  room: string
}

/** A message of every topic. Who publishes counts its messages. */
export interface Entry {
  from: string
  n: number
  text?: string
}

export interface NodeState {
  backplane: BackplaneStatus | null
  sockets: number
  /** For how many milliseconds its loop was held at most since the last question. */
  held: number
  /** What it has logged at `error` and above. */
  errors: string[]
}

export interface NodeQuestions {
  listen (settings: NodeSettings): Promise<number>
  publish (what: Where & { entry: Entry }): Promise<string>
  /** Begins to publish. */
  begin (load: Load): void
  /** Stops that, and tells what became of all, once each has an answer. */
  end (from: string): Promise<Made>
  members (room: string): Promise<Member[]>
  count (room: string): Promise<number>
  history (room: string): Promise<Entry[]>
  closeUser (user: { id: string, code: number }): Promise<unknown>
  sendToUser (user: { id: string, text: string }): Promise<unknown>
  broadcast (text: string): Promise<unknown>
  state (): NodeState
  /** Bytes after a garbage collection: the heap, and buffers. */
  memory (): Promise<number>
  close (): Promise<void>
}

const ENTRY = {
  type: 'object',
  properties: { at: { type: 'string' }, from: { type: 'string' }, n: { type: 'integer' }, text: { type: 'string' } }
}

const app = Fastify({
  logger: { level: 'error', stream: { write: (line: string) => { if (errors.length < 20) errors.push(line) } } }
})
const errors: string[] = []
const loop = new HeldLoop()
const publishers = new Map<string, Publisher>()
let topics: Record<Kind, any>

async function listen ({ engine, port, history, padding, grace }: NodeSettings): Promise<number> {
  const backplane = await openBackplane(engine)
  app.register(sockets, {
    ...backplane === undefined ? {} : { backplane },
    identify: request => (request.query as { user?: string }).user,
    heartbeat: false,
    drain: { batch: 2000, timeout: 5000 }
  })
  app.register(async app => {
    const schema = { message: ENTRY }
    topics = {
      rooms: app.topic('/rooms/:room', { schema, history: { size: history, ttl: 60_000, position: 'at' }, overflow: 'catch-up' } as object),
      news: app.topic('/news/:room', { schema }),
      people: app.topic('/people/:room', {
        schema,
        presence: {
          info: (socket: Socket<any, any>) => ({ node: process.pid, tab: (socket.request.query as { tab?: string }).tab }),
          grace,
          announce: ({ type, member }: { type: string, member: Member }) => ({ from: type, n: 0, text: member.id })
        }
      } as object)
    }
    app.get('/:kind/:room', { ws: true }, follow)
    app.get('/control', { ws: true }, control)
  })
  PADDING = 'x'.repeat(padding)
  await app.listen({ port, host: '127.0.0.1', backlog: 4096 })
  return (app.server.address() as AddressInfo).port
}

let PADDING = ''

/** Subscribes a socket, and tells it how that has begun. */
async function follow (socket: Socket<any, any>, request: any): Promise<void> {
  const { kind, room } = request.params as Where
  const { since, as } = request.query as { since?: string, as?: string }
  const begun = await socket.subscribe(topics[kind], { room }, {
    since, as, begin: beginning => { socket.send(JSON.stringify({ begin: beginning })) }
  })
  socket.send(JSON.stringify({ subscribed: begun }))
  for await (const message of socket) await publish(JSON.parse(String(message)))
}

/** Does what its client says, and says when it is done: that is quicker than to ask the process. */
async function control (socket: Socket<any, any>): Promise<void> {
  for await (const message of socket) void obey(socket, JSON.parse(String(message)))
}

export interface Order extends Where {
  id: number
  what: 'subscribe' | 'unsubscribe' | 'publish'
}

async function obey (socket: Socket<any, any>, { id, what, kind, room }: Order): Promise<void> {
  let error: string | null = null
  try {
    if (what === 'subscribe') await socket.subscribe(topics[kind], { room })
    else if (what === 'unsubscribe') socket.unsubscribe(topics[kind], { room })
    else await publish({ kind, room, entry: { from: 'control', n: id } })
  } catch (reason) {
    error = String(reason)
  }
  socket.send(JSON.stringify({ done: id, error }))
}

async function publish ({ kind, room, entry }: Where & { entry: Entry }): Promise<string> {
  const { at } = await topics[kind].publish({ room }, { ...entry, text: entry.text ?? PADDING })
  return at
}

answer<NodeQuestions>({
  listen,
  publish,
  begin (load) {
    const publisher = new Publisher(load, (where, entry) => publish({ ...where, entry }))
    publishers.set(load.from, publisher)
    void publisher.run()
  },
  end: from => publishers.get(from)!.end(),
  members: room => topics.people.members({ room }),
  count: room => topics.people.count({ room }),
  history: async room => (await topics.rooms.history({ room })).map(({ message }: { message: Entry }) => message),
  closeUser: ({ id, code }) => app.sockets.user(id).close(code),
  sendToUser: async ({ id, text }) => { await app.sockets.user(id).send(text) },
  broadcast: async text => { await app.sockets.broadcast(text) },
  state () {
    const { backplane } = app.sockets
    return {
      backplane: backplane && { name: backplane.name, state: backplane.state, lag: backplane.lag },
      sockets: app.sockets.size,
      held: loop.take(),
      errors: errors.splice(0)
    }
  },
  async memory () {
    globalThis.gc!()
    // What has waited for its end is gone after a second one.
    await turn()
    globalThis.gc!()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  },
  close: () => app.close()
})

process.on('SIGTERM', () => { void app.close().then(() => { process.exit() }) })
process.on('disconnect', () => { process.exit() })
