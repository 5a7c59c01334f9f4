import Queue from 'denque'
import { Deflater, type DeflaterOwner, type Deflation } from '../deflate/deflater.ts'
import type { DeflateSettings, Direction } from '../deflate/negotiate.ts'
import { RSV1 } from '../protocol/frame-encoder.ts'
import { isControl, TEXT } from '../protocol/opcode.ts'
import { encodeUtf8 } from '../protocol/utf8.ts'
import { Frame } from './frame-run.ts'
import type { MessageForm } from './message-form.ts'
import type { Outbox } from './outbox.ts'
import { turn, type TurnTaker } from './turn.ts'

/** Bytes that a waiting message counts besides its payload, so that empty ones cannot be queued without limit. */
const ENTRY_COST = 64

interface Entry {
  opcode: number
  payload: Buffer
  /** Null unless other connections send the message as well. */
  form: MessageForm | null
}

/** The queue waits for another turn of the event loop, not for a message. */
const TURN = Symbol('turn')

/** Passes messages to the outbox in order, compressed or not: while a large one is being deflated, the others wait. */
export class DeflateQueue implements DeflaterOwner, TurnTaker {
  readonly #outbox: Outbox
  readonly #threshold: number
  readonly #deflater: Deflater
  /** Deflates for many connections, which then share the frames. Null: this connection makes its own. */
  readonly #shared: Deflation | null
  readonly #onFailed: (error: Error) => void

  /** What the queue waits for: the message being deflated, or a turn. Null: for nothing, and no message waits. */
  #current: Entry | typeof TURN | null = null
  readonly #waiting = new Queue<Entry>()
  /** Stops waiting for a shared frame. Null: we are not waiting for one. */
  #leave: (() => void) | null = null
  #ending = false

  /** @param onFailed called when a message cannot be deflated; it and the waiting messages are lost, but not the close frame */
  constructor (outbox: Outbox, compression: Direction, settings: DeflateSettings, onFailed: (error: Error) => void) {
    this.#outbox = outbox
    // An empty message cannot become smaller.
    this.#threshold = Math.max(1, settings.threshold)
    this.#deflater = new Deflater(compression, settings, this)
    this.#shared = outbox.isMasked ? null : this.#deflater.shared
    this.#onFailed = onFailed
  }

  text (text: string): void {
    // A UTF-16 unit takes at most three bytes.
    if (this.#current === null && text.length * 3 < this.#threshold) this.#outbox.text(text)
    else this.#add(TEXT, encodeUtf8(text), null)
  }

  /** @param opcode BINARY, or CLOSE for the frame after which nothing is sent (RFC 6455 §5.5.1) */
  frame (opcode: number, payload: Uint8Array): void {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
    // Copied if it waits: the caller may change its bytes.
    this.#add(opcode, this.#current === null ? bytes : Buffer.from(bytes), null)
  }

  /** Queues a message that other connections send as well. */
  form (form: MessageForm): void {
    this.#add(form.opcode, form.payload, form)
  }

  /** @see Outbox.writeNow */
  writeNow (frames: Buffer): boolean {
    return this.#current === null && this.#outbox.writeNow(frames)
  }

  /** @see Connection.sharedDeflation */
  get sharedDeflation (): Deflation | undefined {
    return this.#shared ?? undefined
  }

  /** Ends the Duplex after the last message. */
  end (): void {
    this.#ending = true
    if (this.#current === null) this.#outbox.end()
  }

  /** Discards what has not been written: the Duplex is gone. */
  discard (): void {
    this.#current = null
    this.#waiting.clear()
    this.#leave?.()
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
    if (this.#current !== TURN) return
    this.#current = null
    this.#sendWaiting()
  }

  /** Sends waiting messages until one needs the thread pool, or the turn is over. */
  #sendWaiting (): void {
    while (this.#current === null && this.#waiting.length > 0) {
      const { opcode, payload, form } = this.#waiting.shift()!
      this.#outbox.arrived(payload.length + ENTRY_COST)
      this.#send(opcode, payload, form)
      if (this.#current === null && this.#waiting.length > 0 && turn.isOver) {
        this.#current = TURN
        turn.wait(this)
      }
    }
    if (this.#ending && this.#current === null) this.#outbox.end()
  }

  #add (opcode: number, payload: Buffer, form: MessageForm | null): void {
    if (this.#current === null) {
      this.#send(opcode, payload, form)
    } else {
      this.#waiting.push({ opcode, payload, form })
      this.#outbox.expect(payload.length + ENTRY_COST)
    }
  }

  #send (opcode: number, payload: Buffer, form: MessageForm | null): void {
    if (isControl(opcode) || payload.length < this.#threshold) {
      if (form === null) this.#outbox.frame(opcode, payload)
      else this.#outbox.form(form)
      return
    }
    const shared = form === null ? null : this.#shared
    let deflated
    try {
      deflated = shared === null ? this.#deflater.deflate(payload) : form!.deflated(shared)
    } catch (error) {
      this.#failed(error as Error)
      return
    }
    if (deflated instanceof Frame) {
      this.#outbox.shared(deflated)
    } else if (deflated !== null) {
      this.#write(opcode, payload, deflated)
    } else {
      this.#current = { opcode, payload, form }
      this.#outbox.expect(payload.length)
      if (shared !== null) this.#leave = form!.whenDeflated(shared, result => this.#onFrame(result))
    }
  }

  /** A frame for many connections is ready, or deflating it has failed. */
  #onFrame (result: Frame | Error): void {
    this.#leave = null
    this.#arrived()
    if (result instanceof Frame) {
      this.#outbox.shared(result)
      this.#sendWaiting()
    } else {
      this.#failed(result)
    }
  }

  #failed (error: Error): void {
    while (this.#waiting.length > 0) {
      const { opcode, payload } = this.#waiting.shift()!
      this.#outbox.arrived(payload.length + ENTRY_COST)
      if (isControl(opcode)) this.#outbox.frame(opcode, payload)
    }
    this.#onFailed(error)
  }

  #write (opcode: number, payload: Buffer, deflated: Buffer): void {
    this.#outbox.frame(deflated === payload ? opcode : opcode | RSV1, deflated)
  }

  #arrived (): Entry {
    const entry = this.#current as Entry
    this.#current = null
    this.#outbox.arrived(entry.payload.length)
    return entry
  }
}
