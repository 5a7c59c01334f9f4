import Queue from 'denque'
import type { Numbered } from './engine.ts'

/** The most that is kept of one topic, if its history is not shorter. */
export const MOST_RECENT = 256

/** Bytes that a message counts besides its own, which count twice: once it is sent, its frame is kept as well. */
const ENTRY_COST = 300

/** Bytes of all topics together. Beyond that, those are forgotten that have been kept for longest. */
const MOST_BYTES = 64 * 1024 * 1024

/**
 * Of messages that were read it is not known how long they have been there. They are told for at most so many milliseconds,
 * or half their ttl, unless a new one comes, which makes all of them stay.
 */
const MOST_AGE_WHEN_READ = 10_000

interface Entry<Message> {
  readonly numbered: Numbered<Message>
  readonly cost: number
}

/** What all topics of a process keep together. */
export class RecentBudget {
  #bytes = 0
  readonly #topics = new Set<Recent<any>>()

  /** A topic keeps so many bytes more, or less. */
  changed (topic: Recent<any>, bytes: number): void {
    this.#bytes += bytes
    if (bytes <= 0) return
    this.#topics.add(topic)
    for (const oldest of this.#topics) {
      if (this.#bytes <= MOST_BYTES) return
      oldest.forget()
    }
  }

  /** It keeps nothing. */
  left (topic: Recent<any>): void {
    this.#topics.delete(topic)
  }
}

/**
 * The last messages of a topic that this process is subscribed to, without a gap up to the newest. A client that comes back
 * is served from here, so a thousand of them read the engine once.
 */
export class Recent<Message> {
  readonly #size: number
  readonly #ttl: number
  readonly #budget: RecentBudget
  readonly #entries = new Queue<Entry<Message>>()
  #bytes = 0
  /** The position in front of the oldest; null: not known. */
  #before: string | null = null
  /** When all of it is over. */
  #end = 0
  #isLoaded = false

  constructor (size: number, ttl: number, budget: RecentBudget) {
    this.#size = Math.min(size, MOST_RECENT)
    this.#ttl = ttl
    this.#budget = budget
  }

  /** How many are kept at most. */
  get size (): number {
    return this.#size
  }

  /** Whether older messages have been read since it was last forgotten. */
  get isLoaded (): boolean {
    return this.#isLoaded
  }

  /** Nothing is kept, and the topic stands here. */
  begin (at: string): void {
    this.forget()
    this.#before = at
  }

  push (numbered: Numbered<Message>, byteLength: number): void {
    this.#expire()
    this.#end = performance.now() + this.#ttl
    const cost = 2 * byteLength + ENTRY_COST
    this.#entries.push({ numbered, cost })
    this.#changed(cost)
    if (this.#entries.length <= this.#size) return
    const oldest = this.#entries.shift()!
    this.#before = oldest.numbered.at
    this.#changed(-oldest.cost)
  }

  /** Adds older messages, if they come right before those that are kept. */
  prepend (messages: ReadonlyArray<Numbered<Message> & { readonly byteLength: number }>): void {
    this.#isLoaded = true
    if (this.#entries.length === 0) this.#end = performance.now() + Math.min(this.#ttl / 2, MOST_AGE_WHEN_READ)
    const border = messages.findIndex(({ at }) => at === this.#before)
    let added = 0
    for (let i = border; i >= 0 && this.#entries.length < this.#size; i--) {
      const numbered = messages[i]!
      const cost = 2 * numbered.byteLength + ENTRY_COST
      this.#entries.unshift({ numbered, cost })
      this.#before = messages[i - 1]?.at ?? null
      added += cost
    }
    // Only now: if it is too much for all topics together, this one may be forgotten.
    this.#changed(added)
  }

  /** Whether a message with this position is kept. */
  has (at: string): boolean {
    return this.#indexOf(at) >= 0
  }

  /** What is kept behind a position; null: it is not one of those that are kept. */
  after (at: string, limit: number): Array<Numbered<Message>> | null {
    this.#expire()
    const start = this.#indexOf(at) + 1
    if (start === 0 && at !== this.#before) return null
    const found = []
    for (let i = start; i < this.#entries.length && found.length < limit; i++) found.push(this.#entries.peekAt(i)!.numbered)
    return found
  }

  forget (): void {
    this.#isLoaded = false
    this.#before = this.#entries.peekBack()?.numbered.at ?? this.#before
    this.#entries.clear()
    this.#budget.left(this)
    this.#changed(-this.#bytes)
  }

  /** What the engine keeps no longer is not told any more either. */
  #expire (): void {
    if (this.#entries.length > 0 && performance.now() >= this.#end) this.forget()
  }

  #indexOf (at: string): number {
    let i = this.#entries.length - 1
    while (i >= 0 && this.#entries.peekAt(i)!.numbered.at !== at) i--
    return i
  }

  #changed (bytes: number): void {
    this.#bytes += bytes
    this.#budget.changed(this, bytes)
  }
}
