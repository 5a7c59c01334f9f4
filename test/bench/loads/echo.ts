import { OFFER } from '../../support/deflate.ts'
import { checkEcho } from '../checks/echo.ts'
import { buffer, type Connection, type Options, reset } from '../generator/connection.ts'
import type { FrameRing } from '../generator/frame-ring.ts'
import { Latency } from '../generator/latency.ts'
import { openAll } from '../generator/open-all.ts'
import { counterOf, ringOf } from '../generator/payloads.ts'
import { failure, Tally, watch } from '../generator/tally.ts'
import type { Measurement, Timing } from '../measurement.ts'
import type { ServerProcess } from '../server-process.ts'
import { bytes, type Kind, withTls } from './kind.ts'

export interface EchoLoad {
  kind: 'echo'
  content: 'binary' | 'text' | 'json' | 'deflate'
  connections: number
  /** Messages on their way, per connection. */
  inFlight: number
  /** Bytes in a message, before compression. JSON for schemas has its own sizes. */
  size: number
  tls?: boolean
  /** What else the name should say. */
  note?: string
}

export const echo: Kind<EchoLoad> = {
  unit: 'replies/s',
  role: ({ content }) => content === 'json' ? 'json' : 'echo',
  name,
  small: load => ({ ...load, connections: Math.min(load.connections, 4), inFlight: Math.min(load.inFlight, 4) }),
  check: checkEcho,
  measure
}

function name (load: EchoLoad): string {
  const content = {
    binary: `binary ${bytes(load.size)}`,
    text: `UTF-8 ${bytes(load.size)}`,
    json: 'JSON with schemas',
    deflate: `deflated JSON ${bytes(load.size)}`
  }[load.content]
  const notes = [...load.note === undefined ? [] : [load.note], ...withTls(load) ? ['TLS'] : []]
  return [content, ...notes, `${load.connections} × ${load.inFlight}`].join(', ')
}

/** Keeps so many messages in flight on every connection and counts the replies. */
async function measure (server: ServerProcess, load: EchoLoad, timing: Timing): Promise<Measurement> {
  const tally = new Tally()
  const failing = failure()
  // With more in flight it would be known only how long a reply waited for those before it.
  const latency = load.inFlight === 1 ? new Latency(load.connections) : null
  let connections: Connection[] = []
  // Of all connections: a server agrees to the same with each of them.
  let ring: FrameRing

  function optionsOf (n: number): Options {
    const counter = counterOf(load)
    let sent = load.inFlight
    return {
      headers: load.content === 'deflate' ? OFFER : {},
      failed: failing.failed,
      received (start, end) {
        const complete = counter.push(buffer, start, end)
        if (complete === 0) return
        tally.add(complete)
        latency?.received(n)
        // Every reply makes room for one more message.
        latency?.sent(n)
        connections[n]!.write(ring.take(sent, complete))
        sent += complete
      }
    }
  }

  async function run (): Promise<Measurement> {
    connections = await openAll(server, load, load.connections, optionsOf)
    ring = ringOf(load, connections[0]!.head)
    connections.forEach((connection, n) => {
      latency?.sent(n)
      connection.write(ring.take(0, load.inFlight))
    })
    const measurement = await watch(server, tally, timing, () => { latency?.reset() })
    return { ...measurement, ...latency?.percentiles() }
  }

  try {
    return await Promise.race([run(), failing.failure])
  } finally {
    reset(connections)
  }
}
