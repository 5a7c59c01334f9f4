import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyRequest } from 'fastify'
import type { CloseInfo, Socket, SocketOptions } from 'fastify-sockets'
import type { Test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { type Content, content, MIB } from './visit.ts'

/** A visit as the server saw it. */
export interface Seen {
  /** The status of the response to the handshake. */
  status: number
  protocol: string
  extensions: string
  messages: Content[]
  /** How many pings came. */
  pings: number
  /** What `socket.ping()` resolved with. */
  roundTrip: number | null
  /** Bytes that came and went after the handshake, as TCP counted them. */
  bytesIn: number
  bytesOut: number
  close: CloseInfo | null
}

export interface Server {
  host: string
  /** What the server sees of the visit whose URL has `visit=<id>` in its query. */
  seen (id: number): Promise<Seen>
}

type Talk = (socket: Socket, seen: Seen, request: FastifyRequest) => unknown

const NOTHING: Seen = {
  status: 0,
  protocol: '',
  extensions: '',
  messages: [],
  pings: 0,
  roundTrip: null,
  bytesIn: 0,
  bytesOut: 0,
  close: null
}

/** The one server that all clients visit. */
export async function startServer (t: Test): Promise<Server> {
  const app = createApp(t)
  const waiting = new Map<string, (seen: Seen) => void>()

  function tell (request: FastifyRequest, seen: Seen): void {
    const { visit } = request.query as { visit: string }
    waiting.get(visit)?.(seen)
    waiting.delete(visit)
  }

  function route (url: string, ws: SocketOptions, talk: Talk): void {
    app.get(url, { ws }, (socket, request) => {
      const { protocol, extensions } = socket
      const seen: Seen = { ...NOTHING, status: 101, protocol, extensions, messages: [] }
      const { socket: wire } = request.raw
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
  app.addHook('onRequest', async request => { request.setDecorator('bytesRead', request.raw.socket.bytesRead) })
  app.addHook('onResponse', async (request, reply) => {
    if (reply.statusCode !== 101) tell(request, { ...NOTHING, status: reply.statusCode })
  })

  route('/echo', {}, echo)
  route('/deflate', { deflate: true }, echo)
  route('/deflate-takeover', { deflate: { contextTakeover: true } }, echo)
  route('/deflate-window', { deflate: { contextTakeover: true, threshold: 0, windowBits: 9 } }, echo)
  route('/farewell', {}, farewell)
  route('/deflate-farewell', { deflate: true }, farewell)
  route('/protocols', { protocols: ['chat.v2', 'chat.v1'] }, echo)
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
    host: `127.0.0.1:${port}`,
    seen: id => new Promise(resolve => { waiting.set(String(id), resolve) })
  }
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
