import { setTimeout as wait } from 'node:timers/promises'
import { kindOf, type Load } from '../load.ts'
import type { ServerProcess } from '../server-process.ts'

const SECONDS = 10

/** That a server does what its load takes for granted. Throws if it is not so, and if there is no answer at all. */
export async function check (server: ServerProcess, load: Load): Promise<void> {
  const patience = new AbortController()
  try {
    await Promise.race([
      kindOf(load).check(server, load),
      wait(SECONDS * 1000, undefined, { signal: patience.signal }).then(() => { throw new Error('no answer') })
    ])
  } catch (error) {
    throw new Error(`${server.name} is no server for ${JSON.stringify(load)}`, { cause: error })
  } finally {
    patience.abort()
  }
}
