import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import type { Measurement, MemoryLoad } from '../load.ts'
import { addressFor } from '../machine.ts'
import type { ServerProcess } from '../server-process.ts'
import { open, reset } from './connection.ts'
import { failure } from './tally.ts'

/** At a time: the server's backlog is limited. */
const BATCH = 100
/** What a server sets up once is not counted. */
const FIRST = 200

/** What a server that has just been started grows by when connections are opened, for each of them. */
export async function measureMemory (server: ServerProcess, { connections }: MemoryLoad): Promise<Measurement> {
  const failing = failure()
  const sockets: Socket[] = []

  async function add (count: number): Promise<void> {
    for (let opened = 0; opened < count; opened += BATCH) {
      const batch = await Promise.all(Array.from({ length: Math.min(BATCH, count - opened) }, (_, n) => open({
        port: server.port,
        localAddress: addressFor(opened + n),
        received () { throw new Error('a message came on an idle connection') },
        failed: failing.failed
      })))
      for (const { socket } of batch) sockets.push(socket)
    }
  }

  async function run (): Promise<Measurement> {
    await add(FIRST)
    reset(sockets.splice(0))
    await wait(100)
    const before = await server.memory()
    await add(connections)
    const after = await server.memory()
    return {
      value: (after.rss - before.rss) / connections,
      heap: (after.heapUsed - before.heapUsed) / connections
    }
  }

  try {
    return await Promise.race([run(), failing.failure])
  } finally {
    reset(sockets)
  }
}
