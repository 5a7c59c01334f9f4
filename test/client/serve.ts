import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket as TcpSocket } from 'node:net'
import type { Socket } from 'fastify-sockets'
import type { Test } from 'tap'
import { createApp } from '../support/app.ts'
import { until } from '../support/until.ts'

type AnySocket = Socket<any, any>

export interface Served {
  app: ReturnType<typeof createApp>
  /** Of the route, without a slash at its end. */
  url: string
  /** The connections of the route, in the order in which they came. */
  sockets: AnySocket[]
  /** What has come over each of them. */
  heard: unknown[][]
  /** The connection with this number, when it has come. */
  socket (number: number): Promise<AnySocket>
}

/** A JSON route, at `/` unless a path is given, that writes down what it gets. */
export async function serve (
  t: Test, handler: (socket: AnySocket, request: any) => unknown = () => {}, route: Record<string, unknown> & { port?: number, path?: string } = {}
): Promise<Served> {
  const { port = 0, path = '/', ...others } = route
  const app = createApp(t)
  const sockets: AnySocket[] = []
  const heard: unknown[][] = []
  app.get(path, { schema: { message: {}, send: {} }, ...others, ws: route.ws ?? true } as any, ((socket: AnySocket, request: any) => {
    const messages: unknown[] = []
    sockets.push(socket)
    heard.push(messages)
    socket.on('message', message => { messages.push(message) })
    return handler(socket, request)
  }) as any)
  await app.listen({ port, host: '127.0.0.1' })
  const url = `ws://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  return {
    app,
    url,
    sockets,
    heard,
    async socket (number) {
      await until(() => sockets.length > number, `connection ${number}`)
      return sockets[number]!
    }
  }
}

/** Says what a raw server answers to a request. */
type Answer = (connection: RawConnection) => void

/** A connection to a raw server, whose request has come. */
export interface RawConnection {
  socket: TcpSocket
  /** The head of the request. */
  request: string
  /** The bytes that accept it. */
  accepted: string
}

export interface RawServer {
  url: string
  connections: RawConnection[]
  connection (number: number): Promise<RawConnection>
}

/** A server of raw bytes, gone when the test ends. */
export async function rawServer (t: Test, answer: Answer = () => {}): Promise<RawServer> {
  const sockets = new Set<TcpSocket>()
  const connections: RawConnection[] = []
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => { sockets.delete(socket) })
    let head = ''
    socket.on('data', function onData (chunk) {
      head += chunk.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      socket.off('data', onData)
      const connection = { socket, request: head, accepted: acceptance(head) }
      connections.push(connection)
      answer(connection)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections,
    async connection (number) {
      await until(() => connections.length > number, `connection ${number}`)
      return connections[number]!
    }
  }
}

/** RFC 6455 §4.2.2. */
function acceptance (head: string): string {
  const key = /^sec-websocket-key: *(.*?) *$/im.exec(head)?.[1] ?? ''
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
}

/** A response of a raw server, the last one on its connection. */
export function response (status: number, body = '', headers: Record<string, string> = {}): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return `HTTP/1.1 ${status} Status\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n${lines}\r\n${body}`
}
