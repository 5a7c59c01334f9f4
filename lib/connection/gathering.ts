/** Bytes that gather in one buffer. Alone in the queue of a Duplex, a frame costs about 200 B, ten times a small message. */
export const GATHERED_SIZE = 16 * 1024

/** Frames that gather while a write is under way, and are then handed on together. */
export class Gathering {
  readonly #bytes: Buffer
  #length = 0

  /** @param first how many bytes are added first */
  constructor (first: number) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(first, GATHERED_SIZE))
  }

  hasRoom (length: number): boolean {
    return this.#bytes.length >= this.#length + length
  }

  /** Copies the first `length` bytes; there must be room for them. */
  add (bytes: Buffer, length: number): void {
    bytes.copy(this.#bytes, this.#length, 0, length)
    this.#length += length
  }

  get taken (): Buffer {
    const frames = this.#bytes.subarray(0, this.#length)
    // A few bytes must not keep a large buffer alive.
    return this.#length * 2 < GATHERED_SIZE ? Buffer.from(frames) : frames
  }
}
