import { masked } from '../../support/frames.ts'
import { TEXT } from '../../support/opcodes.ts'
import type { FanOutLoad, Measurement, Timing } from '../load.ts'
import type { ServerProcess } from '../server-process.ts'
import { buffer, type Connection, type Options, reset } from './connection.ts'
import { openAll } from './open-all.ts'
import { ReplyCounter } from './reply-counter.ts'
import { failure, Tally, watch } from './tally.ts'

const TEXT_WITH_FIN = 0x81
/** The server's `net` counts on two bytes. */
const TRIGGER = masked(TEXT, 'go')

/** One connection asks for broadcasts to all of them; the next one when all have got one. */
export async function measureFanOut (server: ServerProcess, load: FanOutLoad, timing: Timing): Promise<Measurement> {
  const tally = new Tally()
  const failing = failure()
  let connections: Connection[] = []
  // A broadcast has its place again when all have got it, and no more than `inFlight` are on their way.
  const arrived = new Uint32Array(load.inFlight)

  function optionsOf (): Options {
    const counter = new ReplyCounter(TEXT_WITH_FIN, load.size)
    let place = 0
    return {
      failed: failing.failed,
      received (start, end) {
        const complete = counter.push(buffer, start, end)
        if (complete === 0) return
        tally.add(complete)
        for (let i = 0; i < complete; i++) {
          if (++arrived[place]! === load.connections) {
            arrived[place] = 0
            connections[0]!.write(TRIGGER)
          }
          place = place + 1 === load.inFlight ? 0 : place + 1
        }
      }
    }
  }

  async function run (): Promise<Measurement> {
    connections = await openAll(server, load, load.connections, optionsOf)
    for (let i = 0; i < load.inFlight; i++) connections[0]!.write(TRIGGER)
    return await watch(server, tally, timing)
  }

  try {
    return await Promise.race([run(), failing.failure])
  } finally {
    reset(connections)
  }
}
