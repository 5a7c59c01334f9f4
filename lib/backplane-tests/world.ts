import type { Retention } from '../../types/backplane.ts'
import type { Pass } from './waiting.ts'

/**
 * What a driver does not promise, as its documentation says. Tests of what is not promised are left out, or ask less. Those of
 * this package promise everything.
 */
export interface WeakerPromises {
  /** Each message goes when its own ttl is over, not all together when that of the last one is. */
  readonly ttlPerMessage?: boolean
  /** Ids are known for a time of their own, whether their messages are still kept or not. */
  readonly idsByTime?: boolean
  /** Members come in an order that is only roughly that in which they joined. */
  readonly roughJoinOrder?: boolean
  /** When a store goes on after a standstill, it may carry out what was rejected meanwhile. */
  readonly lateCalls?: boolean
}

/** What may be done to stores and connections, where whoever runs the tests can do it. */
export type Hook = 'future' | 'several' | 'cut' | 'stop' | 'flush' | 'save'

/** What tests run on: `Connected` is what a process has of a store. */
export interface Subject<Connected> {
  /** Milliseconds: the ttl of the tests. Half of it is much longer than a few calls take. */
  readonly ttl: number
  /** Milliseconds that the members of a process stay of which nothing is heard any more. */
  readonly lease: number
  /** Milliseconds that those of a closed process stay. */
  readonly grace: number
  readonly weaker: WeakerPromises
  /** `several`: several processes can be connected to one store. */
  readonly hooks: ReadonlySet<Hook>
  /** Makes a position like this one, of the next message but one that may yet come. */
  readonly future: ((at: string) => string) | null
  /** The beginning of a test. */
  begin (): Promise<World<Connected>>
}

/** Stores, and the time that passes for them, until the end of a test. */
export interface World<Connected> {
  /** A new store, with nothing in it. */
  store (): Promise<Store<Connected>>
  readonly pass: Pass
  /** Closes whatever was connected. */
  end (): Promise<void>
}

export interface Store<Connected> {
  /** A process that is connected to this store, and has opened nothing yet. */
  connect (): Promise<Connected>
  /** Nothing gets from a process to the store or back. */
  cut (connected: Connected): Promise<void>
  mend (connected: Connected): Promise<void>
  /** The store stands still: it answers nothing, but what is sent to it waits there. */
  stop (): Promise<void>
  resume (): Promise<void>
  /** It forgets everything. */
  flush (): Promise<void>
  /** @returns what brings back what the store keeps now */
  save (): Promise<() => Promise<void>>
}

/** A test, before it is known what it runs on. */
export interface Clause<Setting> {
  readonly name: string
  readonly needs: readonly Hook[]
  /** It is left out where this is not promised. */
  readonly unless: keyof WeakerPromises | null
  run (setting: Setting): Promise<void>
}

/** A test of what a driver or engine does. */
export interface BackplaneTest {
  /** A sentence, another one for each test. */
  readonly name: string
  /** Resolves when it has passed, and rejects with an `AssertionError` or whatever else was wrong. */
  run (): Promise<void>
}

export interface Conditions {
  readonly needs?: readonly Hook[]
  readonly unless?: keyof WeakerPromises
}

/** Clauses of one kind, to be written one after the other. */
export function clauses<Setting> () {
  const all: Array<Clause<Setting>> = []
  return {
    all,
    clause (name: string, run: (setting: Setting) => Promise<void>, { needs = [], unless }: Conditions = {}): void {
      all.push({ name, needs, unless: unless ?? null, run })
    }
  }
}

/** Messages that are still there when a test ends, whatever befalls the store. */
export function longKept (size: number): Retention {
  return { size, ttl: 60_000 }
}

/** Those of the tests that a subject can be asked for. */
export function testsOf<Connected, Setting extends { verify (): void }> (
  all: ReadonlyArray<Clause<Setting>>, subject: Subject<Connected>, setUp: (world: World<Connected>) => Promise<Setting>
): BackplaneTest[] {
  const isAsked = ({ needs, unless }: Clause<Setting>) => {
    return needs.every(hook => subject.hooks.has(hook)) && (unless === null || subject.weaker[unless] !== true)
  }
  return all.filter(isAsked).map(({ name, run }) => ({
    name,
    async run () {
      const world = await subject.begin()
      try {
        const setting = await setUp(world)
        await run(setting)
        setting.verify()
      } finally {
        await world.end()
      }
    }
  }))
}
