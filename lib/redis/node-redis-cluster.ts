import type { ClusterClient, MemberConnection } from './cluster.ts'
import type { ConnectionEvents, Role } from './link.ts'
import { destroy, NodeRedisConnection, type NodeRedisClient, overridesOf, rejectedBy } from './node-redis.ts'

/** What is used of a client that `createCluster` of @redis/client has made. */
export interface NodeRedisCluster {
  /** What it was made with; there is no other way to learn it. */
  readonly _options: { readonly defaults?: { readonly socket?: object } }
  readonly masters: ReadonlyArray<{ readonly client?: NodeRedisClient }>
  duplicate (options: object): NodeRedisCluster
  connect (): Promise<unknown>
  nodeClient (master: NodeRedisCluster['masters'][number]): Promise<NodeRedisClient> | NodeRedisClient
  destroy (): unknown
  on (event: 'error', listener: () => void): unknown
}

/**
 * Milliseconds. It ends what the library keeps to itself: a connection to a node that does not answer when it is asked for the others.
 * The driver sends pings to each of the masters once a second.
 */
const SOCKET_TIMEOUT = 10_000

/** Milliseconds that the library gives a socket to connect, if the user has not said otherwise. */
const CONNECT_TIMEOUT = 5000

/** `createCluster` of @redis/client, 5 or 6. A cluster of the library's finds the masters, and connects to them. */
export class NodeRedisClusterClient implements ClusterClient {
  readonly name = '@redis/client'
  readonly #cluster: NodeRedisCluster

  constructor (cluster: NodeRedisCluster) {
    this.#cluster = cluster
  }

  async connect (_: Role, events: ConnectionEvents, signal: AbortSignal): Promise<MemberConnection[]> {
    signal.throwIfAborted()
    const { defaults } = this.#cluster._options
    const { socket, ...overrides } = overridesOf(defaults)
    // The library makes a class with all commands for each set of options that is not the one before it, which takes a while. So these
    // must be the same for both roles.
    const cluster = this.#cluster.duplicate({
      RESP: overrides.RESP,
      defaults: {
        ...defaults,
        ...overrides,
        socket: { ...socket, socketTimeout: SOCKET_TIMEOUT }
      },
      keyPrefix: undefined,
      clientSideCache: undefined,
      useReplicas: false,
      minimizeConnections: true,
      // It would look for other nodes by itself once a socket is lost.
      topologyRefreshOnReconnectionAttemptStrategy: false
    })
    cluster.on('error', () => {})
    const { connectTimeout = CONNECT_TIMEOUT } = socket as { connectTimeout?: number }
    const onAbort = (): void => {
      // The library's own `destroy` forgets them, and before version 6.1 stops at the first that has ended by itself.
      const clients = cluster.masters.flatMap(({ client }) => client ?? [])
      const destroyAll = (): void => { for (const client of clients) destroy(client) }
      destroyAll()
      destroy(cluster)
      // A client whose socket was still to be connected can only be destroyed when it is.
      setTimeout(destroyAll, connectTimeout).unref()
    }
    signal.addEventListener('abort', onAbort)
    let connections: MemberConnection[]
    try {
      await Promise.race([rejectedBy(signal), cluster.connect()])
      signal.throwIfAborted()
      const clients = await Promise.race([
        rejectedBy(signal),
        Promise.all(cluster.masters.map(master => cluster.nodeClient(master)))
      ])
      connections = clients.map(client => new NodeRedisConnection(client, events))
    } catch (error) {
      if (!signal.aborted) onAbort()
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
    return connections
  }
}
