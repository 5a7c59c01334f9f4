import Queue from 'yocto-queue'
import { Deflater, type DeflaterHost } from '../deflate/deflater.ts'
import type { DeflateSettings, Direction } from '../deflate/negotiate.ts'
import { RSV1 } from '../protocol/frame-encoder.ts'
import { isControl, TEXT } from '../protocol/opcode.ts'
import { encodeUtf8 } from '../protocol/utf8.ts'
import type { Outbox } from './outbox.ts'
import { turn, type TurnTaker } from './turn.ts'

/** What a waiting message costs besides its payload, so that empty ones cannot be queued without end. */
const ENTRY_COST = 64

interface Entry {
  opcode: number
  payload: Buffer
}

/** Nothing waits; a message is in the thread pool; those behind it wait for their turn. */
const IDLE = 0
const DEFLATING = 1
const WAITING = 2

/** Messages on their way to the outbox, compressed or not, in their order: while a large one is deflated the others wait. */
export class DeflateQueue implements DeflaterHost, TurnTaker {
  readonly #outbox: Outbox
  readonly #threshold: number
  readonly #deflater: Deflater
  readonly #onFailed: (error: Error) => void

  #state: typeof IDLE | typeof DEFLATING | typeof WAITING = IDLE
  /** The message that is being deflated. */
  #current: Entry | null = null
  readonly #waiting = new Queue<Entry>()
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
    if (this.#state === IDLE && text.length * 3 < this.#threshold) this.#outbox.text(text)
    else this.#add(TEXT, encodeUtf8(text))
  }

  /** @param opcode BINARY, or CLOSE for the frame after which nothing is sent (RFC 6455 §5.5.1) */
  binary (opcode: number, payload: Uint8Array): void {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
    // What waits is not the caller's any more, as in the outbox.
    this.#add(opcode, this.#state === IDLE ? bytes : Buffer.from(bytes))
  }

  /** Ends the Duplex after the last message. */
  end (): void {
    this.#ending = true
    if (this.#state === IDLE) this.#outbox.end()
  }

  /** Forgets what has not been written: the Duplex is gone. */
  discard (): void {
    this.#state = IDLE
    this.#waiting.clear()
    this.#deflater.close()
    this.#outbox.discard()
  }

  onDeflated (deflated: Buffer): void {
    const { opcode, payload } = this.#arrived()
    this.#write(opcode, payload, deflated)
    this.#sendWaiting()
  }

  onDeflateFailed (error: Error): void {
    this.#arrived()
    this.#failed(error)
  }

  takeTurn (): void {
    if (this.#state !== WAITING) return
    this.#state = IDLE
    this.#sendWaiting()
  }

  /** Until a message needs the thread pool, or the turn is over. */
  #sendWaiting (): void {
    while (this.#state === IDLE && this.#waiting.size > 0) {
      const { opcode, payload } = this.#waiting.dequeue()!
      this.#outbox.arrived(payload.length + ENTRY_COST)
      this.#send(opcode, payload)
      if (this.#state === IDLE && this.#waiting.size > 0 && turn.isOver) {
        this.#state = WAITING
        turn.wait(this)
      }
    }
    if (this.#ending && this.#state === IDLE) this.#outbox.end()
  }

  #add (opcode: number, payload: Buffer): void {
    if (this.#state === IDLE) {
      this.#send(opcode, payload)
    } else {
      this.#waiting.enqueue({ opcode, payload })
      this.#outbox.expect(payload.length + ENTRY_COST)
    }
  }

  #send (opcode: number, payload: Buffer): void {
    if (isControl(opcode) || payload.length < this.#threshold) {
      this.#outbox.binary(opcode, payload)
      return
    }
    let deflated
    try {
      deflated = this.#deflater.deflate(payload)
    } catch (error) {
      this.#failed(error as Error)
      return
    }
    if (deflated !== null) {
      this.#write(opcode, payload, deflated)
    } else {
      this.#state = DEFLATING
      this.#current = { opcode, payload }
      this.#outbox.expect(payload.length)
    }
  }

  #failed (error: Error): void {
    for (const { payload } of this.#waiting.drain()) this.#outbox.arrived(payload.length + ENTRY_COST)
    this.#onFailed(error)
  }

  #write (opcode: number, payload: Buffer, deflated: Buffer): void {
    this.#outbox.binary(deflated === payload ? opcode : opcode | RSV1, deflated)
  }

  #arrived (): Entry {
    const entry = this.#current!
    this.#state = IDLE
    this.#current = null
    this.#outbox.arrived(entry.payload.length)
    return entry
  }
}
