import * as fc from 'fast-check'

/*
 * What two processes, their connections and the store that they share go through. Plain values, so that a counterexample can be read.
 */

export const PROCESSES = 2

export type Step =
  | { do: 'publish', process: number, times: number }
  | { do: 'subscribe' | 'unsubscribe' | 'cut' | 'connect' | 'read', process: number }
  /** So many of the next announcements. */
  | { do: 'drop' | 'double', process: number, times: number }
  | { do: 'refuse', process: number, method: 'read' | 'subscribe' | 'last' | 'publish' }
  /** The store forgets everything, keeps in mind how it is now, and goes back to that. */
  | { do: 'flush' | 'save' | 'restore' }
  | { do: 'wait', turns: number }

export interface Plan {
  /** Messages that are kept; 0: the topic has no history. */
  size: number
  /** How many turns each process's requests take. */
  turns: number[]
  steps: Step[]
}

const process = fc.nat({ max: PROCESSES - 1 })
const times = fc.constantFrom(1, 1, 2, 3, 7)

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('publish' as const), process, times }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('subscribe' as const, 'read' as const), process }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unsubscribe' as const), process }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('cut' as const, 'connect' as const), process }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('drop' as const, 'double' as const), process, times }) },
  { weight: 1, arbitrary: fc.record({
    do: fc.constant('refuse' as const), process, method: fc.constantFrom('read' as const, 'subscribe' as const, 'last' as const, 'publish' as const)
  }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('flush' as const, 'save' as const, 'restore' as const) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('wait' as const), turns: fc.integer({ min: 1, max: 8 }) }) }
)

const LOSES: ReadonlyArray<Step['do']> = ['drop', 'flush', 'restore']

/** @param size of the history */
export function plan (size: fc.Arbitrary<number>): fc.Arbitrary<Plan> {
  return fc.record({
    size,
    turns: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: PROCESSES, maxLength: PROCESSES }),
    steps: fc.oneof(
      fc.array(step, { maxLength: 50, size: 'max' }),
      // In half of them, only connections fail.
      fc.array(step.filter(one => !LOSES.includes(one.do)), { maxLength: 50, size: 'max' })
    )
  })
}
