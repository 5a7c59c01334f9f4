import * as fc from 'fast-check'
import { type Test, test } from 'tap'

const { PROPERTY_RUNS = '1', PROPERTY_SEED } = process.env
const factor = Number(PROPERTY_RUNS)

/** Of the test of a property that needs no more, in milliseconds. */
const PATIENCE = 30_000 * Math.max(1, factor)

/**
 * A test of a property with inputs that are different each time. On failure fast-check tells its seed:
 * `PROPERTY_SEED=<seed>` makes the same inputs again. `PROPERTY_RUNS=<n>` makes n times as many.
 */
export function holds<T> (name: string, runs: number, property: Property<T> | ((t: Test) => Property<T> | Promise<Property<T>>)): void {
  const times = Math.ceil(runs * factor)
  test(name, { timeout: PATIENCE }, async t => {
    const seed = PROPERTY_SEED === undefined ? {} : { seed: Number(PROPERTY_SEED) }
    await fc.assert(typeof property === 'function' ? await property(t) : property, {
      numRuns: times,
      ...seed,
      // So that a counterexample is told before the test is over, be it the smallest or not.
      interruptAfterTimeLimit: PATIENCE * 0.9,
      markInterruptAsFailure: true
    })
    t.pass(`${times} times`)
  })
}

type Property<T> = fc.IProperty<T> | fc.IAsyncProperty<T>

/** One after the other, over and over. */
export function cycle (numbers: readonly number[]): () => number {
  let i = 0
  return () => numbers[i++ % numbers.length]!
}
