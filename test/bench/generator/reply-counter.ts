/** Counts the echoes in a stream of bytes by their headers alone, and accepts no other frames. */
export class ReplyCounter {
  readonly #firstByte: number
  readonly #size: number | null
  /** Payload bytes still to come of the frame in progress. */
  #left = 0
  /** Header bytes of the next frame that have been read. */
  #headerRead = 0
  #lengthBytes = 0
  #length = 0

  /**
   * @param firstByte of each reply: FIN, the reserved bits and the opcode
   * @param size of the payload that each reply must have; null for any
   */
  constructor (firstByte: number, size: number | null) {
    this.#firstByte = firstByte
    this.#size = size
  }

  /** Replies that these bytes complete. */
  push (bytes: Uint8Array, start: number, end: number): number {
    let complete = 0
    let i = start
    while (i < end) {
      if (this.#left === 0) {
        if (this.#header(bytes[i++]!) && this.#left === 0) complete++
      } else {
        const taken = Math.min(this.#left, end - i)
        i += taken
        this.#left -= taken
        if (this.#left === 0) complete++
      }
    }
    return complete
  }

  /** Whether the byte was the header's last. */
  #header (byte: number): boolean {
    const at = this.#headerRead++
    if (at === 0) {
      if (byte !== this.#firstByte) throw new Error(`a frame begins with 0x${byte.toString(16)}: that is no echo`)
      return false
    }
    if (at === 1) {
      this.#lengthBytes = byte === 126 ? 2 : byte === 127 ? 8 : 0
      this.#length = this.#lengthBytes === 0 ? byte : 0
    } else {
      this.#length = this.#length * 256 + byte
    }
    if (this.#headerRead < 2 + this.#lengthBytes) return false
    if (this.#length !== (this.#size ?? this.#length)) {
      throw new Error(`a reply has ${this.#length} bytes instead of ${this.#size}`)
    }
    this.#headerRead = 0
    this.#left = this.#length
    return true
  }
}
