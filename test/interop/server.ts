import { readFileSync } from 'node:fs'
import type { ServerHttp2Stream } from 'node:http2'
import { join } from 'node:path'
import type { FastifyRequest, FastifyServerOptions } from 'fastify'
import type { CloseInfo, Socket, SocketOptions } from 'fastify-sockets'
import type { Test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { type Content, content, MIB } from './visit.ts'

/** A visit as the server saw it. */
export interface Seen {
  /** Of the request. */
  httpVersion: string
  /** The status with which the handshake was refused; null if it was not. */
  refusal: number | null
  protocol: string
  extensions: string
  messages: Content[]
  /** How many pings came. */
  pings: number
  /** What `socket.ping()` resolved with. */
  roundTrip: number | null
  /** Bytes that came and went after the handshake, as TCP or TLS counted them: with the headers of HTTP/2's frames. */
  bytesIn: number
  bytesOut: number
  close: CloseInfo | null
}

export interface Server {
  /** Such as `wss://127.0.0.1:41234`. */
  url: string
  /** The version that clients are to use. */
  httpVersion: string
  /** What the server sees of the visit whose URL has `visit=<id>` in its query. */
  seen (id: number): Promise<Seen>
}

export type ServerOptions = FastifyServerOptions & { http2?: boolean, https?: object }

/** For clients that give a WebSocket up and keep its connection, as Node 26.12 does. */
const SHORT = { interval: 2_000, timeout: 2_000 }

type Talk = (socket: Socket, seen: Seen, request: FastifyRequest) => unknown

const NOTHING: Seen = {
  httpVersion: '',
  refusal: null,
  protocol: '',
  extensions: '',
  messages: [],
  pings: 0,
  roundTrip: null,
  bytesIn: 0,
  bytesOut: 0,
  close: null
}

/** The one server that all clients visit, of the kind that Fastify's options say. */
export async function startServer (t: Test, options: ServerOptions): Promise<Server> {
  const app = createApp(t, {}, options)
  const waiting = new Map<string, (seen: Seen) => void>()

  function tell (request: FastifyRequest, seen: Seen): void {
    const { visit } = request.query as { visit: string }
    waiting.get(visit)?.({ ...seen, httpVersion: request.raw.httpVersion })
    waiting.delete(visit)
  }

  function route (url: string, ws: SocketOptions, talk: Talk): void {
    app.get(url, { ws }, (socket, request) => {
      const { protocol, extensions } = socket
      const seen: Seen = { ...NOTHING, protocol, extensions, messages: [] }
      const wire = wireOf(request)
      const { bytesWritten } = wire
      const bytesRead = request.getDecorator<number>('bytesRead')
      socket.on('ping', () => { seen.pings++ })
      socket.on('close', close => {
        tell(request, {
          ...seen, close, bytesIn: wire.bytesRead - bytesRead, bytesOut: wire.bytesWritten - bytesWritten
        })
      })
      return talk(socket, seen, request)
    })
  }

  // The client's first frames may come before the handler is called, but not before the handshake is answered.
  app.decorateRequest('bytesRead', 0)
  app.addHook('onRequest', async request => { request.setDecorator('bytesRead', wireOf(request).bytesRead) })
  app.addHook('onResponse', async (request, reply) => {
    if (reply.statusCode >= 400) tell(request, { ...NOTHING, refusal: reply.statusCode })
  })

  route('/echo', {}, echo)
  route('/deflate', { deflate: true }, echo)
  route('/deflate-takeover', { deflate: { contextTakeover: true } }, echo)
  route('/deflate-window', { deflate: { contextTakeover: true, threshold: 0, windowBits: 9 } }, echo)
  route('/farewell', {}, farewell)
  route('/deflate-farewell', { deflate: true }, farewell)
  route('/protocols', { protocols: ['chat.v2', 'chat.v1'], heartbeat: SHORT }, echo)
  route('/no-protocols', { heartbeat: SHORT }, echo)
  route('/ping', {}, async (socket, seen) => {
    seen.roundTrip = await socket.ping()
    socket.send('pong')
  })
  route('/close', {}, (socket, _seen, request) => {
    const { code, reason } = request.query as { code?: string, reason?: string }
    socket.close(code === undefined ? undefined : Number(code), reason)
  })
  app.get('/refused', {
    ws: true,
    onRequest: async (_request, reply) => reply.code(401).send({ error: 'who are you?' })
  }, () => {})
  servePage(app)

  const port = await listen(app)
  return {
    url: `${options.https === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}`,
    httpVersion: options.http2 === true ? '2.0' : '1.1',
    seen: id => new Promise(resolve => { waiting.set(String(id), resolve) })
  }
}

/** What counts the bytes. A stream's own socket is gone with the stream. */
function wireOf ({ raw }: FastifyRequest): { bytesRead: number, bytesWritten: number } {
  return (raw as { stream?: ServerHttp2Stream }).stream?.session!.socket ?? raw.socket
}

async function echo (socket: Socket, seen: Seen): Promise<void> {
  for await (const message of socket) {
    seen.messages.push(content(message))
    if (!socket.send(message)) await socket.drained()
  }
}

function farewell (socket: Socket): void {
  socket.send('farewell'.repeat(MIB / 8))
  socket.close(4000, 'farewell')
}

/** The page from which a browser connects: of the same host, so that its origin is allowed. */
function servePage (app: ReturnType<typeof createApp>): void {
  app.get('/', async (_request, reply) => reply.type('text/html').send('<!doctype html><title>interop</title>'))
  app.get('/web-socket.js', async (_request, reply) => {
    return reply.type('text/javascript').send(readFileSync(join(import.meta.dirname, 'web-socket.js')))
  })
}
