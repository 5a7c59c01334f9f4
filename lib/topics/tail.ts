import type { SocketBehaviour } from '../socket/behaviour.ts'
import type { Encode } from '../socket/prepared-message.ts'
import type { Top } from '../backplane/engine.ts'
import type { Delivery } from './bundle.ts'
import { type Chunk, chunkOf } from './history-reader.ts'
import type { Overflow, Policy } from './policy.ts'

/** Bytes that a message counts besides its own. */
const ENTRY_COST = 64

/** What is published to a topic while a subscriber may not be given it. */
export class Tail<Target> {
  readonly #overflow: Overflow
  readonly #encode: Encode
  readonly #limit: number
  readonly #deliveries: Array<Delivery<Target>> = []
  #bytes = 0
  #isFull = false

  /** @param limit of bytes; a single message may be larger, as with `send()` */
  constructor (overflow: Overflow, encode: Encode, limit: number) {
    this.#overflow = overflow
    this.#encode = encode
    this.#limit = limit
  }

  /** As with `send()`, unless the topic says something else, or its history has what cannot be kept. */
  static of<Target> ({ codec, highWaterMark, maxBuffered, overflow: ofRoute }: SocketBehaviour, { overflow, retention }: Policy): Tail<Target> {
    if (overflow !== undefined) return new Tail(overflow, codec.encode, highWaterMark)
    return new Tail(retention === null ? ofRoute : undefined, codec.encode, maxBuffered)
  }

  /**
   * Runs no code of the user's.
   *
   * @returns how many messages are missed for it; null: there is too much, and from this one on nothing is kept
   */
  add (delivery: Delivery<Target>): number | null {
    if (this.#overflow === 'latest') {
      const missed = this.#deliveries.splice(0).length
      this.#deliveries.push(delivery)
      return missed
    }
    const { message, at } = delivery.numbered
    const bytes = this.#bytes + message.byteLength(this.#encode, at) + ENTRY_COST
    if (bytes > this.#limit && this.#deliveries.length > 0) {
      if (this.#overflow === 'drop') return 1
      this.#isFull = true
      return null
    }
    this.#bytes = bytes
    this.#deliveries.push(delivery)
    return 0
  }

  /** What was kept, with what comes before it. @param top where the topic stands */
  behind (first: Chunk | null, top: Top): Chunk {
    const messages = [...first?.messages ?? [], ...this.#deliveries.map(({ numbered }) => numbered)]
    return this.#isFull ? chunkOf(messages) : chunkOf(messages, top)
  }

  /** Whether messages came that are not kept. */
  get isFull (): boolean {
    return this.#isFull
  }

  get deliveries (): ReadonlyArray<Delivery<Target>> {
    return this.#deliveries
  }
}
