import * as fc from 'fast-check'
import { test } from 'tap'

const { PROPERTY_RUNS = '1', PROPERTY_SEED } = process.env

/**
 * A test of a property with inputs that are different each time. On failure fast-check tells its seed:
 * `PROPERTY_SEED=<seed>` makes the same inputs again. `PROPERTY_RUNS=<n>` makes n times as many.
 */
export function holds<T> (name: string, runs: number, property: fc.IProperty<T> | fc.IAsyncProperty<T>): void {
  const times = Math.ceil(runs * Number(PROPERTY_RUNS))
  test(name, { timeout: 30_000 * Math.max(1, Number(PROPERTY_RUNS)) }, async t => {
    const seed = PROPERTY_SEED === undefined ? {} : { seed: Number(PROPERTY_SEED) }
    await fc.assert(property, { numRuns: times, ...seed })
    t.pass(`${times} times`)
  })
}
