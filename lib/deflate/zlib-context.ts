import fastq from 'fastq'
import type { DeflateRaw, InflateRaw } from 'minizlib'

/** What has become of an input. */
export interface Output {
  chunks: Buffer[]
  length: number
  /** Bytes of the input that were used: not all if the compressed data had ended before. */
  used: number
}

/** The first `length` bytes of the chunks. */
export function joined (chunks: Buffer[], length: number): Buffer {
  return chunks.length === 1 ? chunks[0]!.subarray(0, length) : Buffer.concat(chunks, length)
}

interface Job {
  context: ZlibContext
  input: Buffer
  maxLength: number
}

/** As many at a time as Node's pool has threads: more would only hold memory while they wait. */
const jobs = fastq<unknown, Job, Output>(({ context, input, maxLength }, done) => context.work(input, maxLength, done), 4)

/**
 * A state of zlib that outlives a message, and works in the calling thread or in the thread pool, on one input at a time.
 * It is not to be used again after an error, nor after the thread pool has met the end of the compressed data.
 */
export class ZlibContext {
  readonly #zlib: DeflateRaw | InflateRaw
  #failure: Error | null = null

  /** @param zlib one that flushes after each write */
  constructor (zlib: DeflateRaw | InflateRaw) {
    this.#zlib = zlib
    zlib.on('error', (error: unknown) => { this.#failure = error as Error })
  }

  get isBroken (): boolean {
    return this.#failure !== null
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
   * The same, off the event loop.
   *
   * @param maxLength ends with an output that is longer, as soon as it is
   */
  later (input: Buffer, maxLength: number, done: (error: Error | null, output?: Output) => void): void {
    jobs.push({ context: this, input, maxLength }, done)
  }

  /** `later`, now that it is this job's turn. */
  work (input: Buffer, maxLength: number, done: (error: Error | null, output?: Output) => void): void {
    const handle = this.#zlib.handle!
    const usedBefore = handle.bytesWritten
    const output: Output = { chunks: [], length: 0, used: 0 }
    let settled = false
    function settle (error?: Error | null): void {
      if (settled) return
      settled = true
      handle.off('data', collect).off('end', settle).off('error', settle)
      output.used = handle.bytesWritten - usedBefore
      done(error ?? null, output)
    }
    function collect (chunk: Buffer): void {
      output.chunks.push(chunk)
      output.length += chunk.length
      if (output.length <= maxLength) return
      settle()
      handle.destroy()
    }
    handle.on('data', collect).on('end', settle).on('error', settle)
    handle.write(input, settle)
  }

  /** Forgets what the messages so far have left. */
  reset (): void {
    this.#zlib.reset()
  }

  close (): void {
    this.#zlib.close()
  }
}
