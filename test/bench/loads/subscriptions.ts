import { setTimeout as wait } from 'node:timers/promises'
import { checkTopics } from '../checks/deliveries.ts'
import { failure } from '../generator/tally.ts'
import { TopicClients } from '../generator/topic-clients.ts'
import type { Measurement } from '../measurement.ts'
import type { News } from '../news.ts'
import type { ServerProcess } from '../server-process.ts'
import { LEAVE, SUBSCRIBE, type TopicPlan } from '../topic-plan.ts'
import { grouped, type Kind } from './kind.ts'

export interface SubscriptionsLoad extends TopicPlan, News {
  kind: 'subscriptions'
}

export const subscriptions: Kind<SubscriptionsLoad> = {
  unit: 'bytes/subscription',
  isLessBetter: true,
  isFresh: true,
  role: () => 'topics',
  name: ({ connections, each, topics }) => `memory of ${grouped(connections)} × ${each} subscriptions to ${grouped(topics)} topics`,
  small: load => ({ ...load, connections: 100, topics: 30, each: 3, batch: 30 }),
  check: (server, load) => checkTopics(server, load, true),
  measure
}

/** What a server grows by when all of its connections subscribe, for each subscription. */
async function measure (server: ServerProcess, load: SubscriptionsLoad): Promise<Measurement> {
  const failing = failure()
  const clients = new TopicClients(server, load, failing.failed)

  /** What a server sets up once is not counted. */
  async function warmUp (): Promise<void> {
    const few = new TopicClients(server, { ...load, connections: load.topics / load.each }, failing.failed)
    await few.open()
    await few.tell(SUBSCRIBE)
    await few.tell(LEAVE)
    few.reset()
    await wait(100)
  }

  async function run (): Promise<Measurement> {
    await warmUp()
    await clients.open()
    const before = await server.memory()
    await clients.tell(SUBSCRIBE)
    const after = await server.memory()
    const count = load.connections * load.each
    return { value: (after.rss - before.rss) / count, heap: (after.heapUsed - before.heapUsed) / count }
  }

  try {
    return await Promise.race([run(), failing.failure])
  } finally {
    clients.reset()
  }
}
