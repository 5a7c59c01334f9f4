/** Milliseconds between two looks. */
const LOOK = 10

/**
 * How long the event loop is held at most. Only what this process has worked meanwhile counts: the machine may have other things
 * to do.
 */
export class HeldLoop {
  #longest = 0
  #at = performance.now()
  #worked = process.cpuUsage()

  constructor () {
    setInterval(() => { this.#look() }, LOOK).unref()
  }

  /** In milliseconds, since the last question. */
  take (): number {
    const longest = this.#longest
    this.#longest = 0
    return longest
  }

  #look (): void {
    const { user, system } = process.cpuUsage(this.#worked)
    this.#longest = Math.max(this.#longest, Math.min(performance.now() - this.#at, (user + system) / 1000))
    this.#at = performance.now()
    this.#worked = process.cpuUsage()
  }
}
