import type { Calls } from './calls.ts'
import { partitionIn } from './keys.ts'
import type { RedisConnection } from './link.ts'

/** The most channels that are subscribed to with one command. */
const MOST_CHANNELS = 1000

/** The connection that announcements come by, with what waits for its answers. */
export class SubscribedLine {
  readonly connection: RedisConnection
  readonly calls: Calls

  constructor (connection: RedisConnection, calls: Calls) {
    this.connection = connection
    this.calls = calls
  }

  /** Resolves when the server has confirmed all these channels. */
  async subscribe (channels: readonly string[]): Promise<void> {
    await this.#eachGroup(channels, (partition, some) => this.connection.subscribe(partition, some))
  }

  async unsubscribe (channels: readonly string[]): Promise<void> {
    await this.#eachGroup(channels, (partition, some) => this.connection.unsubscribe(partition, some))
  }

  async #eachGroup (channels: readonly string[], run: (partition: number, some: string[]) => Promise<void>): Promise<void> {
    const groups = new Map<number, string[]>()
    for (const channel of channels) {
      // In a cluster, those that are on one server for certain.
      const group = this.connection.isCluster ? partitionIn(channel) : 0
      const some = groups.get(group)
      if (some === undefined) groups.set(group, [channel])
      else some.push(channel)
    }
    const answers = []
    for (const [partition, some] of groups) {
      for (let i = 0; i < some.length; i += MOST_CHANNELS) {
        answers.push(this.calls.wait(run(partition, some.slice(i, i + MOST_CHANNELS))))
      }
    }
    await Promise.all(answers)
  }
}
