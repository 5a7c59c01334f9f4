import { setTimeout as wait } from 'node:timers/promises'
import { checkHandshake } from '../checks/client.ts'
import { type Connection, type Options, reset } from '../generator/connection.ts'
import { openInBatches } from '../generator/open-all.ts'
import { failure } from '../generator/tally.ts'
import type { Measurement } from '../measurement.ts'
import type { ServerProcess } from '../server-process.ts'
import { grouped, type Kind, withTls } from './kind.ts'

export interface MemoryLoad {
  kind: 'memory'
  connections: number
  tls?: boolean
}

export const memory: Kind<MemoryLoad> = {
  unit: 'bytes/connection',
  isLessBetter: true,
  isFresh: true,
  role: () => 'echo',
  name: load => `memory of ${grouped(load.connections)} idle WebSockets${withTls(load) ? ', TLS' : ''}`,
  small: load => ({ ...load, connections: 100 }),
  check: checkHandshake,
  measure
}

/** What a server sets up once is not counted. */
const FIRST = 200

/** What a server that has just been started grows by when connections are opened, for each of them. */
async function measure (server: ServerProcess, load: MemoryLoad): Promise<Measurement> {
  const failing = failure()
  const opened: Connection[] = []
  const options: Options = {
    received () { throw new Error('a message came on an idle connection') },
    failed: failing.failed
  }

  async function add (count: number): Promise<void> {
    opened.push(...await openInBatches(server, load, count, () => options))
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
