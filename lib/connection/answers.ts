import { EMPTY } from '../protocol/empty.ts'
import { PONG, TEXT } from '../protocol/opcode.ts'
import type { Outbox } from './outbox.ts'

/**
 * Answers the peer's pings, ahead of messages that are still being compressed. A peer that does not read must not fill our memory
 * with answers: while more than `highWaterMark` waits, one of each kind is owed, whatever comes.
 */
export class Answers {
  readonly #outbox: Outbox
  readonly #highWaterMark: number
  /** The last ping whose pong is owed; only the last one needs an answer (RFC 6455 §5.5.3). */
  #ping: Buffer | null = null
  #owesText = false

  constructor (outbox: Outbox, highWaterMark: number) {
    this.#outbox = outbox
    this.#highWaterMark = highWaterMark
  }

  ping (payload: Buffer): void {
    this.#ping = this.#isFull ? payload : null
    if (this.#ping === null) this.#outbox.frame(PONG, payload)
  }

  /** An empty text where that is no message. What a client gets is the answer to one of its own. */
  textPing (): void {
    if (this.#outbox.isMasked) return
    this.#owesText = this.#isFull
    if (!this.#owesText) this.#outbox.frame(TEXT, EMPTY)
  }

  /** No more than `highWaterMark` waits any longer: sends what is owed. */
  drained (): void {
    if (this.#ping !== null) this.#outbox.frame(PONG, this.#ping)
    if (this.#owesText) this.#outbox.frame(TEXT, EMPTY)
    this.#ping = null
    this.#owesText = false
  }

  get #isFull (): boolean {
    return this.#outbox.bufferedAmount > this.#highWaterMark
  }
}
