import type { Test } from 'tap'
import type { Engine } from '../../lib/backplane/engine.ts'
import { MemoryEngine } from '../../lib/backplane/memory.ts'
import { fakeClock } from '../support/clock.ts'
import { turn } from '../support/until.ts'
import type { Driver, Store } from './driver.ts'

/** The position of a later message. */
function future (at: string): string {
  const [, epoch, seq] = /^(.*)-(.*)$/.exec(at)!
  return `${epoch}-${(parseInt(seq!, 36) + 2).toString(36)}`
}

/** Stores in memory, for which time passes when a test says so. */
export function inMemory (name: string, isShared: boolean, create: () => () => Engine<string>): Driver {
  return {
    name,
    ttl: 60_000,
    isShared,
    future,
    async begin (t: Test) {
      const clock = fakeClock(t, 'performance')
      return {
        async store (): Promise<Store> {
          const connect = create()
          return { connect: async () => connect() }
        },
        async pass (milliseconds) {
          clock.tick(milliseconds)
          await turn()
        }
      }
    }
  }
}

export const memory = inMemory('memory', false, () => () => new MemoryEngine())
