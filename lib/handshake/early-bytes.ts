import { EMPTY } from '../protocol/empty.ts'

/** Bytes that a client may send ahead of the answer. */
const MAX_EARLY = 64 * 1024

/** What a client has sent behind its handshake, before there was an answer. */
export class EarlyBytes {
  /** Perhaps with room for more. */
  #bytes: Buffer
  #length: number

  /** @param head what has been read behind the request */
  constructor (head: Buffer) {
    this.#bytes = head
    this.#length = head.length
  }

  /** Hands out all of them, and keeps none. */
  take (): Buffer {
    const bytes = this.#bytes.subarray(0, this.#length)
    this.#bytes = EMPTY
    this.#length = 0
    return bytes
  }

  /**
   * Copies the bytes up to `length`.
   *
   * @returns false if there are too many
   */
  add (bytes: Buffer, length: number): boolean {
    const kept = this.#length
    if (kept + length > MAX_EARLY) return false
    this.#length += length
    if (this.#bytes.length < this.#length) {
      // Twice the room each time: bytes that come one by one are not copied for each of them, nor kept as so many buffers.
      const room = Buffer.allocUnsafeSlow(this.#length * 2)
      this.#bytes.copy(room, 0, 0, kept)
      this.#bytes = room
    }
    bytes.copy(this.#bytes, kept, 0, length)
    return true
  }
}
