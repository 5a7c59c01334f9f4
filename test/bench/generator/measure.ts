import { type Load, type Measurement, nameOf, type Timing } from '../load.ts'
import type { ServerProcess } from '../server-process.ts'
import { measureEcho } from './echo.ts'
import { measureFanOut } from './fan-out.ts'
import { measureFlood } from './flood.ts'
import { measureHandshakes } from './handshakes.ts'
import { measureMemory } from './memory.ts'

export async function measure (server: ServerProcess, load: Load, timing: Timing): Promise<Measurement> {
  try {
    return await withKind(server, load, timing)
  } catch (error) {
    throw new Error(`${server.name} failed with ${nameOf(load)}`, { cause: error })
  }
}

async function withKind (server: ServerProcess, load: Load, timing: Timing): Promise<Measurement> {
  switch (load.kind) {
    case 'echo': return await measureEcho(server, load, timing)
    case 'handshakes': return await measureHandshakes(server, load, timing)
    case 'memory': return await measureMemory(server, load)
    case 'fan-out': return await measureFanOut(server, load, timing)
    case 'flood': return await measureFlood(server, load, timing)
  }
}
