import type { Engine } from '../../lib/backplane/engine.ts'
import { MemoryEngine } from '../../lib/backplane/memory.ts'
import type { Hook, Store, Subject, World } from '../../lib/backplane-tests/world.ts'
import { installClock } from '../support/clock.ts'
import { turn } from '../support/until.ts'
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
