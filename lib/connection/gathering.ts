/**
 * Payloads up to this size are copied behind their header, larger ones are not. CPU with copying/without, Node 20, echo,
 * size × window: 2 KiB × 8 0.98, 4 KiB × 1 1.05, 4 KiB × 8 1.3, 4 KiB × 32 1.6, 16 KiB × 1 1.3, 16 KiB × 32 2.
 */
export const COPY_UP_TO = 2 * 1024

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
    return this.#length * 2 < GATHERED_SIZE ? copyOf(frames) : frames
  }
}

/**
 * Bytes that may wait for long, in memory of their own if they are a small part of Node's pool: however few they are, they keep
 * all of it alive, which is 8 KiB and from Node 25 on 64 KiB.
 */
export function unpooled (bytes: Buffer): Buffer {
  const room = bytes.buffer.byteLength
  // Some versions of Node make it a little larger than they say.
  return room < 2 * Buffer.poolSize && bytes.length * 2 < room ? copyOf(bytes) : bytes
}

function copyOf (bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}
