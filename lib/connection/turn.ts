import { AsyncResource } from 'node:async_hooks'
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers'
import Queue from 'denque'

/** Milliseconds that all connections together may spend, in one turn of the event loop, on work that is not small. */
const TURN = 8
/** Milliseconds of these for each connection that has waited. */
const SLICE = 2

/** The real time, even under a test's fake clock: otherwise nobody's turn would come. */
const clock = performance.now.bind(performance)

/** Something with more to do than a turn has time for. */
export interface TurnTaker {
  /** Its turn has come. It always has time to do something. */
  takeTurn (): void
}

/** Calls the taker in the context in which it began to wait: it must not see another connection's AsyncLocalStorage. */
type Waiting = () => void

/**
 * Shares the event loop among connections. One that has used up its allowance asks whether the turn `isOver`. If so, it
 * queues for a later turn, while small work, timers and new connections go on in between.
 */
class Turn {
  /** When the time of this turn is over, or of an earlier one: nothing tells when a turn ends. */
  #end = 0
  readonly #waiting = new Queue<Waiting>()
  #nextIsDue = false

  get isOver (): boolean {
    const now = clock()
    if (now < this.#end) return false
    if (this.#nextIsDue) return true
    // `#end` may belong to a turn long past. From here on, an immediate tells when this one ends.
    this.#end = now + TURN
    this.#beginNext()
    return false
  }

  /** Queues the taker for a later turn. */
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
    // A taker that queues again has had its turn.
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
