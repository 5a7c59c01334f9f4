import type { BackplaneDriver, OutgoingMessage, Retention } from '../../types/backplane.ts'
import { Gate } from './gate.ts'

/** Bytes that may be under way to the engine: publishers that do not wait for it are refused beyond that. */
const MOST_BYTES = 64 * 1024 * 1024
/** Bytes that each message costs beside its own: the promises and objects that wait for its answer. */
const OVERHEAD = 3000

/** A message on its way to the engine. */
class Departure implements OutgoingMessage {
  readonly topic: string
  readonly bytes: Uint8Array
  readonly retention: Retention | null
  readonly id: string | null
  readonly #cost: number
  readonly #outgoing: Outgoing
  readonly #resolve: (published: { at: string }) => void
  readonly #reject: (error: Error) => void

  constructor (
    outgoing: Outgoing, topic: string, bytes: Uint8Array, retention: Retention | null, id: string | null, cost: number,
    resolve: (published: { at: string }) => void, reject: (error: Error) => void
  ) {
    this.#outgoing = outgoing
    this.topic = topic
    this.bytes = bytes
    this.retention = retention
    this.id = id
    this.#cost = cost
    this.#resolve = resolve
    this.#reject = reject
  }

  done (at: string): void {
    this.#outgoing.arrived(this.#cost)
    this.#resolve({ at })
  }

  failed (error: Error): void {
    this.#outgoing.arrived(this.#cost)
    this.#reject(this.#outgoing.errorOf(error))
  }
}

/** What this process publishes: gathered until the end of the turn, so that the engine is asked once for all of it. */
export class Outgoing {
  /** What whoever publishes is told of a failure. */
  readonly errorOf: (cause: Error) => Error
  readonly #driver: BackplaneDriver
  /** Open while nothing is under way. */
  readonly #idle = new Gate()
  #gathered: Departure[] = []
  #cost = 0

  constructor (driver: BackplaneDriver, errorOf: (cause: Error) => Error) {
    this.#driver = driver
    this.errorOf = errorOf
    this.#idle.open()
  }

  /** Resolves when all that was published has been answered. */
  async settled (): Promise<void> {
    await this.#idle.wait(null)
  }

  /** Whether so much is under way that nothing more may be. */
  get isFull (): boolean {
    return this.#cost >= MOST_BYTES
  }

  /**
   * Resolves with the position of the message; '' without a retention.
   *
   * @param size of what waits with it, in bytes
   */
  add (topic: string, bytes: Uint8Array, retention: Retention | null, id: string | null, size: number): Promise<{ at: string }> {
    return new Promise((resolve, reject) => {
      const cost = size + OVERHEAD
      this.#idle.close()
      this.#cost += cost
      this.#gathered.push(new Departure(this, topic, bytes, retention, id, cost, resolve, reject))
      if (this.#gathered.length === 1) setImmediate(() => this.#depart())
    })
  }

  /** It is under way no longer. */
  arrived (cost: number): void {
    this.#cost -= cost
    if (this.#cost === 0) this.#idle.open()
  }

  #depart (): void {
    const gathered = this.#gathered
    this.#gathered = []
    this.#driver.publish(gathered)
  }
}
