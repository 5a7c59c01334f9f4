/** So many of the last measurements count. */
const MEASUREMENTS = 8

/**
 * What time it is on the servers. A measurement says that the server's time was this or later when we got it. So the latest of
 * several is the best one, and none is too late, as long as nobody sets a clock back.
 */
export class Clock {
  /** For each server, by how much its time is ahead of `performance.now()`. */
  readonly #offsets = new Map<string, number[]>()

  measured (server: string, milliseconds: number): void {
    const offsets = this.#offsets.get(server) ?? []
    this.#offsets.set(server, offsets)
    offsets.push(milliseconds - performance.now())
    if (offsets.length > MEASUREMENTS) offsets.shift()
  }

  /**
   * The server's time at some time of ours; never more than that.
   *
   * @param moment as `performance.now()` tells it
   */
  at (server: string, moment: number): number {
    return Math.floor(moment + Math.max(...this.#offsets.get(server) ?? [-Infinity]))
  }
}
