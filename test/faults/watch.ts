import { inspect } from 'node:util'
import type { Test } from 'tap'
import { uncaught } from '../support/uncaught.ts'
import { sourceOf, until } from '../support/until.ts'

/** Milliseconds that a test may wait for what never comes. */
const PATIENCE = 3000

/** Ends what a test waits for as soon as something reaches the process. */
export class Watch {
  readonly #over: Promise<never>
  #isOver = false

  constructor (t: Test) {
    let end!: (reason: string) => void
    this.#over = new Promise((_resolve, reject) => {
      end = reason => {
        this.#isOver = true
        reject(new Error(reason))
      }
    })
    this.#over.catch(() => {})
    uncaught(t, error => end(`the process would have ended: ${inspect(error)}`))
    const timer = setTimeout(() => end('what was to come has not come'), PATIENCE)
    t.teardown(() => {
      this.#isOver = true
      clearTimeout(timer)
    })
  }

  during<T> (wait: Promise<T>): Promise<T> {
    return Promise.race([this.#over, wait])
  }

  until (isTrue: () => boolean): Promise<void> {
    return this.during(until(() => isTrue() || this.#isOver, sourceOf(isTrue)))
  }
}
