import type { FastifyRequest } from 'fastify'
import type { CloseInfo, Socket } from './socket.ts'

/** `fastify-sockets.handshake`: a handshake for a WebSocket route has come, before any hook of the app. */
export interface HandshakeMessage {
  request: FastifyRequest
}

/** `fastify-sockets.refusal`: a handshake has ended without a connection. */
export interface RefusalMessage {
  request: FastifyRequest
  /** The status of the response; null if the client had left before there was one. */
  statusCode: number | null
}

/** `fastify-sockets.open`: a connection is open; its handler is called next, unless the server is closing. */
export interface OpenMessage {
  socket: Socket<unknown, unknown>
  request: FastifyRequest
}

/** `fastify-sockets.message.in`: a message has come, before it is decoded. */
export interface MessageInMessage {
  socket: Socket<unknown, unknown>
  data: string | Buffer
  /** Bytes of the payload, uncompressed. */
  byteLength: number
}

/** `fastify-sockets.message.out`: a message was given to `send()` on an open connection, after it was serialized. */
export interface MessageOutMessage {
  socket: Socket<unknown, unknown>
  data: string | Uint8Array
  /** What `send()` returns. */
  accepted: boolean
}

/** `fastify-sockets.error`: user code has failed, a message was refused, or the peer or its transport did wrong. */
export interface ErrorMessage {
  socket: Socket<unknown, unknown>
  error: unknown
}

/** `fastify-sockets.close`: a connection has ended. */
export interface CloseMessage {
  socket: Socket<unknown, unknown>
  info: CloseInfo
  /** Milliseconds that it was open. */
  duration: number
  messagesIn: number
  messagesOut: number
  /** On the wire, headers of frames among them. */
  bytesIn: number
  bytesOut: number
}
