import type { MessageSink } from '../protocol/message-assembler.ts'
import { LONGEST_DELAY } from './timer-wheel.ts'

/** Per second: see `LimitOptions`. */
export interface RateLimit {
  messages: number
  bytes: number
  over: 'close' | 'pause'
}

/** Answers for how fast a peer sends. */
export interface MeterOwner {
  /** It has sent more than it may: `over: 'close'`. */
  onOverRate (): void
  /** It is ahead of its rate: it is not to be read until `onWithinRate`. `over: 'pause'`. */
  onAhead (): void
  onWithinRate (): void
}

/** What may come at once, in seconds of the rate. */
const BURST = 1

/**
 * Stands between the parsers and the connection where the rate of a peer is limited: two token buckets, one for messages
 * and control frames, one for bytes as they came.
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

  /** Counts bytes that have come, before they are looked at. */
  count (bytes: number): void {
    this.#spend(0, bytes)
    if (this.#rate.over === 'close') this.#check()
  }

  /** What came has been handed on: where it was too much, nothing more is read for a while. To keep it would cost memory. */
  settle (): void {
    this.#check()
  }

  /** We stop reading for a reason of our own. */
  pause (): void {
    this.#fill(BURST)
  }

  /** What the peer may have sent meanwhile may come at once, besides what may come at once anyway. */
  resume (): void {
    this.#fill(Infinity)
  }

  /** Limits nothing any more. */
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

  /** @param most what is in a bucket then at most, in seconds of the rate; one that holds more keeps it */
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
