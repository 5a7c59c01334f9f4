import { constants, type ZlibOptions } from 'node:zlib'
import { DeflateRaw } from 'minizlib'
import { type ContextSource, enqueue, OwnContext, SharedContexts } from './context-source.ts'
import type { DeflateSettings, Direction } from './negotiate.ts'
import { joined, ZlibContext } from './zlib-context.ts'

export interface DeflaterOwner {
  /** What to send for a message for which `deflate` returned null. */
  onDeflated (data: Buffer): void
  onDeflateFailed (error: Error): void
}

/**
 * Messages up to this size are deflated in the calling thread. Node 20, two cores, echo of 16 KiB of JSON at level 1:
 * 3.6 k replies/s with 0.28 ms of CPU each; in the thread pool 2.5 k with 0.55 ms.
 */
const MAX_SYNC_INPUT = 16 * 1024

/** Bytes at the end of a flush that are not sent (RFC 7692 §7.2.1). */
const TAIL_LENGTH = 4

/** Deflates messages: of one connection with context takeover, otherwise of all connections with the same parameters. */
export class Deflation {
  readonly #takeover: boolean
  readonly #contexts: ContextSource

  constructor ({ contextTakeover, windowBits }: Direction, settings: DeflateSettings) {
    const Source = contextTakeover ? OwnContext : SharedContexts
    this.#takeover = contextTakeover
    this.#contexts = new Source(chunkSize => create(windowBits, settings, chunkSize))
  }

  /** Whether a message is for the thread pool. */
  isLarge (message: Buffer): boolean {
    return message.length > MAX_SYNC_INPUT
  }

  /**
   * @param message not empty
   * @returns what to send: the message itself if deflating does not make it smaller
   * @throws {Error} of zlib, which is out of memory
   */
  now (message: Buffer): Buffer {
    const context = this.#contexts.take()
    try {
      const { chunks, length } = context.now(message)
      return this.#smaller(message, chunks, length)
    } finally {
      this.#contexts.give(context)
    }
  }

  /**
   * The same in the thread pool. With context takeover, no other message may come before `done`.
   *
   * @param done called later, with an error or with what to send
   * @returns cancels the job: `done` is not called
   */
  later (message: Buffer, done: (error: Error | null, data: Buffer) => void): () => void {
    return enqueue({
      source: this.#contexts,
      context: null,
      input: message,
      maxLength: Infinity,
      done: (error, output) => {
        done(error, error === null ? this.#smaller(message, output!.chunks, output!.length) : message)
      }
    })
  }

  /** With context takeover: no more messages will come. */
  close (): void {
    this.#contexts.close()
  }

  #smaller (message: Buffer, chunks: Buffer[], length: number): Buffer {
    // With context takeover, the peer must see what later messages may refer to.
    if (length - TAIL_LENGTH >= message.length && !this.#takeover) return message
    return joined(chunks, length - TAIL_LENGTH)
  }
}

/** The ones without context takeover, by their parameters. */
const shared = new Map<string, Deflation>()

function deflation (direction: Direction, settings: DeflateSettings): Deflation {
  if (direction.contextTakeover) return new Deflation(direction, settings)
  const kind = `${direction.windowBits} ${settings.level} ${settings.memLevel}`
  let found = shared.get(kind)
  if (found === undefined) shared.set(kind, found = new Deflation(direction, settings))
  return found
}

/** Deflates the messages of one connection, one at a time (RFC 7692 §7.2.1). */
export class Deflater {
  /** Without context takeover, deflates for many connections, which can share the results. With it: null. */
  readonly shared: Deflation | null
  readonly #deflation: Deflation
  readonly #owner: DeflaterOwner
  /** Null: no job of the thread pool is under way. */
  #cancel: (() => void) | null = null

  constructor (direction: Direction, settings: DeflateSettings, owner: DeflaterOwner) {
    this.#deflation = deflation(direction, settings)
    this.shared = direction.contextTakeover ? null : this.#deflation
    this.#owner = owner
  }

  /**
   * @param message not empty
   * @returns what to send: the message itself if deflating does not make it smaller; null if the message is large: the
   * owner gets this later, and no other message may come before
   * @throws {Error} of zlib, which is out of memory
   */
  deflate (message: Buffer): Buffer | null {
    if (!this.#deflation.isLarge(message)) return this.#deflation.now(message)
    this.#cancel = this.#deflation.later(message, (error, data) => {
      if (error !== null) this.#owner.onDeflateFailed(error)
      else this.#owner.onDeflated(data)
    })
    return null
  }

  /** Tells the owner nothing more, and frees memory. */
  close (): void {
    this.#cancel?.()
    this.#deflation.close()
  }
}

function create (windowBits: number, { level, memLevel }: DeflateSettings, chunkSize: number): ZlibContext {
  // zlib deflates with a window of at least 2^9 bytes, but refers only to the last 250, which a window of 2^8 has too.
  const options: ZlibOptions = {
    level, memLevel, windowBits: Math.max(9, windowBits), flush: constants.Z_SYNC_FLUSH, chunkSize
  }
  return new ZlibContext(new DeflateRaw(options))
}
