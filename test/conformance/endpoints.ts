import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import Fastify from 'fastify'
import sockets, { type BaseSocket, type SocketOptions } from 'fastify-sockets'
import { type SocketBehaviour, SocketBase } from '../../lib/socket/socket.ts'
import { handshake } from '../support/raw-client.ts'
import { Peer } from './peer.ts'

/** What is tested, in one of the two roles: it sends back every message it gets. */
export interface Endpoint {
  role: 'server' | 'client'
  /** A new connection to it. */
  open (limited?: boolean): Promise<Peer>
  close (): Promise<unknown>
}

/** Far more than any row has; a closing handshake that only a timer would end never ends here. */
const ROOM = 256 * 1024 * 1024
const OPTIONS: SocketOptions = { maxPayload: ROOM, maxBuffered: ROOM, heartbeat: false, closeTimeout: 600_000 }
const LIMIT = 1000

/** A Fastify server with our plugin. */
export async function serverEndpoint (): Promise<Endpoint> {
  let onOpen = (_transport: Socket): void => {}
  const app = Fastify({ forceCloseConnections: true })
  app.register(sockets, OPTIONS)
  for (const [url, ws] of [['/', {}], ['/limited', { maxPayload: LIMIT }]] as const) {
    app.get(url, { ws }, (socket, request) => {
      echo(socket)
      onOpen(request.socket)
    })
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return {
    role: 'server',
    open: async limited => {
      const opened = new Promise<Socket>(resolve => { onOpen = resolve })
      const socket = connect(port, '127.0.0.1')
      const head = await passHandshake(socket, limited === true ? '/limited' : '/')
      return new Peer(socket, await opened, head)
    },
    close: () => app.close()
  }
}

/** The socket as a client, on a TCP connection to a server that is only a peer. */
export async function clientEndpoint (): Promise<Endpoint> {
  const server = createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    role: 'client',
    open: async limited => {
      const transport = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      const [[socket]] = await Promise.all([once(server, 'connection') as Promise<[Socket]>, once(transport, 'connect')])
      const client = new SocketBase(transport, '', clientBehaviour(limited === true ? LIMIT : ROOM))
      echo(client)
      const peer = new Peer(socket, transport)
      client.connection.start(Buffer.alloc(0))
      return peer
    },
    close: async () => server.close()
  }
}

function clientBehaviour (maxPayload: number): SocketBehaviour {
  return {
    role: 'client',
    maxPayload,
    maxQueued: ROOM,
    highWaterMark: 64 * 1024,
    maxBuffered: ROOM,
    overflow: 'close',
    closeTimeout: OPTIONS.closeTimeout!,
    heartbeat: null,
    decoder: null,
    serialize: null,
    onError: rethrow,
    onInvalidMessage: rethrow,
    onEnd: () => {}
  }
}

function echo (socket: BaseSocket<any, any>): void {
  socket.on('message', message => { socket.send(message) })
}

function rethrow (error: unknown): void {
  process.nextTick(() => { throw error })
}

/** Resolves with the bytes behind the 101. */
export async function passHandshake (socket: Socket, url: string, headers: Record<string, string> = {}): Promise<Buffer> {
  socket.write(handshake(url, headers))
  let received = Buffer.alloc(0)
  while (!received.includes('\r\n\r\n')) received = Buffer.concat([received, (await once(socket, 'data'))[0]])
  const end = received.indexOf('\r\n\r\n') + 4
  if (!received.toString('latin1').startsWith('HTTP/1.1 101 ')) throw new Error(received.toString())
  return received.subarray(end)
}
