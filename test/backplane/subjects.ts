import type { Engine } from '../../lib/backplane/engine.ts'
import { MemoryEngine } from '../../lib/backplane/memory.ts'
import type { BackplaneTestOptions } from '../../lib/backplane-tests/options.ts'
import type { Hook, Store, Subject, World } from '../../lib/backplane-tests/world.ts'
import { type Clock, installClock, pass } from '../support/clock.ts'
import { turn } from '../support/until.ts'
import { FakeDriver } from './fake-driver.ts'
import { FakeStore } from './fake-store.ts'
import { GRACE, sharedMemory } from './shared-memory.ts'

/** The position of a later message. */
function future (at: string): string {
  const [, epoch, seq] = /^(.*)-(.*)$/.exec(at)!
  return `${epoch}-${(parseInt(seq!, 36) + 2).toString(36)}`
}

/** Engines in memory, for which time passes when a test says so. */
function inMemory (hooks: Hook[], create: () => () => Engine<string>): Subject<Engine<string>> {
  return {
    ttl: 60_000,
    lease: 30_000,
    grace: GRACE,
    weaker: {},
    hooks: new Set(hooks),
    future,
    async begin (): Promise<World<Engine<string>>> {
      const clock = installClock('performance')
      const engines: Array<Engine<string>> = []
      return {
        async store () {
          const connect = create()
          return {
            async connect () {
              const engine = connect()
              engines.push(engine)
              return engine
            }
          } as Store<Engine<string>>
        },
        async pass (milliseconds) {
          await clock.tickAsync(milliseconds)
          await turn()
        },
        async end () {
          await Promise.all(engines.map(engine => engine.close()))
          clock.uninstall()
        }
      }
    }
  }
}

export const memory = inMemory(['future'], () => () => new MemoryEngine())
export const shared = inMemory(['future', 'several'], sharedMemory)

/** Drivers of a store in memory, whose time is fake. The stores of one test share it. */
export function fakeOptions (): BackplaneTestOptions<FakeStore, { driver: FakeDriver }> {
  let clock: Clock
  let stores = 0
  return {
    ttl: 20_000,
    lease: 12_000,
    grace: GRACE,
    createStore () {
      if (stores++ === 0) clock = installClock('performance')
      return new FakeStore({ lease: 12_000, grace: GRACE })
    },
    removeStore () {
      if (--stores === 0) clock.uninstall()
    },
    connect: store => ({ driver: new FakeDriver(store) }),
    future: at => at.replace(/-(\w+)-/, (_, seq: string) => `-${(parseInt(seq, 36) + 2).toString(36)}-`),
    pass: milliseconds => pass(clock, milliseconds),
    link: {
      cut: ({ driver }) => driver.goDown(),
      mend: ({ driver }) => driver.comeUp()
    },
    standstill: {
      stop: store => store.stop(),
      resume: store => store.resume()
    },
    flush: store => store.flush(),
    save: async store => store.save()
  }
}
