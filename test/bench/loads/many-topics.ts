import { checkTopics } from '../checks/deliveries.ts'
import { failure, Tally, watch } from '../generator/tally.ts'
import { TopicClients } from '../generator/topic-clients.ts'
import type { Measurement, Timing } from '../measurement.ts'
import type { News } from '../news.ts'
import type { ServerProcess } from '../server-process.ts'
import { SUBSCRIBE, type TopicPlan } from '../topic-plan.ts'
import { grouped, type Kind } from './kind.ts'

/** Much is published in a turn, to topics that share subscribers. */
export interface ManyTopicsLoad extends TopicPlan, News {
  kind: 'many-topics'
}

export const manyTopics: Kind<ManyTopicsLoad> = {
  unit: 'deliveries/s',
  role: () => 'topics',
  name: ({ connections, topics, each, batch }) => {
    return `${batch} publishes a turn to ${grouped(connections)}, each with ${each} of ${topics} topics`
  },
  small: load => ({ ...load, connections: 10, topics: 20, each: 4, batch: 5 }),
  check: (server, load) => checkTopics(server, load, false),
  measure
}

async function measure (server: ServerProcess, load: ManyTopicsLoad, timing: Timing): Promise<Measurement> {
  const tally = new Tally()
  const failing = failure()
  const clients = new TopicClients(server, load, failing.failed)

  async function run (): Promise<Measurement> {
    await clients.open()
    await clients.tell(SUBSCRIBE)
    let batch = 0
    let due = 0
    clients.onDelivered = count => {
      tally.add(count)
      if (tally.count === due) due += clients.publish(batch++)
    }
    due = clients.publish(batch++)
    return await watch(server, tally, timing)
  }

  try {
    return await Promise.race([run(), failing.failure])
  } finally {
    clients.reset()
  }
}
