import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Socket } from 'fastify-sockets'

/** What a server has seen of one check, in order. */
export interface Seen {
  /** A handshake, or a plain request for its URL. */
  requests: Array<{ kind: 'handshake' | 'probe', query: Record<string, string>, at: number }>
  closes: Array<{ code: number, reason: string, wasClean: boolean }>
  messages: unknown[]
}

/** By the `key` in the query. */
export class Witness {
  readonly #seen = new Map<string, Seen>()

  of (key: string): Seen {
    let seen = this.#seen.get(key)
    if (seen === undefined) this.#seen.set(key, seen = { requests: [], closes: [], messages: [] })
    return seen
  }
}

interface Query {
  key: string
  /** How many handshakes are refused, or closed. */
  times?: number
  token?: string
  /** Seconds. */
  retryAfter?: string
  /** `no`: other origins may not read the answer. */
  cors?: 'no'
  /** `pass`: a plain request is not refused, as if what had refused the handshake were over. */
  probe?: 'pass'
}

const text = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] }
const echo = { type: 'object', properties: { text: { type: 'string' }, n: { type: 'integer' } } }
const line = { type: 'object', properties: { at: { type: 'string' }, n: { type: 'integer' } } }

/** The routes that browsers connect to. Returns what publishes a line to a room. */
export function addRoutes (app: FastifyInstance, witness: Witness): (room: string, n: number) => Promise<unknown> {
  const handshakesOf = (key: string): number => witness.of(key).requests.filter(({ kind }) => kind === 'handshake').length

  app.addHook('onRequest', async (request, reply) => {
    const query = request.query as Record<string, string>
    const { origin } = request.headers
    if (origin !== undefined && query.cors !== 'no') {
      reply.headers({
        'Access-Control-Allow-Origin': origin,
        'Access-Control-Allow-Credentials': 'true',
        'Access-Control-Expose-Headers': 'Retry-After',
        Vary: 'Origin'
      })
    }
    if (query.key === undefined) return
    witness.of(query.key).requests.push({ kind: isHandshake(request) ? 'handshake' : 'probe', query, at: performance.now() })
  })

  /** Notes how a socket ends. */
  const watched = (handler: (socket: Socket<any, any>, query: Query, request: FastifyRequest) => unknown) =>
    (socket: Socket<any, any>, request: FastifyRequest<any>): unknown => {
      const query = request.query as Query
      socket.on('close', ({ code, reason, wasClean }) => { witness.of(query.key).closes.push({ code, reason, wasClean }) })
      return handler(socket, query, request as FastifyRequest)
    }

  app.get('/echo', { ws: { protocols: ['chat.v2', 'chat.v1'] }, schema: { message: text, send: echo } }, watched(async (socket, { key }) => {
    let n = 0
    for await (const message of socket) {
      witness.of(key).messages.push(message)
      socket.send({ text: (message as { text: string }).text, n: ++n })
    }
  }))
  app.get('/halls/:hall', { ws: true, schema: { message: text, send: text } }, watched(async (socket, _query, request) => {
    socket.send({ text: (request.params as { hall: string }).hall })
    for await (const message of socket) socket.send(message)
  }))
  app.get('/raw', { ws: true }, watched(async socket => {
    for await (const message of socket) socket.send(message)
  }))
  // Bytes to a client of JSON, for which there is no route with schema.send.
  app.get('/bytes', { ws: true, schema: { message: text } }, watched(async socket => {
    for await (const message of socket) socket.send(Buffer.from((message as { text: string }).text))
  }))
  app.get('/flood', { ws: true }, watched(async socket => {
    const part = JSON.stringify({ text: 'x'.repeat(10_000) })
    for (let i = 0; i < 50; i++) socket.send(part)
    for await (const _ of socket);
  }))

  app.get('/token', {
    ws: true,
    onRequest: async (request, reply) => {
      if ((request.query as Query).token !== 'fresh') return reply.code(401).send({ error: 'who are you?' })
    }
  }, watched(async socket => {
    socket.send(JSON.stringify({ text: 'welcome' }))
    for await (const _ of socket);
  }))

  /** Refuses the first handshakes, and the requests that ask why. */
  app.get<{ Params: { status: number }, Querystring: Query }>('/refuse/:status', {
    ws: true,
    schema: { params: { type: 'object', properties: { status: { type: 'integer' } } } },
    preHandler: async (request, reply) => {
      const { key, times, retryAfter, probe } = request.query
      if (handshakesOf(key) > Number(times) || (probe === 'pass' && !isHandshake(request as FastifyRequest))) return
      if (retryAfter !== undefined) reply.header('Retry-After', retryAfter)
      return reply.code(request.params.status).send({ error: `refused with ${request.params.status}` })
    }
  }, watched(async socket => { for await (const _ of socket); }))

  /** Closes the first sockets with a code. */
  app.get<{ Params: { code: number }, Querystring: Query }>('/close/:code', {
    ws: true,
    schema: { params: { type: 'object', properties: { code: { type: 'integer' } } } }
  }, watched(async (socket, { key, times }, request) => {
    if (handshakesOf(key) <= Number(times)) {
      await socket.close((request.params as { code: number }).code, 'as told')
      return
    }
    socket.send(JSON.stringify({ text: 'stays' }))
    for await (const _ of socket);
  }))

  const rooms = app.topic('/rooms/:room', {
    schema: { params: { type: 'object', properties: { room: { type: 'string' } } }, message: line },
    history: { size: 1000, ttl: 60_000, position: 'at' }
  })
  app.get('/rooms/:room', { ws: true, schema: { message: text, send: line } }, watched(async (socket, _query, request) => {
    const params = request.params as { room: string }
    const { since } = request.query as { since?: string }
    await socket.subscribe(rooms, params, {
      ...since === undefined ? {} : { since },
      begin ({ recovered, at }) { if (!recovered) socket.send({ at, n: since === undefined ? 0 : -1 }) }
    })
    for await (const _ of socket);
  }))
  return (room, n) => rooms.publish({ room }, { n } as never)
}

/** As a browser asks for a WebSocket over HTTP/1.1. */
function isHandshake (request: FastifyRequest): boolean {
  return request.headers.upgrade !== undefined
}
