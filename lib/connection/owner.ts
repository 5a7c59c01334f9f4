import type { CloseInfo } from '../contract/socket.ts'
import type { DeflateSettings } from '../deflate/negotiate.ts'
import type { RateLimit } from './meter.ts'

/** What a connection tells its owner. No message comes after a local `close`. */
export interface ConnectionOwner extends OutboxOwner {
  onText (text: string, byteLength: number): void
  onBinary (data: Buffer): void
  onPing (payload: Buffer): void
  onPong (payload: Buffer): void
  /** A violation by the peer, or an error of the transport; `onClose` follows. */
  onError (error: Error): void
  /** A message was not sent because too much is buffered. The owner decides what happens to the connection. */
  onOverflow (): void
  /** The peer has sent more than `rate` allows. */
  onOverRate (): void
  /** The transport is gone. Called once, last. */
  onClose (info: CloseInfo): void
}

/** Sizes in bytes, times in milliseconds: see `SocketOptions`. */
export interface ConnectionOptions {
  maxPayload: number
  highWaterMark: number
  maxBuffered: number
  closeTimeout: number
  /** How much the peer may send per second, or null. */
  rate: RateLimit | null
  /** Gives the time for `heardAt`, in any unit. */
  clock: { readonly now: number }
  /** For connections that negotiated compression. */
  deflate: DeflateSettings
  /**
   * Messages are JSON, so that an empty text can be none: it is a ping of a client that has no other, such as a page in a
   * browser, and a server answers it with an empty text. Neither of them counts as a message. Default false.
   */
  textPings?: boolean
}

/** Told by the outbox. */
export interface OutboxOwner {
  /** `bufferedAmount` was above `highWaterMark` and no longer is. */
  onDrain (): void
}
