import { AsyncResource } from 'node:async_hooks'
import type { Deflation } from '../deflate/deflater.ts'
import { headerLength, RSV1, writeFrame } from '../protocol/frame-encoder.ts'
import { BINARY, TEXT } from '../protocol/opcode.ts'
import { encodeUtf8 } from '../protocol/utf8.ts'
import { Frame } from './frame-run.ts'

/** Called with what has become of a large message: its frame, or the error of zlib. */
export type FrameTaker = (result: Frame | Error) => void

/**
 * A message in the forms in which connections send it: its frame at once, compressed ones when they are first asked for,
 * each once for all connections. What a client masks, and what is compressed with context takeover, is each connection's
 * own: for these there is the payload.
 */
export class MessageForm {
  readonly opcode: number
  /** Bytes of the payload, uncompressed. */
  readonly byteLength: number
  /** Uncompressed and without a mask. */
  readonly frame: Frame
  readonly #text: string | null
  #payload: Buffer | null = null
  #deflated: Map<Deflation, Frame | Deflating> | null = null

  /** @param data a string is sent as text; bytes are copied */
  constructor (data: string | Uint8Array) {
    const isText = typeof data === 'string'
    const bytes = isText ? encodeUtf8(data) : data
    this.opcode = isText ? TEXT : BINARY
    this.byteLength = bytes.length
    this.frame = frameOf(this.opcode, bytes)
    this.#text = isText ? data : null
  }

  get payload (): Buffer {
    return this.#payload ??= this.frame.bytes.subarray(-this.byteLength || this.frame.bytes.length)
  }

  /** What it was made of. */
  get data (): string | Buffer {
    return this.#text ?? this.payload
  }

  /**
   * The frame compressed; the other one where that is not smaller.
   *
   * @returns null: it is large, and `whenDeflated` gives it later
   * @throws {Error} of zlib, which has no memory
   */
  deflated (deflation: Deflation): Frame | null {
    const found = this.#deflated?.get(deflation)
    if (found instanceof Frame) return found
    if (found !== undefined || deflation.isLarge(this.payload)) return null
    const frame = this.#compressed(deflation.now(this.payload))
    this.#keep(deflation, frame)
    return frame
  }

  /**
   * Gives what `deflated` has not got yet, later. All who ask meanwhile wait for the same job of the thread pool.
   *
   * @returns leaves: the taker is not called any more, and a job that nobody waits for is cancelled
   */
  whenDeflated (deflation: Deflation, taker: FrameTaker): () => void {
    const found = this.#deflated?.get(deflation)
    const job = found instanceof Deflating ? found : this.#begin(deflation)
    return job.add(taker)
  }

  #begin (deflation: Deflation): Deflating {
    const job = new Deflating(deflation.later(this.payload, (error, data) => {
      const result = error ?? this.#compressed(data)
      // After a failure the next one to ask has it tried again.
      if (result instanceof Frame) this.#keep(deflation, result)
      else this.#deflated!.delete(deflation)
      job.tell(result)
    }), () => { if (this.#deflated!.get(deflation) === job) this.#deflated!.delete(deflation) })
    this.#keep(deflation, job)
    return job
  }

  #compressed (data: Buffer): Frame {
    return data === this.payload ? this.frame : frameOf(this.opcode | RSV1, data)
  }

  #keep (deflation: Deflation, made: Frame | Deflating): void {
    (this.#deflated ??= new Map()).set(deflation, made)
  }
}

/** A large message in the thread pool, and who waits for it. */
class Deflating {
  readonly #takers = new Set<FrameTaker>()
  readonly #cancel: () => void
  readonly #onAbandoned: () => void

  constructor (cancel: () => void, onAbandoned: () => void) {
    this.#cancel = cancel
    this.#onAbandoned = onAbandoned
  }

  add (taker: FrameTaker): () => void {
    // Each in its own AsyncLocalStorage, whoever has begun the job.
    const bound = AsyncResource.bind(taker)
    this.#takers.add(bound)
    return () => {
      if (!this.#takers.delete(bound) || this.#takers.size > 0) return
      this.#cancel()
      this.#onAbandoned()
    }
  }

  /** What they do may make others of them leave. */
  tell (result: Frame | Error): void {
    for (const taker of this.#takers) {
      this.#takers.delete(taker)
      taker(result)
    }
  }
}

function frameOf (opcode: number, payload: Uint8Array): Frame {
  const bytes = Buffer.allocUnsafe(headerLength(payload.length, false) + payload.length)
  writeFrame(bytes, 0, opcode, payload, null)
  return new Frame(bytes)
}
