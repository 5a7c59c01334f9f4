import type { MessageSink } from '../protocol/message-assembler.ts'
import { LONGEST_DELAY } from './timer-wheel.ts'

/** Per second: see `LimitOptions`. */
export interface RateLimit {
  messages: number
  bytes: number
  over: 'close' | 'pause'
}

/** Told when a peer sends too fast. */
export interface MeterOwner {
  /** The peer has sent more than it may: `over: 'close'`. */
  onOverRate (): void
  /** The peer is ahead of its rate. Do not read from it until `onWithinRate`: `over: 'pause'`. */
  onAhead (): void
  onWithinRate (): void
}

/** How much may arrive at once, as seconds of the rate. */
const BURST = 1

/**
 * Limits the rate of a peer, between the parsers and the connection. Two token buckets: one for messages and control
 * frames, one for bytes as received.
 */
export class Meter implements MessageSink {
  readonly #sink: MessageSink
  readonly #rate: RateLimit
  readonly #owner: MeterOwner
  #messages: number
  #bytes: number
  /** When the buckets were filled last, in milliseconds. */
  #filledAt = performance.now()
  #stopped = false
  /** Runs while the peer is ahead of its rate. */
  #timer: NodeJS.Timeout | undefined

  constructor (sink: MessageSink, rate: RateLimit, owner: MeterOwner) {
    this.#sink = sink
    this.#rate = rate
    this.#owner = owner
    this.#messages = rate.messages * BURST
    this.#bytes = rate.bytes * BURST
  }

  /** Counts received bytes before they are parsed. */
  count (bytes: number): void {
    this.#spend(0, bytes)
    if (this.#rate.over === 'close') this.#check()
  }

  /** What was received has been handed on: keeping it would cost memory. If it was too much, reading stops for a while. */
  settle (): void {
    this.#check()
  }

  /** Reading stops for a reason of our own. */
  pause (): void {
    this.#fill(BURST)
  }

  /** Reading resumes. What the peer was allowed to send during the pause may arrive at once, on top of a burst. */
  resume (): void {
    this.#fill(Infinity)
  }

  /** Lifts the limits. */
  stop (): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  onText (text: string, byteLength: number): void {
    this.#countMessage()
    this.#sink.onText(text, byteLength)
  }

  onBinary (data: Buffer): void {
    this.#countMessage()
    this.#sink.onBinary(data)
  }

  onPing (payload: Buffer): void {
    this.#countMessage()
    this.#sink.onPing(payload)
  }

  onPong (payload: Buffer): void {
    this.#countMessage()
    this.#sink.onPong(payload)
  }

  onClose (code: number, reason: string): void {
    this.#sink.onClose(code, reason)
  }

  #countMessage (): void {
    this.#spend(1, 0)
    this.#check()
  }

  #spend (messages: number, bytes: number): void {
    this.#fill(BURST)
    this.#messages -= messages
    this.#bytes -= bytes
  }

  /** @param most how full a bucket may get, as seconds of the rate; one that already holds more keeps it */
  #fill (most: number): void {
    const now = performance.now()
    const seconds = (now - this.#filledAt) / 1000
    this.#filledAt = now
    this.#messages = filled(this.#messages, this.#rate.messages, seconds, most)
    this.#bytes = filled(this.#bytes, this.#rate.bytes, seconds, most)
  }

  #check (): void {
    if (this.#stopped || (this.#messages >= 0 && this.#bytes >= 0)) return
    const { messages, bytes, over } = this.#rate
    if (over === 'close') {
      this.#owner.onOverRate()
      return
    }
    const seconds = Math.max(-this.#messages / messages, -this.#bytes / bytes)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#owner.onWithinRate(), Math.min(Math.ceil(seconds * 1000), LONGEST_DELAY))
    this.#owner.onAhead()
  }
}

function filled (bucket: number, rate: number, seconds: number, most: number): number {
  return Math.max(bucket, Math.min(rate * most, bucket + rate * seconds))
}
