/** The time of the server, as far as this process knows it, whatever happens to its own clock. */
export class Clock {
  readonly #deadline: number
  /** What to add to the time that this process has been running. */
  #offset = Date.now() - performance.now()

  /** @param deadline milliseconds that the server has for an answer */
  constructor (deadline: number) {
    this.#deadline = deadline
  }

  /** Milliseconds since 1970. */
  now (): number {
    return performance.now() + this.#offset
  }

  /**
   * @param time what the server's clock said
   * @param sent when it was asked for that, in milliseconds that this process has been running
   * @param received when it had answered
   */
  set (time: number, sent: number, received: number): void {
    this.#offset = time - (sent + received) / 2
  }

  /** Until when what is published now must have arrived. The caller is told that it failed a little later. */
  deadline (): number {
    return Math.ceil(this.now() + this.#deadline * 7 / 8)
  }

  /** Whether it is certain that a deadline has not passed yet, although the clocks are not quite equal. */
  isBefore (deadline: number): boolean {
    return this.now() < deadline - this.#deadline / 8
  }
}
