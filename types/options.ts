import type { FastifyRequest } from 'fastify'
import type { Socket } from './socket.ts'

/**
 * Which pages may connect. An `Origin` header that is not allowed gets 403; a request without one comes from no page
 * and is always let in.
 *
 * - `'same-host'`: host and port must be those of the `Host` header
 * - `true`: any page
 * - a string (`'https://example.com'`), a RegExp, or a list of both; `'null'` is what a page without an origin sends, and
 * any page can be one: see "Who may connect" in examples/README.md
 * - a function, which may be asynchronous
 *
 * `'same-host'` and strings know an origin also as native clients write it: `wss://EXAMPLE.com:443` is
 * `https://example.com`. RegExps and functions get it as it was sent.
 */
export type OriginPolicy =
  | 'same-host'
  | true
  | string
  | RegExp
  | ReadonlyArray<string | RegExp>
  | ((origin: string, request: FastifyRequest) => boolean | Promise<boolean>)

/**
 * Picks one of the subprotocols that a client offers, in the client's order, or `false` for none. It is called after all
 * hooks, and not where the client offers none. What it throws is a 500, and so is a subprotocol that was not offered.
 */
export type SubprotocolChoice = (offered: string[], request: FastifyRequest) => string | false

/** Which of the subprotocols that a client offers is chosen: the first of a list that is among them, or by a function. */
export type SubprotocolPolicy = readonly string[] | SubprotocolChoice

/** Pings that find connections whose other end is gone without a word. */
export interface HeartbeatOptions {
  /**
   * Silence, in milliseconds, after which a ping is sent: up to a tenth earlier, so that connections which came
   * together are not pinged together. Any traffic from the peer counts as life.
   */
  interval: number
  /** Further silence, in milliseconds, after which the connection is cut: its close code is then 1006. */
  timeout: number
}

/**
 * How much clients may use. A limit that is absent or `false` does not apply. The first three count all routes of the
 * scope together when set on the plugin, and one route when set on it; both apply. A route's rates replace the plugin's.
 */
export interface LimitOptions {
  /** At most this many connections, including handshakes under way. More get 503. */
  connections?: number | false
  /**
   * At most this many connections from one address. The address is `request.ip`, so `trustProxy` applies; an IPv6 address
   * counts by its first 64 bits, which one client usually has to itself. More get 429.
   */
  connectionsPerAddress?: number | false
  /** At most this many handshakes of one address that are still in hooks. More get 429. */
  handshakesPerAddress?: number | false
  /** Messages, pings and pongs a second from one client; a second's worth may come at once. */
  messagesPerSecond?: number | false
  /** Bytes a second from one client as received, including frame headers; a second's worth may come at once. */
  bytesPerSecond?: number | false
  /**
   * What happens to a client that sends more than that: `'close'` ends the connection with 1013, `'pause'` stops reading
   * until it is within the limit again. Default `'close'`.
   */
  over?: 'close' | 'pause'
}

/** How `app.close()` ends the connections of the plugin's scope. */
export interface DrainOptions {
  /** How many connections are closed at a time. Default 500. */
  batch?: number
  /**
   * The pause between two batches, in milliseconds; shorter where all batches would take more than half of `timeout`.
   * Default 50.
   */
  interval?: number
  /**
   * Milliseconds after which connections and handshakes that are left are cut. Handlers, their loops and listeners have the
   * same time to finish before `onClose` hooks are called. Default 10 s.
   */
  timeout?: number
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

/**
 * Options for every route of a scope in `app.register(sockets, {…})`, or for one route in `ws: {…}`. The callbacks of a
 * route get its own types; those of a scope do not know what its sockets send and receive.
 */
export interface SocketOptions<OptionsSocket = Socket<unknown, unknown>, Request = FastifyRequest> {
  /** Largest message from the peer, in bytes, all fragments together; more is a close 1009. Default 1 MiB. */
  maxPayload?: number
  /**
   * Bytes of messages that may wait for the handler; past it reading pauses and TCP slows the peer down. Each message
   * counts what it takes: its payload, text that is not ASCII two bytes a character, and 100 bytes for itself, or 300 if it
   * is binary. Default 64 KiB.
   */
  maxQueued?: number
  /** `send()` returns false while more than this many bytes wait to be written. Default 64 KiB. */
  highWaterMark?: number
  /**
   * Bytes that may wait to be written; `overflow` says what happens to a message that would exceed it. A message that is
   * larger by itself is taken while no more than `highWaterMark` waits, and does not count against those that follow it:
   * so at most one such message waits, and `maxBuffered` behind it. Default 1 MiB.
   */
  maxBuffered?: number
  /**
   * What happens to a peer that reads so slowly that `maxBuffered` is reached: `'close'` ends the connection with 1013,
   * `'drop'` leaves the message out and counts it in `socket.dropped`. Default `'close'`.
   */
  overflow?: 'close' | 'drop'
  /** Default 30 s and 30 s; `false` turns it off. */
  heartbeat?: HeartbeatOptions | false
  /**
   * Milliseconds without a message in either direction after which the connection is closed with 1001. Pings do not count.
   * It may take up to a quarter longer. Default `false`.
   */
  idleTimeout?: number | false
  /**
   * Milliseconds after which a connection is closed with 1001, whatever happens on it. Each connection gets a random share
   * between 0.8 and 1 of it, so that clients which came together do not all reconnect together. Default `false`.
   */
  maxLifetime?: number | false
  /** Milliseconds that a handshake may stay in hooks before it is answered with 503. Default 10 s. */
  handshakeTimeout?: number
  /** How long a closing handshake may take, in milliseconds, before the connection is cut. Default 5 s. */
  closeTimeout?: number
  limits?: LimitOptions
  /** Default `'same-host'`. */
  origin?: OriginPolicy
  /** Subprotocols, the preferred one first, or a function. One is picked only if the client offers it. Default none. */
  protocols?: SubprotocolPolicy
  /**
   * Whether messages are compressed where the client offers it (permessage-deflate, RFC 7692); `true` is `{}`. Default
   * `false`.
   */
  deflate?: boolean | DeflateOptions
  /**
   * Called with whatever the handler, a listener or the body of the iteration throws or rejects with. It replaces the
   * default, which logs the error and closes with 1011.
   */
  onError?: (error: unknown, socket: OptionsSocket, request: Request) => unknown
  /**
   * Called by `app.close()` before the connection is closed with 1001, to say goodbye; what it returns is waited for, but
   * no longer than half of `drain.timeout`. What it throws goes to `onError`.
   */
  onDrain?: (socket: OptionsSocket, request: Request) => unknown
  /**
   * Called with a message that is not JSON, fails `schema.message` or is binary on a JSON route. It replaces the
   * default, which closes with the error's `closeCode` and its message as the reason; the message is left out either
   * way.
   */
  onInvalidMessage?: (error: InvalidMessageError, socket: OptionsSocket, request: Request) => unknown
}

/** Options of `app.register(sockets, {…})`: defaults for every route, and what concerns all of them. */
export interface PluginOptions extends SocketOptions {
  drain?: DrainOptions
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
