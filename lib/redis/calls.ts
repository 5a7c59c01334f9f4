/** How often calls are looked at, in parts of the time that they have. */
const LOOKS = 16

interface Call {
  /** When its time is over, as `performance.now()` tells it. */
  readonly end: number
  readonly reject: (error: Error) => void
}

/** Calls of one connection that wait for an answer. None waits longer than its time. */
export class Calls {
  readonly #deadline: number
  readonly #onSilent: (error: Error) => void
  readonly #calls = new Set<Call>()
  #timer: NodeJS.Timeout | null = null
  /** Why no call waits any more. */
  #closed: Error | null = null

  /**
   * @param deadline milliseconds that a call has by default
   * @param onSilent is told that a call was not answered in time. That call is rejected already.
   */
  constructor (deadline: number, onSilent: (error: Error) => void) {
    this.#deadline = deadline
    this.#onSilent = onSilent
  }

  /** @param end when its time is over */
  wait<Answer> (answer: Promise<Answer>, end = performance.now() + this.#deadline): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const call = { end, reject }
      if (this.#closed === null) {
        this.#calls.add(call)
        this.#timer ??= setInterval(() => this.#look(), this.#deadline / LOOKS).unref()
      } else {
        reject(this.#closed)
      }
      answer.then(answer => {
        this.#calls.delete(call)
        resolve(answer)
      }, error => {
        this.#calls.delete(call)
        reject(error)
      })
    })
  }

  /** Rejects all that wait, and all that come later. */
  close (error: Error): void {
    this.#closed ??= error
    if (this.#timer !== null) clearInterval(this.#timer)
    for (const { reject } of this.#calls) reject(this.#closed)
    this.#calls.clear()
  }

  #look (): void {
    if (this.#calls.size === 0) {
      clearInterval(this.#timer!)
      this.#timer = null
      return
    }
    const now = performance.now()
    const overdue = [...this.#calls].filter(({ end }) => end <= now)
    // If this process itself stood still, the answers are there, and are read before the next immediate.
    if (overdue.length > 0) setImmediate(() => this.#giveUp(overdue))
  }

  #giveUp (overdue: readonly Call[]): void {
    const unanswered = overdue.filter(call => this.#calls.delete(call))
    if (unanswered.length === 0) return
    const error = new Error(`no answer within ${this.#deadline} ms`)
    for (const { reject } of unanswered) reject(error)
    this.#onSilent(error)
  }
}
