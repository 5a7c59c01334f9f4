import type { Duplex } from 'node:stream'
import { cutTransport } from '../connection/transport.ts'

/** Milliseconds that a client gets to read an answer that no route limits; it may get up to twice as long. */
const READ_TIME = 30_000

/** A handshake that waits for its answer. */
export interface DeadlineOwner {
  readonly transport: Duplex
  /** Whether the answer is written, and only the client has yet to read it. */
  readonly isAnswered: boolean
  /** The answer took longer than the route allows. */
  onDeadline (): void
}

/** Limits how long an answer may take. A handshake that is answered at once has no deadline. */
export class AnswerDeadline {
  readonly #owner: DeadlineOwner
  #timer: NodeJS.Timeout | undefined

  /** Until a route sets a limit, the answer may take as long as that of any other request. */
  constructor (owner: DeadlineOwner) {
    this.#owner = owner
    owner.transport.on('timeout', cut)
    this.#check(owner.isAnswered)
  }

  /** @param timeout milliseconds from now that the answer may take */
  limit (timeout: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#owner.onDeadline(), timeout)
  }

  stop (): void {
    clearTimeout(this.#timer)
    this.#owner.transport.off('timeout', cut)
  }

  /**
   * Cuts off a client that does not read its answer: otherwise the answer would wait for it forever.
   *
   * @param wasAnswered whether the answer was already written at the last check
   */
  #check (wasAnswered: boolean): void {
    this.#timer = setTimeout(() => {
      if (wasAnswered) cutTransport(this.#owner.transport)
      else this.#check(this.#owner.isAnswered)
    }, READ_TIME)
  }
}

function cut (this: Duplex): void {
  cutTransport(this)
}
