import { checkTopics } from '../checks/deliveries.ts'
import { failure } from '../generator/tally.ts'
import { TopicClients } from '../generator/topic-clients.ts'
import type { Measurement } from '../measurement.ts'
import type { News } from '../news.ts'
import type { ServerProcess } from '../server-process.ts'
import { LEAVE, SUBSCRIBE, type TopicPlan } from '../topic-plan.ts'
import { grouped, type Kind } from './kind.ts'

/** Topics with one subscriber each, so many that whoever looks at more than one of them is found out. */
export interface LoneTopicsLoad extends TopicPlan, News {
  kind: 'lone-topics'
}

export const loneTopics: Kind<LoneTopicsLoad> = {
  unit: 'µs to subscribe, publish and leave',
  isLessBetter: true,
  role: () => 'topics',
  name: ({ topics }) => `${grouped(topics)} topics with one subscriber each`,
  small: load => ({ ...load, connections: 10, topics: 100, each: 10, batch: 50 }),
  check: (server, load) => checkTopics(server, load, true),
  measure
}

/** The CPU time that a server takes for each topic. */
async function measure (server: ServerProcess, load: LoneTopicsLoad): Promise<Measurement> {
  const failing = failure()
  const clients = new TopicClients(server, load, failing.failed)

  async function publishAll (): Promise<void> {
    for (let n = 0; n < load.topics / load.batch; n++) {
      const due = clients.delivered + clients.publish(n)
      await new Promise<void>(resolve => { clients.onDelivered = () => { if (clients.delivered === due) resolve() } })
    }
  }

  async function timed (work: () => Promise<void>): Promise<number> {
    const before = await server.cpu()
    await work()
    const after = await server.cpu()
    return (after.seconds - before.seconds) / load.topics * 1e6
  }

  async function run (): Promise<Measurement> {
    await clients.open()
    const subscribing = await timed(() => clients.tell(SUBSCRIBE))
    const publishing = await timed(publishAll)
    const leaving = await timed(() => clients.tell(LEAVE))
    const value = subscribing + publishing + leaving
    return { value, serverMicros: value, subscribing, publishing, leaving }
  }

  try {
    return await Promise.race([run(), failing.failure])
  } finally {
    clients.reset()
  }
}
