import { AsyncResource } from 'node:async_hooks'
import type { Deflation } from '../deflate/deflater.ts'
import { headerLength, RSV1, writeFrame } from '../protocol/frame-encoder.ts'
import { BINARY, TEXT } from '../protocol/opcode.ts'
import { encodeUtf8 } from '../protocol/utf8.ts'
import { Frame } from './frame-run.ts'
import { COPY_UP_TO } from './gathering.ts'

/** Takes the frame of a large message, or the error of zlib. */
export type FrameTaker = (result: Frame | Error) => void

/**
 * A message, framed once for all connections: uncompressed at once, compressed when first asked for. Masking and context
 * takeover make a frame different for each connection; those connections frame the payload themselves.
 */
export class MessageForm {
  readonly opcode: number
  /** Length of the uncompressed payload, in bytes. */
  readonly byteLength: number
  /** Uncompressed and unmasked. */
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

  /** What the message was made from. */
  get data (): string | Buffer {
    return this.#text ?? this.payload
  }

  /**
   * The compressed frame, or the uncompressed one if compression does not make it smaller.
   *
   * @returns null if the message is large: `whenDeflated` gives the frame later
   * @throws {Error} of zlib, which is out of memory
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
   * Gives the compressed frame later, if `deflated` had none yet. All takers share one job in the thread pool.
   *
   * @returns stops waiting: the taker is not called, and a job that nobody waits for is cancelled
   */
  whenDeflated (deflation: Deflation, taker: FrameTaker): () => void {
    const found = this.#deflated?.get(deflation)
    const job = found instanceof Deflating ? found : this.#begin(deflation)
    return job.add(taker)
  }

  #begin (deflation: Deflation): Deflating {
    const job = new Deflating(deflation.later(this.payload, (error, data) => {
      const result = error ?? this.#compressed(data)
      // After a failure, the next call tries again.
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

/** A large message in the thread pool, and the takers that wait for it. */
class Deflating {
  readonly #takers = new Set<FrameTaker>()
  readonly #cancel: () => void
  readonly #onAbandoned: () => void

  constructor (cancel: () => void, onAbandoned: () => void) {
    this.#cancel = cancel
    this.#onAbandoned = onAbandoned
  }

  add (taker: FrameTaker): () => void {
    // Each taker keeps its own AsyncLocalStorage, whoever began the job.
    const bound = AsyncResource.bind(taker)
    this.#takers.add(bound)
    return () => {
      if (!this.#takers.delete(bound) || this.#takers.size > 0) return
      this.#cancel()
      this.#onAbandoned()
    }
  }

  /** A taker may make others leave. */
  tell (result: Frame | Error): void {
    for (const taker of this.#takers) {
      this.#takers.delete(taker)
      taker(result)
    }
  }
}

function frameOf (opcode: number, payload: Uint8Array): Frame {
  const length = headerLength(payload.length, false) + payload.length
  // A large frame waits as it is, and must not keep Node's pool alive; small ones are copied.
  const bytes = payload.length > COPY_UP_TO ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length)
  writeFrame(bytes, 0, opcode, payload, null)
  return new Frame(bytes)
}
