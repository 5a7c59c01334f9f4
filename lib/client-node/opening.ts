import type { Duplex } from 'node:stream'
import type { Ending } from '../client/types.ts'
import type { Agreement } from '../deflate/negotiate.ts'

/** What an accepted handshake has agreed on. */
export interface Agreed {
  /** A subprotocol, or an empty string. */
  readonly protocol: string
  /** Null: nothing is compressed. */
  readonly compression: Agreement | null
}

/** A handshake under way. */
export interface Opening {
  /** Gives it up: whatever has been made for it is freed, and its owner hears nothing more. */
  abort (): void
}

/** Who is told how a handshake ends: one of the two, once, and never from within a call. */
export interface OpeningOwner {
  /** @param head what has been read from the transport already */
  onAccepted (transport: Duplex, head: Buffer, agreed: Agreed): void
  onUnopened (ending: Ending): void
}
