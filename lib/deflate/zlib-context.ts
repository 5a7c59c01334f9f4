import type { DeflateRaw, InflateRaw } from 'minizlib'

/** The result of an input. */
export interface Output {
  chunks: Buffer[]
  length: number
  /** Bytes of the input that were used: not all of them if the compressed data ended before. */
  used: number
}

export type Done = (error: Error | null, output?: Output) => void

/** A state of zlib that outlives a message. Takes one input at a time, in the calling thread or in the thread pool. */
export class ZlibContext {
  readonly #zlib: DeflateRaw | InflateRaw
  #failure: Error | null = null
  #isUsable = true

  /** @param zlib one that flushes after each write */
  constructor (zlib: DeflateRaw | InflateRaw) {
    this.#zlib = zlib
    zlib.on('error', (error: unknown) => {
      this.#failure = error as Error
      this.#isUsable = false
    })
  }

  /** False after an error, and once the thread pool has met the end of the compressed data. */
  get isUsable (): boolean {
    return this.#isUsable
  }

  /** @throws {Error} the data is broken */
  now (input: Buffer): Output {
    this.#zlib.write(input)
    if (this.#failure !== null) throw this.#failure
    const chunk = this.#zlib.read()
    const used = this.#zlib.handle!.bytesWritten
    return chunk === null ? { chunks: [], length: 0, used } : { chunks: [chunk], length: chunk.length, used }
  }

  /**
   * The same in the thread pool.
   *
   * @param maxLength stops as soon as the output is longer than this
   */
  later (input: Buffer, maxLength: number, done: Done): void {
    const handle = this.#zlib.handle!
    const usedBefore = handle.bytesWritten
    const output: Output = { chunks: [], length: 0, used: 0 }
    let settled = false
    const settle = (error?: Error | null): void => {
      if (settled) return
      settled = true
      handle.off('data', collect).off('end', settle).off('error', settle)
      output.used = handle.bytesWritten - usedBefore
      if (output.used < input.length) this.#isUsable = false
      done(error ?? null, output)
    }
    const collect = (chunk: Buffer): void => {
      output.chunks.push(chunk)
      output.length += chunk.length
      if (output.length <= maxLength) return
      // At once: the write may end before the error is told, and the next input must not meet that error.
      this.#isUsable = false
      handle.destroy(new Error('the output is too long'))
    }
    handle.on('data', collect).on('end', settle).on('error', settle)
    handle.write(input, settle)
  }

  /** Forgets the messages so far. */
  reset (): void {
    this.#zlib.reset()
  }

  close (): void {
    this.#zlib.close()
  }
}

/** The first `length` bytes of the chunks. */
export function joined (chunks: Buffer[], length: number): Buffer {
  return chunks.length === 1 ? chunks[0]!.subarray(0, length) : Buffer.concat(chunks, length)
}
