import type { MessageSink } from '../protocol/message-assembler.ts'

/** Per second: see `LimitOptions`. */
export interface RateLimit {
  messages: number
  bytes: number
  over: 'close' | 'pause'
}

export interface MeterOwner extends MessageSink {
  /** The peer has sent more than it may. */
  onOverRate (): void
}

/** What stops reading for a while. */
interface Holder {
  hold (milliseconds: number): void
}

/** What may come at once, in seconds of the rate. */
const BURST = 1
/** The longest delay that a timer of Node takes, in milliseconds. */
const LONGEST_DELAY = 2 ** 31 - 1

/**
 * Stands between the parsers and the connection where the rate of a peer is limited: two token buckets, one for messages
 * and control frames, one for bytes as they came.
 */
export class Meter implements MessageSink {
  readonly #owner: MeterOwner
  readonly #rate: RateLimit
  readonly #holder: Holder
  #messages: number
  #bytes: number
  /** When the buckets were filled last, in milliseconds. */
  #filledAt = performance.now()
  #stopped = false

  /** @param holder for a peer that is ahead of its rate, where that is to be slowed down */
  constructor (owner: MeterOwner, rate: RateLimit, holder: Holder) {
    this.#owner = owner
    this.#rate = rate
    this.#holder = holder
    this.#messages = rate.messages * BURST
    this.#bytes = rate.bytes * BURST
  }

  /** Counts bytes that have come, before they are looked at. */
  count (bytes: number): void {
    this.#spend(0, bytes)
    if (this.#rate.over === 'close') this.#check()
  }

  /** What came has been handed on: where it was too much, nothing more is read for a while. To keep it would cost memory. */
  settle (): void {
    this.#check()
  }

  /** Limits nothing any more. */
  stop (): void {
    this.#stopped = true
  }

  onText (text: string, byteLength: number): void {
    this.#countMessage()
    this.#owner.onText(text, byteLength)
  }

  onBinary (data: Buffer): void {
    this.#countMessage()
    this.#owner.onBinary(data)
  }

  onCompressed (opcode: number, data: Buffer): void {
    this.#owner.onCompressed(opcode, data)
  }

  onPing (payload: Buffer): void {
    this.#countMessage()
    this.#owner.onPing(payload)
  }

  onPong (payload: Buffer): void {
    this.#countMessage()
    this.#owner.onPong(payload)
  }

  onClose (code: number, reason: string): void {
    this.#owner.onClose(code, reason)
  }

  #countMessage (): void {
    this.#spend(1, 0)
    this.#check()
  }

  #spend (messages: number, bytes: number): void {
    const { messages: perSecond, bytes: bytesPerSecond } = this.#rate
    const now = performance.now()
    const passed = (now - this.#filledAt) / 1000
    this.#filledAt = now
    this.#messages = Math.min(perSecond * BURST, this.#messages + perSecond * passed) - messages
    this.#bytes = Math.min(bytesPerSecond * BURST, this.#bytes + bytesPerSecond * passed) - bytes
  }

  #check (): void {
    if (this.#stopped || (this.#messages >= 0 && this.#bytes >= 0)) return
    const { messages, bytes, over } = this.#rate
    if (over === 'close') {
      this.#owner.onOverRate()
      return
    }
    const seconds = Math.max(-this.#messages / messages, -this.#bytes / bytes)
    this.#holder.hold(Math.min(Math.ceil(seconds * 1000), LONGEST_DELAY))
  }
}
