import type { ClusterClient, MemberConnection } from './cluster.ts'
import { type IoRedis, IoRedisLink } from './ioredis.ts'
import type { ConnectionEvents, Role } from './link.ts'

/** What is used of a `Cluster` of ioredis or iovalkey. */
export interface IoRedisCluster {
  duplicate (startupNodes: [], options: object): IoRedisCluster
  connect (): Promise<unknown>
  disconnect (): void
  nodes (role: 'master'): IoRedis[]
  on (event: 'error' | 'node error', listener: (error: Error) => void): unknown
}

/** What makes a cluster one that only finds the masters, once. How it does that is left as the user has it. */
const OPTIONS = {
  lazyConnect: true,
  clusterRetryStrategy: () => null,
  clusterNodeRetryStrategy: undefined,
  slotsRefreshInterval: undefined,
  enableOfflineQueue: false,
  enableReadyCheck: false,
  enableAutoPipelining: false,
  shardedSubscribers: false,
  scripts: undefined,
  himportFieldsets: undefined
}

/** `Cluster` of ioredis or iovalkey. A cluster of the library's finds the masters; the connections to them are of our own. */
export class IoRedisClusterClient implements ClusterClient {
  readonly name: string
  readonly #cluster: IoRedisCluster

  constructor (cluster: IoRedisCluster, name: string) {
    this.#cluster = cluster
    this.name = name
  }

  async connect (role: Role, events: ConnectionEvents, signal: AbortSignal): Promise<MemberConnection[]> {
    const masters = await this.#masters(signal)
    // If one of them cannot be connected to, the others are of no use.
    const failure = new AbortController()
    const either = AbortSignal.any([signal, failure.signal])
    const connections: MemberConnection[] = []
    try {
      await Promise.all(masters.map(async master => {
        connections.push(await new IoRedisLink(master, this.name).connect(role, events, either))
      }))
      return connections
    } catch (error) {
      failure.abort(error)
      for (const connection of connections) connection.destroy()
      throw error
    }
  }

  /** Clients of the masters, which are not connected. */
  async #masters (signal: AbortSignal): Promise<IoRedis[]> {
    signal.throwIfAborted()
    const cluster = this.#cluster.duplicate([], OPTIONS)
    let why: Error | null = null
    const onError = (error: Error): void => { why ??= error }
    cluster.on('error', () => {})
    cluster.on('node error', onError)
    const onAbort = (): void => { cluster.disconnect() }
    signal.addEventListener('abort', onAbort)
    let masters: IoRedis[]
    try {
      await cluster.connect()
      masters = cluster.nodes('master')
    } catch (error) {
      throw signal.aborted ? signal.reason : why ?? error
    } finally {
      signal.removeEventListener('abort', onAbort)
      cluster.disconnect()
    }
    return masters
  }
}
