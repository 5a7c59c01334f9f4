import { constants, type ZlibOptions } from 'node:zlib'
import { DeflateRaw } from 'minizlib'
import { type ContextSource, contextSource, enqueue } from './context-source.ts'
import type { DeflateSettings, Direction } from './negotiate.ts'
import { joined, ZlibContext } from './zlib-context.ts'

export interface DeflaterHost {
  /** What is sent in place of a message that `deflate` has kept. */
  onDeflated (data: Buffer): void
  onDeflateFailed (error: Error): void
}

/**
 * Messages up to this size are deflated in the calling thread. Node 20, two cores, echo of 16 KiB of JSON at level 1:
 * 3.6 k replies/s with 0.28 ms of CPU each; in the thread pool 2.5 k with 0.55 ms.
 */
const MAX_SYNC_INPUT = 16 * 1024

/** RFC 7692 §7.2.1: the end of what flushing leaves is not sent. */
const TAIL_LENGTH = 4

/** Deflates the messages of one connection, one at a time (RFC 7692 §7.2.1). */
export class Deflater {
  readonly #takeover: boolean
  readonly #contexts: ContextSource
  readonly #host: DeflaterHost
  /** Null: no job of the thread pool is under way. */
  #cancel: (() => void) | null = null

  constructor ({ contextTakeover, windowBits }: Direction, settings: DeflateSettings, host: DeflaterHost) {
    this.#takeover = contextTakeover
    const kind = `deflate ${windowBits} ${settings.level} ${settings.memLevel}`
    this.#contexts = contextSource(contextTakeover, kind, chunkSize => create(windowBits, settings, chunkSize))
    this.#host = host
  }

  /**
   * @param message not empty
   * @returns what is sent in its place: the message itself where deflating does not make it smaller; null: it is large,
   * and the host gets this later; no other may come before
   * @throws {Error} of zlib, which has no memory
   */
  deflate (message: Buffer): Buffer | null {
    if (message.length > MAX_SYNC_INPUT) {
      this.#later(message)
      return null
    }
    const context = this.#contexts.take()
    try {
      const { chunks, length } = context.now(message)
      return this.#smaller(message, chunks, length)
    } finally {
      this.#contexts.give(context)
    }
  }

  /** Tells the host nothing any more, and frees memory. */
  close (): void {
    this.#cancel?.()
    this.#contexts.close()
  }

  #later (message: Buffer): void {
    this.#cancel = enqueue({
      source: this.#contexts,
      context: null,
      input: message,
      maxLength: Infinity,
      done: (error, output) => {
        if (error !== null) this.#host.onDeflateFailed(error)
        else this.#host.onDeflated(this.#smaller(message, output!.chunks, output!.length))
      }
    })
  }

  #smaller (message: Buffer, chunks: Buffer[], length: number): Buffer {
    // With context takeover the peer has to see what later messages may refer to.
    if (length - TAIL_LENGTH >= message.length && !this.#takeover) return message
    return joined(chunks, length - TAIL_LENGTH)
  }
}

function create (windowBits: number, { level, memLevel }: DeflateSettings, chunkSize: number): ZlibContext {
  // zlib deflates with 2^9 bytes at least. Of these it refers to the last 250, which are in a window of 2^8 as well.
  const options: ZlibOptions = {
    level, memLevel, windowBits: Math.max(9, windowBits), flush: constants.Z_SYNC_FLUSH, chunkSize
  }
  return new ZlibContext(new DeflateRaw(options))
}
