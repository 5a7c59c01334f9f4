import type { PublishLimit } from '../live/live-socket.ts'

/** Counts what one socket publishes: a token bucket that holds a second's worth. */
export class PublishRate {
  readonly #limit: PublishLimit
  #tokens: number
  #filledAt = performance.now()

  constructor (limit: PublishLimit) {
    this.#limit = limit
    this.#tokens = limit.perSecond
  }

  /**
   * Something is to be published.
   *
   * @returns null: now; a promise: when it resolves; false: it is too much. No more than a second's worth waits.
   */
  take (): Promise<void> | null | false {
    const { perSecond, over } = this.#limit
    const now = performance.now()
    this.#tokens = Math.min(perSecond, this.#tokens + (now - this.#filledAt) / 1000 * perSecond)
    this.#filledAt = now
    if (this.#tokens >= 1) {
      this.#tokens--
      return null
    }
    if (over === 'close' || this.#tokens < 1 - perSecond) return false
    this.#tokens--
    // The shorter delays began earlier, so all end in order.
    return new Promise(resolve => { setTimeout(resolve, Math.ceil(-this.#tokens / perSecond * 1000)) })
  }
}
