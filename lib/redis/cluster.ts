import type { ConnectionEvents, RedisConnection, RedisLink, Reply, Role } from './link.ts'
import { slotOf } from './slot.ts'

/** A connection to one of the masters. */
export interface MemberConnection extends RedisConnection {
  /** Set to true before the first `subscribe` if it is to send SSUBSCRIBE. */
  isSharded: boolean
}

/** What a cluster needs of a client library. */
export interface ClusterClient {
  readonly name: string
  /** Finds the masters and connects to each of them, as `RedisLink.connect` does to one server. */
  connect (role: Role, events: ConnectionEvents, signal: AbortSignal): Promise<MemberConnection[]>
}

/**
 * A Redis Cluster, over connections to each of its masters that do not know of each other. The client libraries have clusters too,
 * but those send commands again that may have been carried out, keep commands until they know where to send them, and move
 * subscriptions from one server to another without a word.
 */
export class ClusterLink implements RedisLink {
  readonly name: string
  readonly #client: ClusterClient

  constructor (client: ClusterClient) {
    this.name = client.name
    this.#client = client
  }

  async connect (role: Role, events: ConnectionEvents, signal: AbortSignal): Promise<RedisConnection> {
    // Known only once all members are connected, and any of them may be lost before.
    let cluster: ClusterConnection | null = null
    let lost: Error | null = null
    const members = await this.#client.connect(role, {
      onMessage: (channel, bytes) => { events.onMessage(channel, bytes) },
      onLost: error => {
        lost ??= error
        cluster?.onLost(error)
      }
    }, signal)
    const destroyAll = (): void => { for (const member of members) member.destroy() }
    signal.addEventListener('abort', destroyAll)
    try {
      const servers = await Promise.all(members.map(serverOf))
      if (lost !== null) throw lost
      signal.throwIfAborted()
      cluster = new ClusterConnection(servers, events)
    } catch (error) {
      destroyAll()
      throw signal.aborted ? signal.reason : error
    } finally {
      signal.removeEventListener('abort', destroyAll)
    }
    return cluster
  }
}

/** A master, and what it says of itself. */
interface Server {
  readonly connection: MemberConnection
  readonly slots: readonly Range[]
  readonly hasShardedChannels: boolean
}

/** Slots from the first to the last. */
type Range = readonly [first: number, last: number]

async function serverOf (connection: MemberConnection): Promise<Server> {
  const [slots, hasShardedChannels] = await Promise.all([
    slotsOf(connection), knows(connection, 'SSUBSCRIBE'), mustBeWhole(connection),
    // While it loads its data, it answers with an error.
    connection.send(0, ['PING'])
  ])
  return { connection, slots, hasShardedChannels }
}

class ClusterConnection implements RedisConnection {
  readonly isCluster = true
  readonly isSharded: boolean
  readonly #servers: readonly Server[]
  /** The place of the server of each partition that somebody has asked for. */
  readonly #places = new Map<number, number>()
  /** Null: lost or destroyed. */
  #events: ConnectionEvents | null

  /** @throws if the servers do not have all slots between them */
  constructor (servers: readonly Server[], events: ConnectionEvents) {
    const count = servers.flatMap(({ slots }) => slots).reduce((sum, [first, last]) => sum + last - first + 1, 0)
    if (count !== SLOTS) throw new Error(`the masters have ${count} of ${SLOTS} slots`)
    this.#servers = servers
    this.isSharded = servers.every(server => server.hasShardedChannels)
    for (const { connection } of servers) connection.isSharded = this.isSharded
    this.#events = events
  }

  serverOf (partition: number): string {
    return String(this.#placeOf(partition))
  }

  send (partition: number, command: ReadonlyArray<string | Uint8Array>): Promise<Reply> {
    return this.#watched(this.#connectionOf(partition).send(partition, command))
  }

  subscribe (partition: number, channels: readonly string[]): Promise<void> {
    return this.#watched(this.#connectionOf(partition).subscribe(partition, channels))
  }

  unsubscribe (partition: number, channels: readonly string[]): Promise<void> {
    return this.#watched(this.#connectionOf(partition).unsubscribe(partition, channels))
  }

  destroy (): void {
    this.#end()
    for (const { connection } of this.#servers) connection.destroy()
  }

  onLost (error: Error): void {
    this.#end()?.onLost(error)
  }

  #end (): ConnectionEvents | null {
    const events = this.#events
    this.#events = null
    return events
  }

  #connectionOf (partition: number): MemberConnection {
    return this.#servers[this.#placeOf(partition)].connection
  }

  #placeOf (partition: number): number {
    let place = this.#places.get(partition)
    if (place === undefined) {
      const slot = slotOf(String(partition))
      place = this.#servers.findIndex(({ slots }) => slots.some(([first, last]) => first <= slot && slot <= last))
      this.#places.set(partition, place)
    }
    return place
  }

  /** An answer that sends us to another server ends this connection: what we know of the cluster is out of date. */
  async #watched<Answer> (answer: Promise<Answer>): Promise<Answer> {
    try {
      return await answer
    } catch (error) {
      if (isRedirection(error)) this.onLost(error)
      throw error
    }
  }
}

const SLOTS = 16_384

/** `TRYAGAIN`: some of the keys are on another server already. */
function isRedirection (error: unknown): error is Error {
  return error instanceof Error && /^(?:MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/.test(error.message)
}

/** @throws if it is not, as this server sees it: because too many others are gone, or because it is itself cut off from them */
async function mustBeWhole (connection: RedisConnection): Promise<void> {
  const info = String(await connection.send(0, ['CLUSTER', 'INFO']))
  if (!/^cluster_state:ok\r?$/m.test(info)) throw new Error('CLUSTERDOWN the cluster is not whole')
}

/** From the first slot to the last, who has them; the replicas follow. */
type SlotRange = [first: number, last: number, master: [host: Reply, port: number, id: Reply]]

/** The slots that a server says are its own, in their order. */
async function slotsOf (connection: RedisConnection): Promise<Range[]> {
  const [own, ranges] = await Promise.all([
    connection.send(0, ['CLUSTER', 'MYID']),
    connection.send(0, ['CLUSTER', 'SLOTS']) as Promise<SlotRange[]>
  ])
  return ranges
    .filter(([, , [, , id]]) => String(id) === String(own))
    .map(([first, last]): Range => [first, last])
    .sort(([a], [b]) => a - b)
}

async function knows (connection: RedisConnection, command: string): Promise<boolean> {
  const [known] = await connection.send(0, ['COMMAND', 'INFO', command]) as Reply[]
  return known !== null
}
