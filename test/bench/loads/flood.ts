import { dialectOf } from '../dialect.ts'
import { buffer, type Connection, open, type Options, reset } from '../generator/connection.ts'
import { Latency } from '../generator/latency.ts'
import { counterOf, ringOf } from '../generator/payloads.ts'
import { failure, Tally, watch } from '../generator/tally.ts'
import type { Measurement, Timing } from '../measurement.ts'
import type { ServerProcess } from '../server-process.ts'
import { echo, type EchoLoad } from './echo.ts'
import type { Kind } from './kind.ts'

/** One client sends as fast as it can, and another one a message at a time: how long does that one wait? */
export interface FloodLoad {
  kind: 'flood'
  /** Texts of a byte, or JSON for schemas. */
  content: 'text' | 'json'
}

export const flood: Kind<FloodLoad> = {
  unit: 'µs until another has its reply (p99)',
  isLessBetter: true,
  role: load => echo.role(otherOf(load)),
  name: ({ content }) => `one floods with ${content === 'json' ? 'JSON for schemas' : 'texts of 1 B'}`,
  small: load => load,
  check: (server, load) => echo.check(server, otherOf(load)),
  measure
}

/** What the other client does, who floods nobody. */
function otherOf ({ content }: FloodLoad): EchoLoad {
  return { kind: 'echo', content, size: 1, connections: 1, inFlight: 1 }
}

/** Bytes that are written at once, nearly. */
const PIECE = 1024 * 1024
/** Messages after which the same ones come again. */
const SOME = 16

/** Floods on one connection, and takes the time of a message and its reply on another, over and over. */
async function measure (server: ServerProcess, load: FloodLoad, timing: Timing): Promise<Measurement> {
  const other = otherOf(load)
  const target = { port: server.port, secure: false, http2: false }
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
    const connection = await open(target, dialectOf(server.spec), { received, failed })
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
