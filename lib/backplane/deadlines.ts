/** At most this many are told in one turn of the event loop, if that is little work. */
const TOLD_PER_TURN = 1000

/** Many things that end after the same delay, with one timer, which does not keep the process alive. */
export class Deadlines<Key> {
  readonly #delay: number
  readonly #onOver: (key: Key) => void
  readonly #perTurn: number
  /** When each is over: the soonest first, because all have the same delay. */
  readonly #ends = new Map<Key, number>()
  #timer: NodeJS.Timeout | null = null
  #isClosed = false

  /**
   * @param onOver is called later, for each key whose time has come. It may start and stop any, and does not throw.
   * @param perTurn for how many in one turn of the event loop
   */
  constructor (delay: number, onOver: (key: Key) => void, perTurn = TOLD_PER_TURN) {
    this.#delay = delay
    this.#onOver = onOver
    this.#perTurn = perTurn
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
      if (end > now || told === this.#perTurn) {
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
