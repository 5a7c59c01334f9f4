import { constants, type ZlibOptions } from 'node:zlib'
import { DeflateRaw } from 'minizlib'
import type { DeflateSettings, Direction } from './negotiate.ts'
import { joined, ZlibContext } from './zlib-context.ts'

export interface DeflaterHost {
  /** A message that `deflate` did not return. */
  onDeflated (data: Buffer): void
  onDeflateFailed (error: Error): void
}

/** Messages up to this size are deflated in the calling thread. Node 20, level 1: 16 KiB of JSON take 0.1 ms. */
const MAX_SYNC_INPUT = 16 * 1024

/** RFC 7692 §7.2.1: what flushing leaves at the end is not sent. */
const TAIL_LENGTH = 4

/** Without context takeover all connections with the same parameters take turns at one context. */
const shared = new Map<string, ZlibContext>()

/** Deflates the messages of one connection, one at a time (RFC 7692 §7.2.1). */
export class Deflater {
  readonly #settings: DeflateSettings
  readonly #windowBits: number
  readonly #takeover: boolean
  readonly #host: DeflaterHost

  /** With context takeover: knows the messages so far. */
  #own: ZlibContext | null = null
  #busy = false
  #closed = false

  constructor ({ contextTakeover, windowBits }: Direction, settings: DeflateSettings, host: DeflaterHost) {
    this.#settings = settings
    this.#windowBits = windowBits
    this.#takeover = contextTakeover
    this.#host = host
  }

  /**
   * @param message not empty
   * @returns what is sent in place of the message, or the message itself where deflating does not make it smaller; null:
   * it is large, and the host gets this later; no other may come before
   */
  deflate (message: Buffer): Buffer | null {
    if (message.length > MAX_SYNC_INPUT) {
      this.#later(message)
      return null
    }
    const context = this.#takeover ? this.#ownContext() : this.#sharedContext()
    const { chunks, length } = context.now(message)
    return this.#smaller(message, chunks, length)
  }

  /** Frees the memory of the context. */
  close (): void {
    this.#closed = true
    if (!this.#busy) this.#own?.close()
  }

  #later (message: Buffer): void {
    const context = this.#takeover ? this.#ownContext() : this.#create()
    this.#busy = true
    context.later(message, Infinity, (error, output) => {
      this.#busy = false
      if (!this.#takeover || this.#closed) context.close()
      if (this.#closed) return
      if (error !== null) this.#host.onDeflateFailed(error)
      else this.#host.onDeflated(this.#smaller(message, output!.chunks, output!.length))
    })
  }

  #smaller (message: Buffer, chunks: Buffer[], length: number): Buffer {
    // With context takeover the peer has to see what later messages may refer to.
    if (length - TAIL_LENGTH >= message.length && !this.#takeover) return message
    return joined(chunks, length - TAIL_LENGTH)
  }

  #ownContext (): ZlibContext {
    return this.#own ??= this.#create()
  }

  #sharedContext (): ZlibContext {
    const { level, memLevel } = this.#settings
    const key = `${this.#windowBits} ${level} ${memLevel}`
    let context = shared.get(key)
    if (context === undefined || context.isBroken) shared.set(key, context = this.#create())
    else context.reset()
    return context
  }

  #create (): ZlibContext {
    const { level, memLevel } = this.#settings
    const options: ZlibOptions = { level, memLevel, windowBits: this.#windowBits, flush: constants.Z_SYNC_FLUSH }
    if (this.#windowBits === 8) {
      // zlib deflates with 2^9 bytes at least. Runs refer to the byte before them, which is in any window.
      options.windowBits = 9
      options.strategy = constants.Z_RLE
    }
    return new ZlibContext(new DeflateRaw(options))
  }
}
