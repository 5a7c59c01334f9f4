/** At most this many are told in one turn of the event loop. */
const TOLD_PER_TURN = 100

/** Many things that end after the same delay, with one timer, which does not keep the process alive. */
export class Deadlines<Key> {
  readonly #delay: number
  readonly #onOver: (key: Key) => void
  /** When each is over: the soonest first, because all have the same delay. */
  readonly #ends = new Map<Key, number>()
  #timer: NodeJS.Timeout | null = null
  #isClosed = false

  /** @param onOver is called later, for each key whose time has come. It may start and stop any, and does not throw. */
  constructor (delay: number, onOver: (key: Key) => void) {
    this.#delay = delay
    this.#onOver = onOver
  }

  /** The delay begins now, once more if it was running. */
  start (key: Key): void {
    if (this.#isClosed) return
    this.#ends.delete(key)
    this.#ends.set(key, performance.now() + this.#delay)
    this.#timer ??= this.#wait(this.#delay)
  }

  /** @returns whether the delay was running */
  stop (key: Key): boolean {
    return this.#ends.delete(key)
  }

  /** Stops all. Nothing starts any more. */
  close (): void {
    this.#isClosed = true
    this.#ends.clear()
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #wait (delay: number): NodeJS.Timeout {
    return setTimeout(() => this.#check(), Math.ceil(delay)).unref()
  }

  #check (): void {
    const now = performance.now()
    let told = 0
    for (const [key, end] of this.#ends) {
      if (end > now || told === TOLD_PER_TURN) {
        this.#timer = this.#wait(Math.max(1, end - now))
        return
      }
      told++
      this.#ends.delete(key)
      this.#onOver(key)
    }
    // Not before: what is started meanwhile would wait for its own delay, and those in front of it too.
    this.#timer = null
  }
}
