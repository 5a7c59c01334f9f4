import { performance } from 'node:perf_hooks'
import { at, type Due, TURN_END } from '../connection/due.ts'
import type { Bundle } from './bundle.ts'

/** Milliseconds that writing may take in one turn of the event loop; what is left goes on in the next. */
const SLICE = 4
/** The time is looked at once in so many sockets: each is written in about 2 µs. */
const BETWEEN_LOOKS = 32

/** The real time, even under a test's fake clock. */
const clock = performance.now.bind(performance)

/** A topic that something was published to in this turn. */
export interface Source {
  /** Hands out what was published: gives each receiver its bundle, and adds it to the list if it had none. */
  distribute (round: Receiver[]): void
}

/** Who gets what was published. */
export interface Receiver {
  /** What it is to write; null: nothing. */
  bundle: Bundle | null
  /** Writes that; does nothing if it already has. */
  deliver (): void
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
  #isDue = false

  /** Something was published: the source distributes it when the turn ends. */
  add (source: Source): void {
    this.#sources.push(source)
    this.#schedule()
  }

  onDue (): void {
    this.#isDue = false
    const end = clock() + SLICE
    if (this.#done === this.#round.length) this.#begin()
    while (this.#done < this.#round.length) {
      this.#round[this.#done++]!.deliver()
      if (this.#done % BETWEEN_LOOKS === 0 && clock() > end) break
    }
    if (this.#done < this.#round.length) this.#schedule()
    else this.#finish()
  }

  #begin (): void {
    const sources = this.#sources
    this.#sources = []
    for (const source of sources) source.distribute(this.#round)
  }

  #finish (): void {
    this.#round = []
    this.#done = 0
    if (this.#sources.length > 0) this.#schedule()
  }

  #schedule (): void {
    if (this.#isDue) return
    this.#isDue = true
    at(TURN_END, this)
  }
}

export const fanOut = new FanOut()
