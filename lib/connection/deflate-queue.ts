import { Deflater, type DeflaterHost } from '../deflate/deflater.ts'
import type { DeflateSettings, Direction } from '../deflate/negotiate.ts'
import { RSV1 } from '../protocol/frame-encoder.ts'
import { isControl, TEXT } from '../protocol/opcode.ts'
import type { Outbox } from './outbox.ts'

interface Entry {
  opcode: number
  payload: Buffer
}

/** Messages on their way to the outbox, compressed or not, in their order: while a large one is deflated the others wait. */
export class DeflateQueue implements DeflaterHost {
  readonly #outbox: Outbox
  readonly #threshold: number
  readonly #deflater: Deflater
  readonly #onFailed: (error: Error) => void

  /** The message that is being deflated. */
  #current: Entry | null = null
  #waiting: Entry[] = []
  #ending = false

  /** @param onFailed called when a message could not be deflated; it and those that wait are lost */
  constructor (outbox: Outbox, compression: Direction, settings: DeflateSettings, onFailed: (error: Error) => void) {
    this.#outbox = outbox
    // An empty message cannot become smaller.
    this.#threshold = Math.max(1, settings.threshold)
    this.#deflater = new Deflater(compression, settings, this)
    this.#onFailed = onFailed
  }

  text (text: string): void {
    // A character takes three bytes at most.
    if (this.#current === null && text.length * 3 < this.#threshold) this.#outbox.text(text)
    else this.#add(TEXT, Buffer.from(text))
  }

  /** @param opcode BINARY, or CLOSE for the frame after which nothing is sent (RFC 6455 §5.5.1) */
  binary (opcode: number, payload: Uint8Array): void {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
    // What waits is not the caller's any more, as in the outbox.
    this.#add(opcode, this.#current === null ? bytes : Buffer.from(bytes))
  }

  /** Ends the Duplex after the last message. */
  end (): void {
    this.#ending = true
    if (this.#current === null) this.#outbox.end()
  }

  /** Forgets what has not been written: the Duplex is gone. */
  discard (): void {
    this.#waiting = []
    this.#deflater.close()
    this.#outbox.discard()
  }

  onDeflated (deflated: Buffer): void {
    this.#write(this.#arrived(), deflated)
    while (this.#current === null && this.#waiting.length > 0) {
      const { opcode, payload } = this.#waiting.shift()!
      this.#outbox.arrived(payload.length)
      this.#send(opcode, payload)
    }
    if (this.#ending && this.#current === null) this.#outbox.end()
  }

  onDeflateFailed (error: Error): void {
    this.#arrived()
    this.#failed(error)
  }

  #add (opcode: number, payload: Buffer): void {
    if (this.#current === null) {
      this.#send(opcode, payload)
    } else {
      this.#waiting.push({ opcode, payload })
      this.#outbox.expect(payload.length)
    }
  }

  #send (opcode: number, payload: Buffer): void {
    if (isControl(opcode) || payload.length < this.#threshold) {
      this.#outbox.binary(opcode, payload)
      return
    }
    const entry = { opcode, payload }
    let deflated
    try {
      deflated = this.#deflater.deflate(payload)
    } catch (error) {
      this.#failed(error as Error)
      return
    }
    if (deflated !== null) {
      this.#write(entry, deflated)
    } else {
      this.#current = entry
      this.#outbox.expect(payload.length)
    }
  }

  #failed (error: Error): void {
    for (const { payload } of this.#waiting) this.#outbox.arrived(payload.length)
    this.#waiting = []
    this.#onFailed(error)
  }

  #write ({ opcode, payload }: Entry, deflated: Buffer): void {
    this.#outbox.binary(deflated === payload ? opcode : opcode | RSV1, deflated)
  }

  #arrived (): Entry {
    const entry = this.#current!
    this.#current = null
    this.#outbox.arrived(entry.payload.length)
    return entry
  }
}
