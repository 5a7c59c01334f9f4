import { checkRemote } from '../checks/remote.ts'
import { Latency } from '../generator/latency.ts'
import { RemoteClients } from '../generator/remote-clients.ts'
import { failure, Tally, watch } from '../generator/tally.ts'
import { type Measurement, share, type Timing } from '../measurement.ts'
import type { ServerProcess } from '../server-process.ts'
import type { RemoteLoad } from './backplane.ts'
import { grouped, type Kind } from './kind.ts'

/** The same, but published in the process that has the clients. */
export interface BystanderLoad extends RemoteLoad {
  kind: 'bystander'
}

export const bystander: Kind<BystanderLoad> = {
  unit: 'bytes/publish',
  isLessBetter: true,
  mayBeNothing: true,
  role: () => 'topics',
  name: ({ topics, history }) => {
    return `backplane, ${history === null ? '' : `history of ${history}, `}to who has nobody subscribed to ${grouped(topics)} topics`
  },
  small: load => ({ ...load, connections: 10, topics: 20, each: 2 }),
  check: checkRemote,
  measure
}

/** What one process gets from Redis of what another publishes to its own clients. */
async function measure (server: ServerProcess, load: BystanderLoad, timing: Timing): Promise<Measurement> {
  const { other } = server.company
  const tally = new Tally()
  const latency = new Latency(1)
  const failing = failure()
  const clients = new RemoteClients(load, latency, tally, failing.failed)

  async function run (): Promise<Measurement> {
    await clients.open(server, server)
    clients.start()
    const uses = () => Promise.all([other.cpu(), other.fromEngine()])
    let beginning = uses()
    const { value: rate, ...measurement } = await watch(server, tally, timing, () => { beginning = uses() })
    const [before, after] = [await beginning, await uses()]
    await clients.stop()
    const seconds = after[0].at - before[0].at
    const each = (perSecond: number): number => perSecond / rate
    return {
      ...measurement,
      value: each((after[1] - before[1]) / seconds),
      receiving: each(share(before[0], after[0])) * 1e6
    }
  }

  try {
    return await Promise.race([run(), failing.failure])
  } finally {
    clients.reset()
  }
}
