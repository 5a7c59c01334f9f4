import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import Fastify from 'fastify'
import sockets, { type BaseSocket, type SocketOptions } from 'fastify-sockets'
import { type Agreement, DEFLATE_DEFAULTS } from '../../lib/deflate/negotiate.ts'
import { SocketCore } from '../../lib/socket/socket.ts'
import { inside } from '../support/inside.ts'
import { handshake } from '../support/raw-client.ts'
import { connectTransport, serverOptions, TRANSPORT } from '../support/transport.ts'
import { Peer } from './peer.ts'

/** What a connection is to be like. */
export interface Choice {
  /** Messages are of 1000 bytes at most. */
  limited?: boolean
  /** The endpoint compresses: with its default options, or with context takeover. */
  deflate?: 'default' | 'takeover'
  /** What the client offers, and what must be agreed on; without these it is the offer without parameters. */
  offer?: string
  agreed?: Agreement
}

/** What is tested, in one of the two roles: it sends back every message it gets. */
export interface Endpoint {
  role: 'server' | 'client'
  /** A new connection to it. */
  open (choice?: Choice): Promise<Peer>
  close (): Promise<unknown>
}

/** Far more than any row has; a closing handshake that only a timer would end never ends here. */
const ROOM = 256 * 1024 * 1024
const LIMIT = 1000
const OPTIONS: SocketOptions = { maxPayload: ROOM, maxBuffered: ROOM, heartbeat: false, closeTimeout: 600_000 }
const DEFLATE = { default: {}, takeover: { contextTakeover: true, threshold: 64 } }

/** All that the transport has: the client is tested on TCP only. */
export async function endpoints (): Promise<Endpoint[]> {
  return TRANSPORT === 'tcp' ? [await serverEndpoint(), await clientEndpoint()] : [await serverEndpoint()]
}

/** A Fastify server with our plugin. */
export async function serverEndpoint (): Promise<Endpoint> {
  let onOpen = (_socket: SocketCore): void => {}
  const app = Fastify({ ...serverOptions, forceCloseConnections: true })
  app.register(sockets, OPTIONS)
  for (const deflate of ['default', 'takeover', 'none'] as const) {
    for (const maxPayload of [ROOM, LIMIT]) {
      const ws = { maxPayload, deflate: deflate !== 'none' && DEFLATE[deflate] }
      app.get(`/${deflate}/${maxPayload}`, { ws }, socket => {
        echo(socket)
        onOpen(inside(socket))
      })
    }
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return {
    role: 'server',
    open: async ({ limited, deflate, offer = 'permessage-deflate' } = {}) => {
      const opened = new Promise<SocketCore>(resolve => { onOpen = resolve })
      const socket = connectTransport(port)
      const url = `/${deflate ?? 'none'}/${limited === true ? LIMIT : ROOM}`
      const headers: Record<string, string> = deflate === undefined ? {} : { 'Sec-WebSocket-Extensions': offer }
      const { head, extensions } = await passHandshake(socket, url, headers)
      const { connection } = await opened
      return Object.assign(new Peer(socket, () => connection.bytesIn, head), { extensions })
    },
    close: () => app.close()
  }
}

/** The socket as a client, on a TCP connection to a server that is only a peer: the handshake is taken for done. */
export async function clientEndpoint (): Promise<Endpoint> {
  const server = createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    role: 'client',
    open: async choice => {
      const transport = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      const accepted = once(server, 'connection') as Promise<[Socket]>
      const [[socket]] = await Promise.all([accepted, once(transport, 'connect')])
      const client = createClient(transport, choice)
      socket.setNoDelay(true)
      const peer = new Peer(socket, () => transport.bytesRead)
      client.connection.start(Buffer.alloc(0))
      return peer
    },
    close: async () => server.close()
  }
}

function createClient (transport: Socket, { limited, deflate, agreed }: Choice = {}): SocketCore {
  const direction = { contextTakeover: deflate === 'takeover', windowBits: 15 }
  const compression = deflate === undefined ? null : agreed ?? { server: direction, client: direction }
  const client = new SocketCore(transport, { protocol: '', extensions: '', compression }, {
    role: 'client',
    maxPayload: limited === true ? LIMIT : ROOM,
    maxQueued: ROOM,
    highWaterMark: 64 * 1024,
    maxBuffered: ROOM,
    overflow: 'close',
    closeTimeout: OPTIONS.closeTimeout!,
    rate: null,
    clock: { now: 0 },
    deflate: { ...DEFLATE_DEFAULTS, ...deflate && DEFLATE[deflate] },
    codec: { decode: null, encode: null },
    onError: rethrow,
    onInvalidMessage: rethrow,
    onEnd: () => {}
  })
  echo(client.public)
  return client
}

function echo (socket: BaseSocket<any, any>): void {
  socket.on('message', message => { socket.send(message) })
}

function rethrow (error: unknown): void {
  process.nextTick(() => { throw error })
}

/** Resolves with the bytes behind the 101 and the extensions that it names. */
export async function passHandshake (
  socket: Duplex, url: string, headers: Record<string, string> = {}
): Promise<{ head: Buffer, extensions: string }> {
  socket.write(handshake(url, headers))
  let received = Buffer.alloc(0)
  while (!received.includes('\r\n\r\n')) received = Buffer.concat([received, (await once(socket, 'data'))[0]])
  const end = received.indexOf('\r\n\r\n') + 4
  const response = received.toString('latin1', 0, end)
  if (!response.startsWith('HTTP/1.1 101 ')) throw new Error(response)
  return { head: received.subarray(end), extensions: /^sec-websocket-extensions: (.*)\r$/im.exec(response)?.[1] ?? '' }
}
