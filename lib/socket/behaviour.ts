import type { ConnectionOptions } from '../connection/owner.ts'
import type { CloseInfo } from '../contract/socket.ts'
import type { Agreement } from '../deflate/negotiate.ts'
import type { Role } from '../protocol/frame-decoder.ts'

/** Whoever a message is decoded for. */
export interface Recipient {
  /** What is wrong with it, though it is handed on; null: nothing. */
  validationError: Error | null
}

/** What the messages of a route are on the wire. */
export interface Codec {
  /**
   * Makes a message of what has come. What it throws refuses that, if it has a `closeCode`. Null: a message is what has
   * come, text as a string, binary as a Buffer.
   */
  readonly decode: ((data: string | Buffer, recipient: Recipient) => unknown) | null
  /** Makes what is sent, a string or bytes, of a message. Null: messages are strings or bytes. */
  readonly encode: ((message: any) => unknown) | null
}

/** What the sockets of one route have in common: one object, made before the first of them opens. */
export interface SocketBehaviour extends ConnectionOptions {
  role: Role
  maxQueued: number
  overflow: 'close' | 'drop'
  codec: Codec
  /** User code threw. Must not throw itself. */
  onError (error: unknown, socket: any): void
  /** A message was not accepted and has been left out. Must not throw. */
  onInvalidMessage (error: Error, socket: any): void
  /** The connection has ended; called before any listener. */
  onEnd (socket: any, info: CloseInfo): void
}

/** What the handshake has agreed on besides the connection itself. */
export interface SocketAgreement {
  /** A subprotocol, or an empty string. */
  protocol: string
  /** `Sec-WebSocket-Extensions` of the response, or an empty string. */
  extensions: string
  compression: Agreement | null
}
