import type { Msg } from '@nats-io/transport-node'
import type { AnnouncedPlace } from '../../types/backplane.ts'
import type { Clock } from './clock.ts'
import { decode, type Frame, MARK, type Position, tagOf, textOf } from './frame.ts'
import { markedBy, placeOf, samePlace } from './reading.ts'

/** Milliseconds for which an announcement waits for those in front of it: the server may announce what several publish at once in another order. */
const PATIENCE = 100
/** At most so many wait. */
const MOST_WAITING = 1000

/** Whom a topic tells what happens. */
export interface FollowedEvents {
  onMessage (bytes: Uint8Array, place: AnnouncedPlace): void
  /** Something is missing that should have been announced. */
  onGap (): void
  /** Something was announced that was there before, or the stream goes on from an older state. */
  onOld (): void
}

interface Announced extends Position {
  readonly prev: number
  readonly frame: Frame | null
}

/** A topic that is subscribed to: what is announced of it, in the order of its numbers. */
export class FollowedTopic {
  readonly subject: string
  readonly #epoch: string
  readonly #clock: Clock
  readonly #events: FollowedEvents
  #last = 0
  #place: Position | null = null
  #since = performance.now()
  /** What waits, by the number of what comes in front of it. */
  readonly #waiting = new Map<number, Announced>()
  #timer: NodeJS.Timeout | null = null

  constructor (subject: string, epoch: string, clock: Clock, events: FollowedEvents) {
    this.subject = subject
    this.#epoch = epoch
    this.#clock = clock
    this.#events = events
  }

  /** The number of the last message that is known, or mark. */
  get last (): number {
    return this.#last
  }

  /** Where it puts the topic; null: nothing is known yet. */
  get place (): Position | null {
    return this.#place
  }

  /** How long ago it was published, in milliseconds. */
  get silence (): number {
    return performance.now() - this.#since
  }

  /**
   * The stream was asked where the topic stands: nothing up to there is announced any more.
   *
   * @param age milliseconds since the last message or mark was published
   */
  begin (last: number, place: Position, age: number): void {
    if (last <= this.#last) return
    this.#last = last
    this.#place = place
    this.#since = performance.now() - Math.max(0, age)
    for (const { prev, seq } of this.#waiting.values()) if (seq <= last) this.#waiting.delete(prev)
    this.#goOn()
  }

  onAnnounced (message: Msg): void {
    const seq = numberOf(message, 'Nats-Sequence')
    const prev = numberOf(message, 'Nats-Last-Sequence')
    // Somebody else has published it.
    if (seq === null || prev === null) return
    if (seq <= this.#last) return this.#events.onOld()
    const frame = decode(message.data)
    const announced = { seq, prev, tag: frame === null ? tagOf(message.data) : frame.tag, frame }
    if (this.#place !== null && prev <= this.#last) {
      this.#tell(announced)
      this.#goOn()
      return
    }
    this.#waiting.set(prev, announced)
    if (this.#waiting.size > MOST_WAITING) this.#giveUp()
    else if (this.#place !== null) this.#timer ??= setTimeout(() => this.#giveUp(), PATIENCE).unref()
  }

  close (): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#waiting.clear()
  }

  /** Tells what comes right behind the last. */
  #goOn (): void {
    for (let next; (next = this.#waiting.get(this.#last)) !== undefined;) {
      this.#waiting.delete(next.prev)
      this.#tell(next)
    }
    if (this.#waiting.size > 0) {
      this.#timer ??= setTimeout(() => this.#giveUp(), PATIENCE).unref()
    } else if (this.#timer !== null) {
      clearTimeout(this.#timer)
      this.#timer = null
    }
  }

  /** What is missing does not come: whoever is told notices the gap. */
  #giveUp (): void {
    this.#timer = null
    const waiting = [...this.#waiting.values()].sort((one, other) => one.seq - other.seq)
    this.#waiting.clear()
    for (const announced of waiting) this.#tell(announced)
  }

  #tell ({ seq, tag, prev, frame }: Announced): void {
    const before = prev === this.#last ? this.#place : null
    const own = { seq, tag }
    const place = frame?.kind === MARK ? markedBy(frame.bytes) ?? own : own
    const wasAt = this.#place
    this.#last = seq
    this.#place = place
    this.#since = performance.now()
    if (frame === null) return
    if (frame.kind === MARK) {
      if (wasAt !== null && !samePlace(wasAt, place)) this.#events.onGap()
      return
    }
    // Whether what arrives this late is void, only the stream knows, so whoever is told must read it.
    const isNext = before !== null && this.#clock.isBefore(frame.deadline)
    this.#events.onMessage(frame.bytes, { ...placeOf(this.#epoch, own), prev: isNext ? textOf(this.#epoch, before) : '' })
  }
}

function numberOf (message: Msg, header: string): number | null {
  // The publisher may have written the same; what the server adds comes last.
  const value = Number(message.headers?.last(header) || NaN)
  return Number.isSafeInteger(value) ? value : null
}
