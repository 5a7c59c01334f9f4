import { setTimeout as wait } from 'node:timers/promises'
import type { Measurement, MemoryLoad } from '../load.ts'
import type { ServerProcess } from '../server-process.ts'
import { type Connection, type Options, reset } from './connection.ts'
import { openAll } from './open-all.ts'
import { failure } from './tally.ts'

/** At a time: the server's backlog is limited. Over HTTP/2 so many are on a connection. */
const BATCH = 100
/** What a server sets up once is not counted. */
const FIRST = 200

/** What a server that has just been started grows by when connections are opened, for each of them. */
export async function measureMemory (server: ServerProcess, load: MemoryLoad): Promise<Measurement> {
  const failing = failure()
  const opened: Connection[] = []
  const options: Options = {
    received () { throw new Error('a message came on an idle connection') },
    failed: failing.failed
  }

  async function add (count: number): Promise<void> {
    for (let added = 0; added < count; added += BATCH) {
      opened.push(...await openAll(server, load, Math.min(BATCH, count - added), () => options, added))
    }
  }

  async function run (): Promise<Measurement> {
    await add(FIRST)
    reset(opened.splice(0))
    await wait(100)
    const before = await server.memory()
    await add(load.connections)
    const after = await server.memory()
    return {
      value: (after.rss - before.rss) / load.connections,
      heap: (after.heapUsed - before.heapUsed) / load.connections
    }
  }

  try {
    return await Promise.race([run(), failing.failure])
  } finally {
    reset(opened)
  }
}
