import type { FastifyRequest } from 'fastify'
import type { Backplane } from './backplane.ts'
import type { Socket } from './socket.ts'

/**
 * Which pages may connect. An `Origin` header that is not allowed gets a 403. A request without one does not come from a
 * page, and is always let in.
 *
 * - `'same-host'`: host and port must be those of the `Host` header
 * - `true`: any page
 * - a string (`'https://example.com'`), a RegExp, or a list of both; `'null'` is what a page without an origin sends, and
 * any page can make itself one: see "Who may connect" in examples/README.md
 * - a function, which may be asynchronous
 *
 * `'same-host'` and strings also match an origin as native clients write it: `wss://EXAMPLE.com:443` counts as
 * `https://example.com`. RegExps and functions get the header as it was sent.
 */
export type OriginPolicy =
  | 'same-host'
  | true
  | string
  | RegExp
  | ReadonlyArray<string | RegExp>
  | ((origin: string, request: FastifyRequest) => boolean | Promise<boolean>)

/**
 * Picks one of the subprotocols that a client offers, or `false` for none; they come in the client's order. It is called
 * after all hooks, and only if the client offers any. If it throws, or picks what was not offered, the client gets a 500.
 */
export type SubprotocolChoice = (offered: string[], request: FastifyRequest) => string | false

/** How to choose from the subprotocols that a client offers: the first of this list that is among them, or the function's choice. */
export type SubprotocolPolicy = readonly string[] | SubprotocolChoice

/** Pings that find connections whose other end has silently gone. */
export interface HeartbeatOptions {
  /**
   * Milliseconds of silence after which a ping is sent. It is sent up to a tenth earlier, so that connections which came
   * together are not pinged together. Any bytes from the peer end the silence.
   */
  interval: number
  /** Milliseconds of further silence after which the connection is cut, with the close code 1006. */
  timeout: number
}

/**
 * How much clients may use. A limit that is absent or `false` does not apply. The first three count all routes of the scope
 * together when set on the plugin, and one route when set on that; if both are set, both apply. A route's rates replace the
 * plugin's.
 */
export interface LimitOptions {
  /** At most this many connections, including handshakes under way. More get a 503. */
  connections?: number | false
  /**
   * At most this many connections from one address. The address is `request.ip`, so `trustProxy` applies; an IPv6 address
   * counts by its first 64 bits, which one client usually has to itself. More get a 429.
   */
  connectionsPerAddress?: number | false
  /** At most this many handshakes from one address that are still in hooks. More get a 429. */
  handshakesPerAddress?: number | false
  /** Messages, pings (also as empty text) and pongs per second from one client; a second's worth may come at once. */
  messagesPerSecond?: number | false
  /** Bytes per second from one client as received, including frame headers; a second's worth may come at once. */
  bytesPerSecond?: number | false
  /** Topics that one socket may be subscribed to. Default 1000. */
  subscriptions?: number | false
  /** Messages per second that may be published for one socket (see `PublishOptions`); a second's worth may come at once. */
  publishesPerSecond?: number | false
  /**
   * What happens to a client over these rates: `'close'` ends the connection with 1013, `'pause'` stops reading until the
   * client is within them again, and makes `publish()` wait. Default `'close'`.
   */
  over?: 'close' | 'pause'
}

/** How `app.close()` ends the connections of the plugin's scope. */
export interface DrainOptions {
  /** How many connections are closed at a time. Default 500. */
  batch?: number
  /**
   * The pause between two batches, in milliseconds; shorter if all batches would take more than half of `timeout`.
   * Default 50.
   */
  interval?: number
  /**
   * Milliseconds after which the remaining connections and handshakes are cut. Handlers, their loops and listeners have the
   * same time to finish before `onClose` hooks are called. Default 10 s.
   */
  timeout?: number
}

/** How messages are compressed (RFC 7692). */
export interface DeflateOptions {
  /** Messages of fewer bytes are sent uncompressed. Default 1024: these fit into one packet anyway. */
  threshold?: number
  /** From 1, the fastest, to 9, the smallest. Default 1. */
  level?: number
  /** Memory of the compressor, from 1, the least, to 9. Default 8. */
  memLevel?: number
  /**
   * Whether messages may refer to those before them, if the client agrees. That makes similar messages much smaller, but
   * each connection then keeps memory for it: some 300 KiB with the other defaults. Default `false`: all connections share.
   */
  contextTakeover?: boolean
  /**
   * The size of the window in which repetitions are found, as a power of 2: from 9 to 15, for 512 bytes to 32 KiB. It
   * applies to what is sent and, if the client can be told, to what it sends. Default 15.
   */
  windowBits?: number
}

/**
 * Options for every route of a scope in `app.register(sockets, {…})`, or for one route in `ws: {…}`. A route's callbacks
 * get its own types; a scope's callbacks do not know what its sockets send and receive.
 */
export interface SocketOptions<OptionsSocket = Socket<unknown, unknown>, Request = FastifyRequest> {
  /** The largest message from the peer, in bytes, all fragments together; a larger one closes with 1009. Default 1 MiB. */
  maxPayload?: number
  /**
   * Bytes of messages that may wait for the handler; beyond that, reading pauses and TCP slows the peer down. Each message
   * counts what it costs: its payload (two bytes per character if text is not ASCII) and 100 bytes more, or 300 if it is
   * binary. Default 64 KiB.
   */
  maxQueued?: number
  /** `send()` returns false while more than this many bytes wait to be written. Default 64 KiB. */
  highWaterMark?: number
  /**
   * Bytes that may wait to be written; `overflow` says what happens to a message beyond that. A single message larger than
   * this is accepted while no more than `highWaterMark` waits, and does not count against the messages after it: so at most
   * one such message waits, and `maxBuffered` behind it. Default 1 MiB.
   */
  maxBuffered?: number
  /**
   * What happens when the peer reads so slowly that `maxBuffered` is reached: `'close'` ends the connection with 1013,
   * `'drop'` drops the message and counts it in `socket.dropped`. Default `'close'`.
   */
  overflow?: 'close' | 'drop'
  /** Default 30 s and 30 s; `false` turns it off. */
  heartbeat?: HeartbeatOptions | false
  /**
   * Milliseconds without a message in either direction after which the connection is closed with 1001. Pings do not count,
   * nor do the empty texts that stand for them on a route with a schema.
   * The close may come up to a quarter later. Default `false`.
   */
  idleTimeout?: number | false
  /**
   * Milliseconds after which a connection is closed with 1001, whatever happens on it. Each connection gets a random time
   * between 0.8 and 1 of it, so that clients which came together do not all reconnect together. Default `false`.
   */
  maxLifetime?: number | false
  /** Milliseconds that a handshake may stay in hooks before the client gets a 503. Default 10 s. */
  handshakeTimeout?: number
  /** Milliseconds that a closing handshake may take before the connection is cut. Default 5 s. */
  closeTimeout?: number
  limits?: LimitOptions
  /** Default `'same-host'`. */
  origin?: OriginPolicy
  /** Subprotocols, the preferred one first, or a function that picks one. Only what the client offers is picked. Default none. */
  protocols?: SubprotocolPolicy
  /**
   * Whether to compress messages if the client offers it (permessage-deflate, RFC 7692); `true` means `{}`. Default
   * `false`.
   */
  deflate?: boolean | DeflateOptions
  /**
   * Called with whatever the handler, a listener or the body of the loop throws or rejects with. It replaces the default,
   * which logs the error and closes with 1011.
   */
  onError?: (error: unknown, socket: OptionsSocket, request: Request) => unknown
  /**
   * Called by `app.close()`, to say goodbye before the connection is closed with 1001. A promise that it returns is awaited,
   * but for no longer than half of `drain.timeout`. What it throws goes to `onError`.
   */
  onDrain?: (socket: OptionsSocket, request: Request) => unknown
  /**
   * Called when a message is not JSON, fails `schema.message` or is binary on a JSON route. It replaces the default, which
   * logs the error and closes with its `closeCode` and text. Either way, the handler does not get the message.
   */
  onInvalidMessage?: (error: InvalidMessageError, socket: OptionsSocket, request: Request) => unknown
}

/** Options of `app.register(sockets, {…})`: defaults for each route, and options for all of them together. */
export interface PluginOptions extends SocketOptions {
  drain?: DrainOptions
  /**
   * What connects the topics and users of several processes, such as `redis(client)` of `fastify-sockets/redis`. The app does
   * not start if it cannot be reached. Default: topics are within this process.
   */
  backplane?: Backplane
  /**
   * Whose a connection is, for `app.sockets.user(id)` and as a member of topics. Called after all hooks of the handshake.
   * Undefined: nobody's. What it throws refuses the handshake. Default: connections are nobody's.
   */
  identify?: (request: FastifyRequest) => string | undefined
}

/** Why a message was refused. */
export interface InvalidMessageError extends Error {
  /** `FST_ERR_WS_INVALID_MESSAGE`, `FST_ERR_WS_INVALID_JSON` or `FST_ERR_WS_UNSUPPORTED_DATA`. */
  code: string
  /** 1008, 1007 or 1003. */
  closeCode: number
  /** What the validator reported, if the message does not fit the schema. */
  validation?: unknown
}
