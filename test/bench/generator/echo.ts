import type { Socket } from 'node:net'
import { OFFER } from '../../support/deflate.ts'
import type { EchoLoad, Measurement, Timing } from '../load.ts'
import type { ServerProcess } from '../server-process.ts'
import { buffer, open, reset } from './connection.ts'
import type { FrameRing } from './frame-ring.ts'
import { Latency } from './latency.ts'
import { counterOf, ringOf } from './payloads.ts'
import { failure, Tally, watch } from './tally.ts'

/** Keeps so many messages in flight on every connection and counts the replies. */
export async function measureEcho (server: ServerProcess, load: EchoLoad, timing: Timing): Promise<Measurement> {
  const tally = new Tally()
  const failing = failure()
  // With more in flight it would be known only how long a reply waited for those before it.
  const latency = load.inFlight === 1 ? new Latency(load.connections) : null
  const sockets: Socket[] = []
  // Of all connections: a server agrees to the same with each of them.
  let ring: FrameRing

  async function add (connection: number): Promise<void> {
    const counter = counterOf(load)
    let sent = load.inFlight
    const { socket, head } = await open({
      port: server.port,
      headers: load.content === 'deflate' ? OFFER : {},
      failed: failing.failed,
      received (length) {
        const complete = counter.push(buffer, 0, length)
        if (complete === 0) return
        tally.add(complete)
        latency?.received(connection)
        // Every reply makes room for one more message.
        latency?.sent(connection)
        socket.write(ring.take(sent, complete))
        sent += complete
      }
    })
    ring ??= ringOf(load, head)
    sockets[connection] = socket
  }

  async function run (): Promise<Measurement> {
    await Promise.all(Array.from({ length: load.connections }, (_, connection) => add(connection)))
    sockets.forEach((socket, connection) => {
      latency?.sent(connection)
      socket.write(ring.take(0, load.inFlight))
    })
    const measurement = await watch(server, tally, timing, () => { latency?.reset() })
    return { ...measurement, ...latency?.percentiles() }
  }

  try {
    return await Promise.race([run(), failing.failure])
  } finally {
    reset(sockets)
  }
}
