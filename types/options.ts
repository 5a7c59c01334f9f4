import type { FastifyRequest } from 'fastify'
import type { Socket } from './socket.ts'

/**
 * Which pages may connect. An `Origin` header that is not allowed gets 403; a request without one comes from no page
 * and is always let in.
 *
 * - `'same-host'`: host and port must be those of the `Host` header
 * - `true`: any page
 * - a string (`'https://example.com'`), a RegExp, or a list of both
 * - a function, which may be asynchronous
 */
export type OriginPolicy =
  | 'same-host'
  | true
  | string
  | RegExp
  | ReadonlyArray<string | RegExp>
  | ((origin: string, request: FastifyRequest) => boolean | Promise<boolean>)

/** Pings that find connections whose other end is gone without a word. */
export interface HeartbeatOptions {
  /** Silence, in milliseconds, after which a ping is sent. Any traffic from the peer counts as life. */
  interval: number
  /** Further silence, in milliseconds, after which the connection is cut: its close code is then 1006. */
  timeout: number
}

/** How messages are compressed (RFC 7692). */
export interface DeflateOptions {
  /** Messages of fewer bytes are sent as they are. Default 1024: what fits into one packet anyway. */
  threshold?: number
  /** From 1, the fastest, to 9, the smallest. Default 1. */
  level?: number
  /** Memory of the compressor, from 1, the least, to 9. Default 8. */
  memLevel?: number
  /**
   * Whether messages may refer to those before them, if the client agrees. That makes similar messages much smaller and
   * costs memory that each connection keeps: some 300 KiB with the other defaults. Default false: all connections share.
   */
  contextTakeover?: boolean
  /**
   * The window in which repetitions are found is 2 to this power, in bytes: from 9 to 15. Holds for what is sent and, if
   * the client can be told, for what it sends. Default 15.
   */
  windowBits?: number
}

/** Options of the plugin, which hold for every route in its scope, and of a single route in `ws: {…}`. */
export interface SocketOptions {
  /** Largest message from the peer, in bytes, all fragments together; more is a close 1009. Default 1 MiB. */
  maxPayload?: number
  /**
   * Bytes of messages that may wait for the handler; past it reading pauses and TCP slows the peer down. Each message
   * counts its payload and 64 bytes. Default 64 KiB.
   */
  maxQueued?: number
  /** `send()` returns false while more than this many bytes wait to be written. Default 64 KiB. */
  highWaterMark?: number
  /** Bytes that may wait to be written; a message that would go past it meets `overflow`. Default 1 MiB. */
  maxBuffered?: number
  /**
   * What happens to a peer that reads so slowly that `maxBuffered` is reached: `'close'` ends the connection with 1013,
   * `'drop'` leaves the message out and counts it in `socket.dropped`. Default `'close'`.
   */
  overflow?: 'close' | 'drop'
  /** Default 30 s and 30 s; `false` turns it off. */
  heartbeat?: HeartbeatOptions | false
  /** How long a closing handshake may take, in milliseconds, before the connection is cut. Default 5 s. */
  closeTimeout?: number
  /** Default `'same-host'`. */
  origin?: OriginPolicy
  /** Subprotocols, the preferred one first. One is picked only if the client offers it. Default none. */
  protocols?: readonly string[]
  /**
   * Whether messages are compressed where the client offers it (permessage-deflate, RFC 7692); `true` is `{}`. Default
   * `false`.
   */
  deflate?: boolean | DeflateOptions
  /**
   * Called with whatever the handler, a listener or the body of the iteration throws or rejects with. It replaces the
   * default, which logs the error and closes with 1011.
   */
  onError?: (error: unknown, socket: Socket<any, any>, request: FastifyRequest) => unknown
  /**
   * Called with a message that is not JSON, fails `schema.message` or is binary on a JSON route. It replaces the
   * default, which closes with the error's `closeCode` and its message as the reason; the message is left out either
   * way.
   */
  onInvalidMessage?: (error: InvalidMessageError, socket: Socket<any, any>, request: FastifyRequest) => unknown
}

/** Why a message was not accepted. */
export interface InvalidMessageError extends Error {
  /** `FST_ERR_WS_INVALID_MESSAGE`, `FST_ERR_WS_INVALID_JSON` or `FST_ERR_WS_UNSUPPORTED_DATA`. */
  code: string
  /** 1008, 1007 or 1003. */
  closeCode: number
  /** What the validator reported, where the schema was not met. */
  validation?: unknown
}
