import { masked } from '../../support/frames.ts'
import { TEXT } from '../../support/opcodes.ts'
import { checkEchoBeside, checkFanOut } from '../checks/deliveries.ts'
import { dialectOf } from '../dialect.ts'
import { ByteCounter } from '../generator/byte-counter.ts'
import { buffer, type Connection, open, reset } from '../generator/connection.ts'
import { Latency } from '../generator/latency.ts'
import { openInBatches } from '../generator/open-all.ts'
import { failure, Tally, watch } from '../generator/tally.ts'
import type { Measurement, Timing } from '../measurement.ts'
import { deliveredBytes, type News } from '../news.ts'
import type { ServerProcess } from '../server-process.ts'
import { bytes, grouped, type Kind } from './kind.ts'

/** What is published once to very many subscribers: how long do all others wait? */
export interface BesideLoad extends News {
  kind: 'beside'
  connections: number
}

/** One subscriber in so many is read at once, and tells how far the server has come. */
const BETWEEN_WITNESSES = 100

export const beside: Kind<BesideLoad> = {
  unit: 'µs until another has its reply (p99)',
  isLessBetter: true,
  role: () => 'fan-out',
  name: ({ size, connections }) => `one publish of ${bytes(size)} to ${grouped(connections)}`,
  small: load => ({ ...load, connections: 300 }),
  check,
  measure
}

async function check (server: ServerProcess, load: BesideLoad): Promise<void> {
  await checkFanOut(server, load)
  await checkEchoBeside(server, load)
}

/**
 * Asks for one broadcast after the other, and takes the time of a message and its reply on another route until each has
 * reached all. Most subscribers are read only after that, so that the server is what is waited for.
 */
async function measure (server: ServerProcess, load: BesideLoad, timing: Timing): Promise<Measurement> {
  const dialect = dialectOf(server.spec)
  const tally = new Tally()
  const latency = new Latency(1)
  const failing = failure()
  const { failed } = failing
  const trigger = masked(TEXT, dialect.command('go'))
  const question = masked(TEXT, dialect.echo('x'))
  const counter = new ByteCounter(deliveredBytes(load, dialect))
  const isWitness = (n: number): boolean => n % BETWEEN_WITNESSES === 0
  const witnesses = Math.ceil(load.connections / BETWEEN_WITNESSES)
  const opened: Connection[] = []
  let subscribers: Connection[] = []
  let others: Connection[] = []
  let reached = 0
  /** The reply that is waited for belongs to a message sent while the broadcast was under way. */
  let isAsking = false
  let resume = (): void => {}

  function goOn (): void {
    resume()
  }

  async function until (isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>(resolve => { resume = resolve })
  }

  function ask (echo: Connection): void {
    isAsking = true
    latency.sent(0)
    echo.write(question)
  }

  async function once (echo: Connection): Promise<void> {
    const all = tally.count + load.connections
    reached = 0
    for (const { socket } of others) socket.pause()
    subscribers[0]!.write(trigger)
    ask(echo)
    await until(() => reached >= witnesses && !isAsking)
    for (const { socket } of others) socket.resume()
    await until(() => tally.count >= all)
  }

  async function run (): Promise<Measurement> {
    subscribers = await openInBatches(server, load, load.connections, n => ({
      failed,
      received (start, end) {
        const complete = counter.push(buffer, start, end)
        tally.add(complete)
        if (isWitness(n)) reached += complete
        goOn()
      }
    }))
    opened.push(...subscribers)
    others = subscribers.filter((_connection, n) => !isWitness(n))
    const target = { port: server.port, secure: false, http2: false }
    const echo: Connection = await open(target, dialect, {
      path: '/echo',
      failed,
      received () {
        latency.received(0)
        isAsking = false
        if (reached < witnesses) ask(echo)
        goOn()
      }
    })
    opened.push(echo)
    const stop = new AbortController()
    const working = (async () => { while (!stop.signal.aborted) await once(echo) })()
    working.catch(failed)
    const { value: _rate, ...measurement } = await watch(server, tally, timing, () => {
      latency.reset()
      void server.longest().catch(failed)
    })
    stop.abort()
    // At least one broadcast has been seen to its end.
    await working
    const percentiles = latency.percentiles()
    return { value: percentiles.p99!, ...measurement, ...percentiles, longest: await server.longest() }
  }

  try {
    return await Promise.race([run(), failing.failure])
  } finally {
    reset(opened)
  }
}
