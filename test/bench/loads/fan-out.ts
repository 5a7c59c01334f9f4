import { masked } from '../../support/frames.ts'
import { OFFER } from '../../support/deflate.ts'
import { TEXT } from '../../support/opcodes.ts'
import { checkFanOut } from '../checks/deliveries.ts'
import { dialectOf } from '../dialect.ts'
import { ByteCounter } from '../generator/byte-counter.ts'
import { buffer, type Connection, type Options, reset } from '../generator/connection.ts'
import { openInBatches } from '../generator/open-all.ts'
import { COMPRESSED, FIN } from '../generator/payloads.ts'
import { ReplyCounter } from '../generator/reply-counter.ts'
import { failure, Tally, watch } from '../generator/tally.ts'
import type { Measurement, Timing } from '../measurement.ts'
import { deliveredBytes, isJson, type News } from '../news.ts'
import type { ServerProcess } from '../server-process.ts'
import { bytes, grouped, type Kind } from './kind.ts'

export interface FanOutLoad extends News {
  kind: 'fan-out'
  connections: number
  /** Broadcasts on their way. */
  inFlight: number
}

export const fanOut: Kind<FanOutLoad> = {
  unit: 'deliveries/s',
  role: () => 'fan-out',
  name: ({ content, size, connections, inFlight }) => {
    return `fan-out of ${content === 'text' ? '' : `${content} `}${bytes(size)} to ${grouped(connections)} × ${inFlight}`
  },
  small: load => ({ ...load, connections: 20 }),
  check: checkFanOut,
  measure
}

/** One connection asks for broadcasts to all of them, so that no more deliveries are on their way than the load says. */
async function measure (server: ServerProcess, load: FanOutLoad, timing: Timing): Promise<Measurement> {
  const { connections: subscribers, inFlight } = load
  const tally = new Tally()
  const failing = failure()
  const dialect = dialectOf(server.spec)
  const trigger = masked(TEXT, dialect.command('go'))
  const ofAll = isJson(load) ? null : new ByteCounter(deliveredBytes(load, dialect))
  let connections: Connection[] = []
  let asked = 0

  function ask (): void {
    while (asked < inFlight + Math.floor(tally.count / subscribers)) {
      asked++
      connections[0]!.write(trigger)
    }
  }

  function optionsOf (): Options {
    const counter = ofAll ?? new ReplyCounter(FIN | TEXT | COMPRESSED, null)
    return {
      headers: isJson(load) ? OFFER : {},
      failed: failing.failed,
      received (start, end) {
        tally.add(counter.push(buffer, start, end))
        ask()
      }
    }
  }

  async function run (): Promise<Measurement> {
    connections = await openInBatches(server, load, subscribers, optionsOf)
    ask()
    return await watch(server, tally, timing)
  }

  try {
    return await Promise.race([run(), failing.failure])
  } finally {
    reset(connections)
  }
}
