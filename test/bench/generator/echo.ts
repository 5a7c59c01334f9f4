import { OFFER } from '../../support/deflate.ts'
import type { EchoLoad, Measurement, Timing } from '../load.ts'
import type { ServerProcess } from '../server-process.ts'
import { buffer, type Connection, type Options, reset } from './connection.ts'
import type { FrameRing } from './frame-ring.ts'
import { openAll } from './open-all.ts'
import { Latency } from './latency.ts'
import { counterOf, ringOf } from './payloads.ts'
import { failure, Tally, watch } from './tally.ts'

/** Keeps so many messages in flight on every connection and counts the replies. */
export async function measureEcho (server: ServerProcess, load: EchoLoad, timing: Timing): Promise<Measurement> {
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
