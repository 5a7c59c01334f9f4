/** Bytes that gather in one buffer: each of their own in the queue of a Duplex would cost some 200 B, ten times a small message. */
export const GATHERED_SIZE = 16 * 1024

/** Frames that gather while a write is under way, to be handed on together. */
export class Gathering {
  readonly #bytes: Buffer
  #length = 0

  /** @param first bytes that are about to be added */
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
    // A few bytes must not keep a large buffer.
    return this.#length * 2 < GATHERED_SIZE ? Buffer.from(frames) : frames
  }
}
