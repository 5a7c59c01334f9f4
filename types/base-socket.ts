import type { CloseInfo, SocketState } from '../lib/contract/socket.ts'

export type { CloseInfo, SocketState } from '../lib/contract/socket.ts'

/**
 * What `send()` takes if the route has no `schema.send`. A string is sent as text. An ArrayBuffer, or any view of one
 * (Buffer, typed array, DataView), is sent as binary; it may come from another realm.
 */
export type SendData = string | ArrayBufferView | ArrayBufferLike

/** A message if the route has no `schema.message`: text as a string, binary as a Buffer. */
export type ReceiveData = string | Buffer

/** The events of a socket, with the arguments of their listeners. */
export interface SocketEvents<Receive = ReceiveData> {
  message: [message: Receive]
  close: [info: CloseInfo]
  drain: []
  ping: [payload: Buffer]
  pong: [payload: Buffer]
  error: [error: Error]
}

export type SocketListener<Receive, Event extends keyof SocketEvents> =
  (...args: SocketEvents<Receive>[Event]) => unknown

/** Any value. Spelled out so that the compiler keeps constants, which tell a union's branches apart, and makes no array readonly. */
export type Preparable = {} | null | undefined | Preparable[] | { [key: string]: Preparable }

/** Exists only in types. */
declare const content: unique symbol

/**
 * A message for many sockets, made by `app.sockets.prepare()`. Every `send()` that takes the value also takes it prepared.
 */
export interface PreparedMessage<out Value> {
  readonly [content]: Value
}

/** One end of a WebSocket connection: the API that both ends have. */
export interface BaseSocket<Receive = ReceiveData, Send = SendData> extends AsyncIterable<Receive> {
  /** A UUID. */
  readonly id: string
  /** The agreed subprotocol, or an empty string. */
  readonly protocol: string
  /** The agreed extensions, as in the response's `Sec-WebSocket-Extensions`, or an empty string. */
  readonly extensions: string
  readonly state: SocketState
  /** Bytes that wait to be written: frames that the transport has not been given yet, and what it still holds. */
  readonly bufferedAmount: number
  /** Messages that were dropped because the peer read too slowly: see the option `overflow`. */
  readonly dropped: number
  /** With the route option `attachValidation`: what is wrong with the message being delivered, or null. */
  readonly validationError: Error | null
  /**
   * Sends a message, which may come from `app.sockets.prepare()`. Bytes above 2 KiB are not copied: leave them unchanged
   * until they have been written.
   *
   * @returns false if more than `highWaterMark` bytes wait to be written (`drained()` and `'drain'` say when they have
   * gone), or if nothing was sent because the message was dropped or the connection is no longer open
   * @throws {FST_ERR_WS_SEND_TYPE} on a route without `schema.send`, a value of the wrong type, or bytes whose memory
   * has been transferred
   * @throws {FST_ERR_WS_SERIALIZER} a serializer of yours returned neither a string nor bytes
   */
  send (message: Send | PreparedMessage<Send>): boolean
  send (message: Send): boolean
  /**
   * Resolves when no more than `highWaterMark` bytes wait to be written.
   * Rejects with FST_ERR_WS_NOT_OPEN when the connection ends first.
   */
  drained (): Promise<void>
  /**
   * Sends a ping and resolves with the round trip in milliseconds.
   * Rejects with FST_ERR_WS_NOT_OPEN when the connection ends first.
   */
  ping (): Promise<number>
  /**
   * Begins the closing handshake (RFC 6455 §7.1.2) and resolves when the connection has ended; after `closeTimeout` it is
   * cut. No more messages are delivered. On a connection that is already closing, this only waits. (When `app.close()`,
   * `maxLifetime` or `idleTimeout` closes, messages that the peer sends before its own close frame are still delivered: it
   * could not know.)
   *
   * @param code default 1000
   * @param reason cut to 123 bytes
   * @throws {FST_ERR_WS_CLOSE_CODE} a code that must not be sent
   * @throws {FST_ERR_WS_CLOSE_REASON} a reason that is not a string
   */
  close (code?: number, reason?: string): Promise<CloseInfo>
  /** Resolves when the connection has ended, in whatever way. Never rejects. */
  readonly closed: Promise<CloseInfo>
  /**
   * Aborted when the connection has ended, with its CloseInfo as the reason. Pass it to whatever should stop when the peer
   * leaves; if that then rejects, it does not count as a failure of the handler.
   */
  readonly signal: AbortSignal
  /**
   * Cuts the connection without a closing handshake. If it is already being closed for a fault of the peer (1002, 1007, 1009
   * or 1013, reported as an `error` event), the close frame is written first.
   */
  terminate (): void

  /**
   * Adds a listener. The first one for `'message'` also gets the messages that came before it, unless the handler had ended
   * by then: messages without a consumer are then discarded. One for `'close'` is called even if it is added after the
   * connection has ended. What a listener throws or rejects with goes to `onError`.
   *
   * @throws {FST_ERR_WS_TWO_CONSUMERS} a `'message'` listener on a socket that is being iterated
   * @throws {FST_ERR_WS_EVENT | FST_ERR_WS_LISTENER} there is no such event, or the listener is not a function; the methods
   * below throw the same
   */
  on<Event extends keyof SocketEvents> (event: Event, listener: SocketListener<Receive, Event>): this
  /** Like `on`, but for a single call. */
  once<Event extends keyof SocketEvents> (event: Event, listener: SocketListener<Receive, Event>): this
  off<Event extends keyof SocketEvents> (event: Event, listener: SocketListener<Receive, Event>): this
  /** The same as `on`. */
  addListener<Event extends keyof SocketEvents> (event: Event, listener: SocketListener<Receive, Event>): this
  /** The same as `off`. */
  removeListener<Event extends keyof SocketEvents> (event: Event, listener: SocketListener<Receive, Event>): this
  listenerCount (event: keyof SocketEvents): number

  /**
   * The messages in order, one at a time, until the connection ends. While the body of the loop works, messages wait in a
   * queue; when that is full, reading pauses. Leaving the loop with `break` or `return` closes with 1000. An error thrown in
   * its body goes to `onError`, which by default closes with 1011.
   *
   * @throws {FST_ERR_WS_TWO_CONSUMERS} the socket has a `'message'` listener or is being iterated already
   */
  [Symbol.asyncIterator] (): AsyncIterator<Receive, undefined>
}
