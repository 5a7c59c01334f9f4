import type { Duplex } from 'node:stream'
import { cutTransport } from '../connection/transport.ts'

/** How long, in milliseconds, a client may take for an answer that no route limits, at least; at most twice as long. */
const TAKE = 30_000

/** A handshake that waits for its answer. */
export interface DeadlineOwner {
  readonly transport: Duplex
  /** Whether it has been answered, and only the client is waited for. */
  readonly isAnswered: boolean
  /** The answer has taken longer than the route allows. */
  onDeadline (): void
}

/** Limits how long an answer may take. There is none for a handshake that is answered at once. */
export class AnswerDeadline {
  readonly #owner: DeadlineOwner
  #timer: NodeJS.Timeout | undefined

  /** Until a route limits it, it is answered as any other request, and that may take its time. */
  constructor (owner: DeadlineOwner) {
    this.#owner = owner
    owner.transport.on('timeout', cut)
    this.#look(owner.isAnswered)
  }

  /** @param timeout how long, in milliseconds from now, the answer may take */
  limit (timeout: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#owner.onDeadline(), timeout)
  }

  stop (): void {
    clearTimeout(this.#timer)
    this.#owner.transport.off('timeout', cut)
  }

  /**
   * A client that does not take its answer would keep it for ever.
   *
   * @param wasAnswered whether there has been an answer since then
   */
  #look (wasAnswered: boolean): void {
    this.#timer = setTimeout(() => {
      if (wasAnswered) cutTransport(this.#owner.transport)
      else this.#look(this.#owner.isAnswered)
    }, TAKE)
  }
}

function cut (this: Duplex): void {
  cutTransport(this)
}
