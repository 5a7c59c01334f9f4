import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'

/** Where the other libraries are installed. */
export const FOLDER = join(import.meta.dirname, '../../../test/neighbours')

export const requireNeighbour: (name: string) => any = createRequire(join(FOLDER, 'package.json'))

/** A client's first answer: a text, the status of a refusal, or what went wrong. */
export function answer (port: number, url: string, message = 'hi', protocols: string[] = []): Promise<string | number> {
  return new Promise(resolve => {
    const client = new WebSocket(`ws://127.0.0.1:${port}${url}`, protocols)
    const deadline = setTimeout(() => end(`no answer from ${url}`), 10_000)
    const end = (found: string | number): void => {
      clearTimeout(deadline)
      resolve(found)
      client.terminate()
    }
    client.on('open', () => { if (message !== '') client.send(message) })
    client.on('message', data => end(String(data)))
    client.on('unexpected-response', (_request, response) => end(response.statusCode!))
    client.on('error', error => end(error.message))
  })
}

/** Another library that serves WebSockets on the same server. */
export interface Neighbour {
  name: string
  /** Puts it on the app. What it returns is called before the app closes. */
  add (app: FastifyInstance, upstream: string): unknown
  /** Its own client, if it takes more than `/theirs`. */
  ask? (port: number): Promise<unknown>
  theirs: unknown
  /** What a handshake for a URL of neither gets. */
  nobody: unknown
}

function later (app: FastifyInstance, declare: (child: any) => unknown): void {
  app.register(async child => { declare(child) })
}

export const NEIGHBOURS: Neighbour[] = [
  {
    name: '@fastify/http-proxy for all URLs',
    add (app, upstream) { app.register(requireNeighbour('@fastify/http-proxy'), { upstream, websocket: true }) },
    theirs: 'upstream hi',
    nobody: 'upstream hi'
  },
  {
    name: '@fastify/http-proxy with a prefix',
    add (app, upstream) {
      app.register(requireNeighbour('@fastify/http-proxy'), { upstream, websocket: true, prefix: '/theirs' })
    },
    theirs: 'upstream hi',
    nobody: 404
  },
  {
    name: '@fastify/websocket in another scope',
    add (app) {
      app.register(async scope => {
        scope.register(requireNeighbour('@fastify/websocket'))
        later(scope as any, child => {
          child.get('/theirs', { websocket: true }, (socket: WebSocket) => {
            socket.on('message', message => { socket.send(`theirs ${message}`) })
          })
        })
      })
    },
    theirs: 'theirs hi',
    nobody: 404
  },
  {
    name: 'mercurius',
    add (app) {
      app.register(async scope => {
        const schema = 'type Query { a: Int } type Subscription { b: Int }'
        scope.register(requireNeighbour('mercurius'), { schema, subscription: true })
      })
    },
    ask: port => answer(port, '/graphql', JSON.stringify({ type: 'connection_init' }), ['graphql-transport-ws']),
    theirs: '{"type":"connection_ack"}',
    nobody: 404
  },
  {
    name: 'ws with a path',
    add (app) {
      const server = new WebSocketServer({ server: app.server as any, path: '/theirs' })
      server.on('connection', socket => { socket.on('message', message => { socket.send(`theirs ${message}`) }) })
    },
    theirs: 'theirs hi',
    nobody: 400
  },
  {
    name: 'Socket.IO',
    add (app) {
      const server = new (requireNeighbour('socket.io').Server)(app.server)
      server.on('connection', (socket: any) => { socket.on('say', (text: string) => { socket.emit('said', `theirs ${text}`) }) })
      return () => server.local.disconnectSockets(true)
    },
    ask (port) {
      const client = requireNeighbour('socket.io-client')(`http://127.0.0.1:${port}`, { transports: ['websocket'] })
      return new Promise(resolve => {
        client.on('connect', () => client.emit('say', 'hi'))
        client.on('said', (text: string) => {
          client.close()
          resolve(text)
        })
        client.on('connect_error', resolve)
      })
    },
    theirs: 'theirs hi',
    // It ends what nobody takes, without an answer.
    nobody: 'socket hang up'
  },
  {
    name: 'Vite, whose HMR has a path',
    async add (app) {
      const vite = await requireNeighbour('vite').createServer({
        root: FOLDER,
        server: { middlewareMode: true, hmr: { server: app.server, path: '/hmr' } },
        appType: 'custom',
        logLevel: 'silent'
      })
      return () => vite.close()
    },
    ask: port => answer(port, '/hmr', '', ['vite-hmr']),
    theirs: '{"type":"connected"}',
    nobody: 404
  }
]

/** Where proxies lead to. */
export async function startUpstream (t: Test): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', socket => { socket.on('message', message => { socket.send(`upstream ${message}`) }) })
  await new Promise(resolve => { server.on('listening', resolve) })
  t.teardown(() => { server.close() })
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}
