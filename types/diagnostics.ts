import type { FastifyRequest } from 'fastify'
import type { CloseInfo, Socket } from './socket.ts'
import type { Position } from './topics.ts'

/** `fastify-sockets.handshake`: a handshake has found its WebSocket route; the app's hooks come next. */
export interface HandshakeMessage {
  request: FastifyRequest
}

/** `fastify-sockets.refusal`: a handshake has ended without a connection. */
export interface RefusalMessage {
  request: FastifyRequest
  /** The status of the response; null if the client left before there was one. */
  statusCode: number | null
}

/** `fastify-sockets.open`: a connection is open; its handler is called next, unless the server is closing. */
export interface OpenMessage {
  socket: Socket<unknown, unknown>
  request: FastifyRequest
}

/**
 * `fastify-sockets.message.in`: a message has arrived, and has not been decoded yet. On a route with a schema, an empty text is
 * a ping and no message.
 */
export interface MessageInMessage {
  socket: Socket<unknown, unknown>
  data: string | Buffer
  /** Bytes of the payload, uncompressed. */
  byteLength: number
}

/** `fastify-sockets.message.out`: `send()` was called on an open connection, and has serialized its message. */
export interface MessageOutMessage {
  socket: Socket<unknown, unknown>
  data: string | Uint8Array
  /** What `send()` returns. */
  accepted: boolean
}

/** `fastify-sockets.error`: user code has failed, a message was refused, or the peer or the network was at fault. */
export interface ErrorMessage {
  socket: Socket<unknown, unknown>
  error: unknown
}

/** `fastify-sockets.close`: a connection has ended. */
export interface CloseMessage {
  socket: Socket<unknown, unknown>
  info: CloseInfo
  /** Milliseconds that the connection was open. */
  duration: number
  messagesIn: number
  messagesOut: number
  /** Bytes on the wire, including frame headers. */
  bytesIn: number
  bytesOut: number
}

/** `fastify-sockets.publish`: a message has its place in the order of its topic. */
export interface PublishMessage {
  /** Its name: `/rooms/a`. */
  topic: string
  /** Its URL as it was declared, `/rooms/:room`; '' for a name that was not declared. */
  url: string
  at: Position
}

/** `fastify-sockets.subscribe`: a socket is subscribed to a topic, and `begin` has ended. */
export interface SubscribeMessage {
  socket: Socket<any, any>
  topic: string
  url: string
  recovered: boolean
  at: Position
}

/** `fastify-sockets.unsubscribe`: it no longer is, for instance because its connection has ended. */
export interface UnsubscribeMessage {
  socket: Socket<any, any>
  topic: string
  url: string
}

/** `fastify-sockets.backplane`: the backplane cannot be reached, or can be again and announces everything. */
export interface BackplaneMessage {
  /** Such as `redis`. */
  name: string
  state: 'up' | 'down'
  /** Why it cannot be reached. */
  error: Error | null
}
