import { type FloodLoad, type Measurement, otherOf, type Timing } from '../load.ts'
import type { ServerProcess } from '../server-process.ts'
import { buffer, type Connection, open, type Options, reset } from './connection.ts'
import { Latency } from './latency.ts'
import { counterOf, ringOf } from './payloads.ts'
import { failure, Tally, watch } from './tally.ts'

/** Bytes that are written at once, nearly. */
const PIECE = 1024 * 1024
/** Messages after which the same ones come again. */
const SOME = 16

/** Floods on one connection, and takes the time of a message and its reply on another, over and over. */
export async function measureFlood (server: ServerProcess, load: FloodLoad, timing: Timing): Promise<Measurement> {
  const other = otherOf(load)
  const ring = ringOf(other, '')
  const tally = new Tally()
  const latency = new Latency(1)
  const counter = counterOf(other)
  const failing = failure()
  const { failed } = failing
  const connections: Connection[] = []
  let asked = 0
  let replied = (): void => {}

  function ask (): void {
    latency.sent(0)
    connections[0]!.write(ring.take(asked++, 1))
  }

  async function connect (received: Options['received']): Promise<Connection> {
    const connection = await open({ port: server.port, secure: false, http2: false }, { received, failed })
    connections.push(connection)
    return connection
  }

  async function run (): Promise<Measurement> {
    await connect((start, end) => {
      if (counter.push(buffer, start, end) === 0) return
      tally.add(1)
      latency.received(0)
      replied()
      ask()
    })
    const { socket } = await connect(() => {})
    const some = Buffer.concat(Array.from({ length: SOME }, (_, n) => ring.take(n, 1)))
    const piece = Buffer.alloc(PIECE - PIECE % some.length, some)
    const flood = (): void => { while (socket.write(piece)); }
    socket.on('drain', flood)
    flood()
    ask()
    const { value: _rate, serverMicros: _micros, ...measurement } =
      await watch(server, tally, timing, () => { latency.reset() })
    // The one that is on its way may be the longest, or the only one.
    await new Promise<void>(resolve => { replied = resolve })
    const percentiles = latency.percentiles()
    return { value: percentiles.p99!, ...measurement, ...percentiles }
  }

  try {
    return await Promise.race([run(), failing.failure])
  } finally {
    reset(connections)
  }
}
