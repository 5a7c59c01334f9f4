import * as fc from 'fast-check'

/*
 * What clients, publishers and the network do to topics. Plain values, so that a counterexample can be read.
 */

export const TOPICS = 2
export const CLIENTS = 3

export const OVERFLOWS = ['close', 'drop', 'latest', 'catch-up', 'as the route'] as const
export const SIZES = [0, 4, 300] as const
export const COMPRESSIONS = ['none', 'shared', 'takeover'] as const
/** Values of `highWaterMark`. */
export const MARKS = [0, 2000, 65_536] as const

/** Where a client asks to go on: where it stands, at what was acknowledged last, at the first message, or at nonsense. */
const SINCE = ['nothing', 'last', 'last', 'acknowledged', 'acknowledged', 'first', 'nonsense'] as const

/** Whoever subscribes connects first if need be. */
export type Step =
  | { do: 'disconnect' | 'stall' | 'read' | 'send', client: number }
  | {
    do: 'subscribe', client: number, topic: number, since: typeof SINCE[number], named: boolean
    /** Turns of the loop that `begin` takes; null: there is none. */
    begin: number | null
  }
  | { do: 'unsubscribe', client: number, topic: number }
  | {
    do: 'publish', topic: number, size: number, times: number
    /** 'socket 1': the client as it is connected now; 'name 1': by the name that its connections have. */
    except: string
    /** Null: none. Small, so that some are used again. */
    id: number | null
  }
  | { do: 'wait', turns: number }

export interface Plan {
  overflow: typeof OVERFLOWS[number]
  history: typeof SIZES[number]
  compression: typeof COMPRESSIONS[number]
  mark: typeof MARKS[number]
  steps: Step[]
  /** How late a distant engine is, in turns of the loop: of each kind one after the other, over and over. */
  requests: number[]
  answers: number[]
  announcements: number[]
}

const client = fc.nat({ max: CLIENTS - 1 })
const topic = fc.nat({ max: TOPICS - 1 })

const subscribe: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('subscribe' as const),
  client,
  topic,
  since: fc.constantFrom(...SINCE),
  named: fc.boolean(),
  begin: fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 3, arbitrary: fc.nat({ max: 6 }) })
})

const publish: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('publish' as const),
  topic,
  size: fc.oneof({ weight: 4, arbitrary: fc.nat({ max: 100 }) }, { weight: 1, arbitrary: fc.constantFrom(1500, 20_000, 70_000) }),
  times: fc.constantFrom(1, 1, 1, 2, 6, 20),
  except: fc.oneof(
    { weight: 4, arbitrary: fc.constant('nobody') },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom('socket', 'name'), client).map(words => words.join(' ')) }
  ),
  id: fc.oneof({ weight: 1, arbitrary: fc.nat({ max: 3 }) }, { weight: 4, arbitrary: fc.constant(null) })
})

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 7, arbitrary: subscribe },
  { weight: 8, arbitrary: publish },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('disconnect' as const), client }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('unsubscribe' as const), client, topic }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('stall' as const, 'read' as const, 'send' as const), client }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('wait' as const), turns: fc.integer({ min: 1, max: 6 }) }) }
)

const delays = (max: number) => fc.array(fc.nat({ max }), { minLength: 1, maxLength: 5 })

export const plan: fc.Arbitrary<Plan> = fc.record({
  overflow: fc.constantFrom(...OVERFLOWS),
  history: fc.constantFrom(...SIZES, 300 as const),
  compression: fc.constantFrom(...COMPRESSIONS),
  mark: fc.constantFrom(...MARKS),
  steps: fc.array(step, { maxLength: 40, size: 'max' }),
  requests: delays(4),
  answers: delays(4),
  announcements: delays(30)
}).filter(({ overflow, history }) => overflow !== 'catch-up' || history > 0)
