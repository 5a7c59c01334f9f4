import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { turn } from '../support/until.ts'
import type { Entry, Where } from './node.ts'

/** So many begin in one turn of the event loop. */
const AT_ONCE = 200

/** What a node is to publish. */
export interface Load extends Where {
  /** Who publishes: unique in a test. */
  from: string
  /** At most so many messages; default as many as there is time for. */
  count?: number
  /** At most so many of them without an answer. */
  inFlight: number
  /** Milliseconds between two of one that waits for its answer; 0: at once. */
  pace: number
}

export interface Attempt {
  n: number
  /** Milliseconds since 1970: several processes compare them. */
  began: number
  ended: number
  /** Its position, or the code of the error. */
  at: string | null
  error: string | null
}

/** What has become of all that was published. */
export interface Made {
  from: string
  attempts: Attempt[]
  /** Longest time, in milliseconds, in which this process was not let do anything, or did something else. */
  away: number
}

/** Publishes, and keeps the books. */
export class Publisher {
  readonly #load: Load
  readonly #publish: (where: Where, entry: Entry) => Promise<string>
  readonly #attempts: Attempt[] = []
  #isOver = false
  #done: Promise<unknown> = Promise.resolve()
  readonly #delays = monitorEventLoopDelay({ resolution: 10 })

  constructor (load: Load, publish: (where: Where, entry: Entry) => Promise<string>) {
    this.#load = load
    this.#publish = publish
  }

  run (): Promise<unknown> {
    this.#delays.enable()
    this.#done = this.#runAll()
    return this.#done
  }

  async #runAll (): Promise<void> {
    const running = []
    for (let i = 0; i < this.#load.inFlight; i++) {
      running.push(this.#runOne())
      if (i % AT_ONCE === AT_ONCE - 1) await turn()
    }
    await Promise.all(running)
  }

  async end (): Promise<Made> {
    this.#isOver = this.#load.count === undefined
    await this.#done
    this.#delays.disable()
    return { from: this.#load.from, attempts: this.#attempts, away: this.#delays.max / 1e6 }
  }

  async #runOne (): Promise<void> {
    const { kind, room, from, count = Infinity, pace } = this.#load
    while (!this.#isOver && this.#attempts.length < count) {
      const n = this.#attempts.length
      const attempt: Attempt = { n, began: Date.now(), ended: 0, at: null, error: null }
      this.#attempts.push(attempt)
      try {
        attempt.at = await this.#publish({ kind, room }, { from, n })
      } catch (error) {
        attempt.error = (error as { code?: string }).code ?? String(error)
      }
      attempt.ended = Date.now()
      // Whoever is refused at once does not try again at once.
      if (pace > 0 || attempt.error !== null) await wait(Math.max(pace, attempt.error === null ? 0 : 5))
    }
  }
}
