import type { ConnectionOptions } from '../connection/host.ts'
import type { CloseInfo } from '../contract/socket.ts'
import type { Agreement } from '../deflate/negotiate.ts'
import type { Role } from '../protocol/frame-decoder.ts'

/** Text to value. */
export interface Decoder {
  decode (text: string): unknown
  /** What is wrong with the value that `decode` has just returned, though it is handed on. To be asked for once. */
  takeFailure (): Error | null
}

/** What the sockets of one route have in common: one object, made before the first of them opens. */
export interface SocketBehaviour extends ConnectionOptions {
  role: Role
  maxQueued: number
  overflow: 'close' | 'drop'
  /** Null: text arrives as a string, binary as a Buffer. */
  decoder: Decoder | null
  /** Null: `send()` takes strings and bytes. */
  serialize: ((value: any) => string) | null
  /** User code threw. Must not throw itself. */
  onError (error: unknown, socket: any): void
  /** A message was not accepted and has been left out. Must not throw. */
  onInvalidMessage (error: Error, socket: any): void
  /** The connection has ended; called before any listener. */
  onEnd (socket: any, info: CloseInfo): void
}

/** What the handshake has agreed on besides the connection itself. */
export interface Agreed {
  /** A subprotocol, or an empty string. */
  protocol: string
  /** `Sec-WebSocket-Extensions` of the response, or an empty string. */
  extensions: string
  compression: Agreement | null
}
