/// <reference lib="esnext.disposable" preserve="true" />
// The compiler of a page may not know Symbol.asyncDispose yet.
import type { CloseInfo } from '../contract/socket.ts'

/**
 * `'connecting'`: an attempt is under way; `'open'`: messages go through; `'waiting'`: for the next attempt; `'closing'`: by
 * `close()`; `'closed'`: for good.
 */
export type ClientState = 'connecting' | 'open' | 'waiting' | 'closing' | 'closed'

/** How a connection ended, or why it could not be made. */
export interface Ending extends CloseInfo {
  /** The HTTP status of a refused handshake; 0: it was not refused, or a browser cannot know. */
  readonly status: number
  /** The body of that response, up to 64 KiB, as text. */
  readonly body: string
  /** Milliseconds that the server asks to wait for (`Retry-After`); 0: it does not. */
  readonly retryAfter: number
  /** What went wrong, if it was no answer of the server: no connection, a timeout, a function of yours that threw. */
  readonly error: Error | null
}

/** What the functions of `ConnectOptions` are told about the attempt that they are asked for. */
export interface Attempt<Receive = any> {
  /** Attempts that have failed since the last connection that was stable; 0 for the first. */
  readonly attempt: number
  /** The last message that has come, over all connections. */
  readonly last: Receive | undefined
  /** The last position that has come: see `position`. Hand it to the server, and it sends what was missed. */
  readonly since: string | undefined
  /** How the last connection or attempt ended; null for the first attempt of all. */
  readonly reason: Ending | null
  /** Aborted when the attempt is given up. */
  readonly signal: AbortSignal
}

/** A value, or a function that is asked for it before each attempt. */
export type Asked<Value, Receive = any> = Value | ((attempt: Attempt<Receive>) => Value | PromiseLike<Value>)

/** What text and bytes mean. */
export interface ClientCodec {
  /** A message to send, as text or bytes. */
  encode (message: any): string | Uint8Array | ArrayBuffer
  /** A received message. What it throws becomes an `'error'` event, and the message is left out. */
  decode (data: string | Uint8Array): unknown
  /**
   * Whether an empty text is no message but a ping, as it is where a route of this package has `schema.message` or `schema.send`.
   * Browsers have no other. Default `false`: there are none.
   */
  readonly pings?: boolean
}

/** Times in milliseconds. */
export interface ReconnectOptions {
  /** After a connection was lost, the first attempt comes within this time; each one that fails doubles it. Default 1 s. */
  min?: number
  /** No attempt comes later than this, unless the server asks for it. Default 30 s. */
  max?: number
  /** The first attempt after a server went away (1001, 1012) or is overloaded (1013) comes within this time. Default 15 s. */
  spread?: number
  /** A connection that lasted this long makes `attempt` begin again at 0. Default 10 s. */
  stable?: number
}

/** Times in milliseconds. */
export interface ClientHeartbeatOptions {
  /** After this long without a sound of the server, it is asked for one. Default 25 s. */
  interval?: number
  /** After this long without an answer, the connection is given up. Default 10 s. */
  timeout?: number
}

export interface QueueOptions {
  /** Default 256 KiB: as much as messages may occupy while there is no connection. */
  bytes?: number
  /** Milliseconds after which a message is too old to be sent. Default 60 s. */
  age?: number
}

/** Options of a client, and of each of its sockets. Times in milliseconds. */
export interface ClientOptions<Receive = any> {
  /** Subprotocols to offer, the preferred one first. Default none. */
  protocols?: Asked<string | readonly string[], Receive>
  /**
   * `'json'`: messages are values, sent as JSON; bytes are delivered as they come. `'raw'`: for routes without schemas, messages
   * are strings and `Uint8Array`s. Default `'json'`.
   */
  codec?: 'json' | 'raw' | ClientCodec
  /**
   * Validates each message, and may change it: what it returns is delivered. What it throws becomes an `'error'` event, and the
   * message is left out. Such as `Line.parse` of Zod. Default: messages are not validated.
   */
  parse?: (message: any) => Receive
  /** Where messages have their position, for `since`: a property, or a function. Default `'at'`. */
  position?: string | ((message: Receive) => string | undefined)
  /** Messages sent while there is no connection wait for one; `true` means `{}`. Default `false`: they are dropped. */
  queue?: boolean | QueueOptions
  /** `false`: the first end of a connection is final. */
  reconnect?: false | ReconnectOptions
  /** `false`: the server is never asked whether it is still there. */
  heartbeat?: false | ClientHeartbeatOptions
  /** For one attempt, the functions included. Default 20 s. */
  connectTimeout?: number
  /** For the closing handshake of `close()`; then the connection is cut. Default 5 s. */
  closeTimeout?: number
  /**
   * Bytes of messages that may wait for a consumer. Beyond it Node.js reads no further, and in a browser, which cannot do that,
   * the socket ends with `FST_ERR_WS_CLIENT_SLOW`. Default 16 MiB.
   */
  maxQueued?: number
  /** Closes the socket when it aborts. */
  signal?: AbortSignal
}

/** The events of a client's socket, with the arguments of their listeners. */
export interface ClientEvents<Receive = any> {
  message: [message: Receive]
  state: [state: ClientState, change: StateChange]
  /** A message of the queue that was never sent: too old, or the socket has closed. */
  drop: [message: any]
  /** A mistake: a message that is not valid, a function of yours that threw, or what no attempt can be made with, which ends the socket. */
  error: [error: Error]
}

/** What has changed the state. */
export interface StateChange {
  /** As in `Attempt`. */
  readonly attempt: number
  /** In the state `'waiting'`: milliseconds until the next attempt; otherwise 0. */
  readonly delay: number
  /** How the last connection or attempt ended; null: there was none yet, or it has not ended. */
  readonly reason: Ending | null
}

/** `'sent'`: handed to the connection, and never sent again; `'queued'`: waits for a connection; `'dropped'`: neither. */
export type SendOutcome = 'sent' | 'queued' | 'dropped'

/** A WebSocket that comes back: one object, whose connection may be another one from time to time. */
export interface ClientSocket<Receive = any, Send = any> extends AsyncIterable<Receive> {
  readonly state: ClientState
  /** The subprotocol of the connection, or an empty string. */
  readonly protocol: string
  /** Bytes that wait to be written, those of the queue not included. */
  readonly bufferedAmount: number
  /** Resolves when the socket is open for the first time. Rejects with `FST_ERR_WS_CLIENT_CLOSED` if it is closed before. */
  readonly opened: Promise<void>
  /** Resolves when the socket has closed for good. Never rejects. */
  readonly closed: Promise<Ending>
  /** Aborted when the socket has closed for good, with its `Ending` as the reason. */
  readonly signal: AbortSignal

  /**
   * Sends a message, and says what became of it. Bytes are copied: the caller may use them again.
   *
   * @throws {FST_ERR_WS_CLIENT_SEND} the codec makes neither text nor bytes of it, or the memory of the bytes was transferred
   */
  send (message: Send): SendOutcome
  /**
   * Closes for good: there is no further attempt. Messages that still wait for the consumer are discarded.
   *
   * @param code 1000 or 3000 to 4999, default 1000
   * @param reason cut to 123 bytes
   * @throws {FST_ERR_WS_CLIENT_CLOSE} another code
   */
  close (code?: number, reason?: string): Promise<Ending>
  /**
   * Makes sure of the connection now: an open one is asked for a sound, and a socket that waits tries at once. Happens by itself
   * when a page is shown again or the network is back; for other platforms, such as React Native's AppState.
   */
  probe (): void

  /**
   * Adds a listener. The first one for `'message'` also gets the messages that came before it.
   *
   * @throws {FST_ERR_WS_CLIENT_CONSUMERS} a `'message'` listener on a socket that is being iterated
   */
  on<Event extends keyof ClientEvents> (event: Event, listener: (...args: ClientEvents<Receive>[Event]) => unknown): this
  /** Removes a listener, as often as it was added. */
  off<Event extends keyof ClientEvents> (event: Event, listener: (...args: ClientEvents<Receive>[Event]) => unknown): this

  /**
   * The messages in order, over all connections, until the socket has closed for good. Leaving the loop closes the socket.
   *
   * @throws {FST_ERR_WS_CLIENT_CONSUMERS} the socket has a `'message'` listener or is being iterated already
   */
  [Symbol.asyncIterator] (): AsyncIterator<Receive, undefined>
  /** Closes. */
  [Symbol.asyncDispose] (): Promise<void>
}
