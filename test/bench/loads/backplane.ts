import { checkRemote } from '../checks/remote.ts'
import { Latency } from '../generator/latency.ts'
import { RemoteClients } from '../generator/remote-clients.ts'
import { failure, Tally, watch } from '../generator/tally.ts'
import { type Measurement, share, type Timing } from '../measurement.ts'
import type { News } from '../news.ts'
import type { ServerProcess } from '../server-process.ts'
import type { TopicPlan } from '../topic-plan.ts'
import { grouped, type Kind } from './kind.ts'

/** What is published in one process goes to clients of another, over Redis: one for each topic. */
export interface BackplaneLoad extends RemoteLoad {
  kind: 'backplane'
}

export interface RemoteLoad extends TopicPlan, News {
  /** Messages published whose receipt is not known yet: at most 255. */
  inFlight: number
  /** How many messages of each topic are kept; null: none. */
  history: number | null
}

export const backplane: Kind<BackplaneLoad> = {
  unit: 'publishes/s',
  role: () => 'topics',
  name: ({ topics, inFlight, history }) => {
    return `backplane, ${history === null ? '' : `history of ${history}, `}${grouped(topics)} topic${topics === 1 ? '' : 's'} × ${inFlight}`
  },
  small: load => load,
  check: checkRemote,
  measure
}

/** From a publish in one process to its receipt by a client of the other. Redis has a core with both of them and the generator. */
async function measure (server: ServerProcess, load: BackplaneLoad, timing: Timing): Promise<Measurement> {
  const { other, engine } = server.company
  const tally = new Tally()
  const latency = new Latency(1)
  const failing = failure()
  const clients = new RemoteClients(load, latency, tally, failing.failed)

  async function run (): Promise<Measurement> {
    await clients.open(server, other)
    clients.start()
    const uses = () => Promise.all([other.cpu(), engine.usage()])
    let beginning = uses()
    const measurement = await watch(server, tally, timing, () => {
      latency.reset()
      beginning = uses()
    })
    const [before, after] = [await beginning, await uses()]
    await clients.stop()
    const { value, serverCpu, serverMicros } = measurement
    const ofOther = share(before[0], after[0])
    const ofEngine = share(before[1], after[1])
    const commands = (after[1].commands - before[1].commands) / (after[1].at - before[1].at)
    const each = (perSecond: number): number => value === 0 ? 0 : perSecond / value
    return {
      ...measurement,
      serverCpu: serverCpu! + ofOther,
      serverMicros: serverMicros! + each(ofOther) * 1e6,
      othersCpu: Math.max(0, measurement.othersCpu! - ofOther - ofEngine),
      ...latency.percentiles(),
      publishing: each(ofOther) * 1e6,
      receiving: serverMicros!,
      engine: each(ofEngine) * 1e6,
      commands: each(commands)
    }
  }

  try {
    return await Promise.race([run(), failing.failure])
  } finally {
    clients.reset()
  }
}
