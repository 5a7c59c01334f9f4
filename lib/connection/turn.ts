import { AsyncResource } from 'node:async_hooks'
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers'
import Queue from 'denque'

/** Milliseconds of a turn of the event loop that all connections together may take for work that is not small. */
const TURN = 8
/** Milliseconds of them for one that has waited. */
const SLICE = 2

/** The real time, whatever a test makes of the clock: without it nobody's turn would come. */
const clock = performance.now.bind(performance)

/** What has more to do than a turn has time for. */
export interface TurnTaker {
  /** It is its turn, and there is time to do something in any case. */
  takeTurn (): void
}

/** Calls it as if from where it began to wait: the AsyncLocalStorage of another connection is not to be seen there. */
type Waiting = () => void

/**
 * Shares the event loop among connections. Whoever has used up its allowance asks whether the turn `isOver`, and then
 * leaves the rest for a later one: it waits in a row with the others, while small work, timers, and new connections go on
 * between the turns.
 */
class Turn {
  /** When the time of this turn is over; or that of an earlier one, as nothing tells when a turn ends. */
  #end = 0
  readonly #waiting = new Queue<Waiting>()
  #nextIsDue = false

  get isOver (): boolean {
    const now = clock()
    if (now < this.#end) return false
    if (this.#nextIsDue) return true
    // It may be that of a turn long past. From here on an immediate tells.
    this.#end = now + TURN
    this.#beginNext()
    return false
  }

  /** Gives it a later turn, behind those that wait already. */
  wait (taker: TurnTaker): void {
    this.#waiting.push(AsyncResource.bind(() => taker.takeTurn()))
    this.#beginNext()
  }

  #beginNext (): void {
    if (this.#nextIsDue) return
    this.#nextIsDue = true
    setImmediate(this.#begin)
  }

  readonly #begin = (): void => {
    const now = clock()
    const end = now + TURN
    // Whoever comes back has had its turn.
    let left = this.#waiting.length
    for (let start = now; left > 0 && start < end; left--, start = clock()) {
      this.#end = Math.min(end, start + SLICE)
      this.#waiting.shift()!()
    }
    this.#end = end
    this.#nextIsDue = false
    if (this.#waiting.length > 0) this.#beginNext()
  }
}

/** One for all connections: they share one event loop. */
export const turn = new Turn()
