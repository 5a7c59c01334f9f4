import type { ConnectionOptions } from '../connection/owner.ts'
import type { CloseInfo } from '../contract/socket.ts'
import type { Agreement } from '../deflate/negotiate.ts'
import type { Role } from '../protocol/frame-decoder.ts'

/** The one for whom a message is decoded. */
export interface Recipient {
  /** What is wrong with the message, which is delivered all the same; null: nothing. */
  validationError: Error | null
}

/** Translates between the messages of a route and what is on the wire. */
export interface Codec {
  /**
   * Turns received data into a message. An error with a `closeCode` refuses the data. Null: messages are the received
   * data, text as a string, binary as a Buffer.
   */
  readonly decode: ((data: string | Buffer, recipient: Recipient) => unknown) | null
  /** Turns a message into the string or bytes to send. Null: messages are strings or bytes. */
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
  /** A message was refused and is not delivered. Must not throw. */
  onInvalidMessage (error: Error, socket: any): void
  /** The connection has ended; called before any listener. */
  onEnd (socket: any, info: CloseInfo): void
}

/** What the handshake negotiated besides the connection itself. */
export interface SocketAgreement {
  /** A subprotocol, or an empty string. */
  protocol: string
  /** `Sec-WebSocket-Extensions` of the response, or an empty string. */
  extensions: string
  compression: Agreement | null
}
