import { performance } from 'node:perf_hooks'
import { at, type Due, TURN_END } from '../connection/due.ts'
import type { Bundle } from './bundle.ts'

/** Milliseconds that writing may take in one turn of the event loop; what is left goes on in the next. */
const SLICE = 4
/** The time is looked at once in so many messages that sockets get, each of which takes about 2 µs. */
const BETWEEN_LOOKS = 32
/** Likewise in so many topics, if they have few subscribers each: what is in one round is one write for a socket. */
const BETWEEN_TOPICS = 32

/** The real time, even under a test's fake clock. */
const clock = performance.now.bind(performance)

/** A topic that something was published to in this turn. */
export interface Source {
  /**
   * Hands out what was published: gives each receiver its bundle, and adds it to the list if it had none.
   *
   * @returns whether that was everything; if not, it goes on in the next round
   */
  distribute (round: Receiver[], isOver: () => boolean): boolean
}

/** Who gets what was published. */
export interface Receiver {
  /** What it is to write; null: nothing. */
  bundle: Bundle | null
  /** Writes that; does nothing if it already has. @returns how many messages it was */
  deliver (): number
}

/**
 * Gathers what is published until all reads of the turn are done, and then writes it: once to each socket, whatever was
 * published and to how many topics. With many sockets that takes several turns, and what is published meanwhile waits for the
 * next round. There is one for all apps, because they share the event loop.
 */
class FanOut implements Due {
  /** Changes whenever something is published. */
  version = 0
  /** Numbers all that is published in this process: a socket may be subscribed to topics of several registrations. */
  order = 0
  #sources: Source[] = []
  #round: Receiver[] = []
  /** How many of the round have had their turn. */
  #done = 0
  /** When this turn's time is over. */
  #end = 0
  #isDue = false

  /** Those that have something to hand out. */
  get sources (): readonly Source[] {
    return this.#sources
  }

  /** Something was published: the source distributes it when the turn ends. */
  add (source: Source): void {
    this.#sources.push(source)
    this.#schedule()
  }

  onDue (): void {
    this.#isDue = false
    this.#end = clock() + SLICE
    if (this.#done === this.#round.length) this.#begin()
    for (let messages = 0; this.#done < this.#round.length;) {
      messages += this.#round[this.#done++]!.deliver()
      if (messages < BETWEEN_LOOKS) continue
      if (this.#isOver()) break
      messages = 0
    }
    if (this.#done === this.#round.length) this.#round = []
    this.#done = Math.min(this.#done, this.#round.length)
    if (this.#round.length > 0 || this.#sources.length > 0) this.#schedule()
  }

  /** Makes a round of what the sources hand out. Those that the time is not enough for come first in the next one. */
  #begin (): void {
    const sources = this.#sources
    const unfinished: Source[] = []
    let asked = 0
    do {
      const source = sources[asked++]!
      if (!source.distribute(this.#round, this.#isOver)) unfinished.push(source)
    } while (asked < sources.length && (asked % BETWEEN_TOPICS > 0 || !this.#isOver()))
    this.#sources = [...sources.slice(asked), ...unfinished]
  }

  readonly #isOver = (): boolean => clock() > this.#end

  #schedule (): void {
    if (this.#isDue) return
    this.#isDue = true
    at(TURN_END, this)
  }
}

export const fanOut = new FanOut()
