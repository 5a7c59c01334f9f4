import { EMPTY } from '../protocol/empty.ts'

/** Bytes that a client may send before it has its answer. */
const MAX_EARLY = 64 * 1024

/** What a client sent after its handshake and before the answer. */
export class EarlyBytes {
  /** May be longer than `#length`. */
  #bytes: Buffer
  #length: number

  /** @param head what Node has read beyond the request */
  constructor (head: Buffer) {
    this.#bytes = head
    this.#length = head.length
  }

  /** Returns all the bytes and keeps none. */
  take (): Buffer {
    const bytes = this.#bytes.subarray(0, this.#length)
    this.#bytes = EMPTY
    this.#length = 0
    return bytes
  }

  /**
   * Copies the first `length` bytes.
   *
   * @returns false if that would be too many
   */
  add (bytes: Buffer, length: number): boolean {
    const kept = this.#length
    if (kept + length > MAX_EARLY) return false
    this.#length += length
    if (this.#bytes.length < this.#length) {
      // Doubling the room spares a copy for each chunk, and a buffer for each, when bytes arrive one by one.
      const room = Buffer.allocUnsafeSlow(this.#length * 2)
      this.#bytes.copy(room, 0, 0, kept)
      this.#bytes = room
    }
    bytes.copy(this.#bytes, kept, 0, length)
    return true
  }
}
