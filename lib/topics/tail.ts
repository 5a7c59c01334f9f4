import type { Encode } from '../socket/prepared-message.ts'
import type { Delivery } from './bundle.ts'
import type { Overflow } from './policy.ts'

/** Bytes that a message counts besides its own. */
const ENTRY_COST = 64

/** What is published to a topic while a subscriber may not be given it. */
export class Tail<Target> {
  readonly #overflow: Overflow
  readonly #encode: Encode
  readonly #limit: number
  readonly #deliveries: Array<Delivery<Target>> = []
  #bytes = 0

  /** @param limit of bytes */
  constructor (overflow: Overflow, encode: Encode, limit: number) {
    this.#overflow = overflow
    this.#encode = encode
    this.#limit = limit
  }

  /**
   * Runs no code of the user's.
   *
   * @returns how many messages are missed for it; null: there is too much, and not everything can be kept
   */
  add (delivery: Delivery<Target>): number | null {
    if (this.#overflow === 'latest') {
      const missed = this.#deliveries.splice(0).length
      this.#deliveries.push(delivery)
      return missed
    }
    const { message, at } = delivery.numbered
    const bytes = this.#bytes + message.byteLength(this.#encode, at) + ENTRY_COST
    if (bytes > this.#limit) return this.#overflow === 'drop' ? 1 : null
    this.#bytes = bytes
    this.#deliveries.push(delivery)
    return 0
  }

  get deliveries (): ReadonlyArray<Delivery<Target>> {
    return this.#deliveries
  }
}
