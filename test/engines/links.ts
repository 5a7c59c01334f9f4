import { createClient, createCluster } from '@redis/client'
import { Cluster, Redis } from 'ioredis'
import { Cluster as ValkeyCluster, Redis as Valkey } from 'iovalkey'
import type { Test } from 'tap'
import { ClusterLink } from '../../lib/redis/cluster.ts'
import { IoRedisClusterClient } from '../../lib/redis/ioredis-cluster.ts'
import { IoRedisLink } from '../../lib/redis/ioredis.ts'
import type { ConnectionEvents, RedisConnection, RedisLink, Role } from '../../lib/redis/link.ts'
import { NodeRedisClusterClient } from '../../lib/redis/node-redis-cluster.ts'
import { NodeRedisLink } from '../../lib/redis/node-redis.ts'

/** What the user's client is made with, beside the address. */
export interface UserOptions {
  password?: string
  keyPrefix?: string
  /** The number of the database. */
  database?: number
}

/** A link of one kind, over a client as users make it. */
export interface LinkKind {
  readonly name: string
  over (t: Test, ports: readonly number[], options?: UserOptions): RedisLink
}

/** Links to one server; only the first port counts. */
export const singles: LinkKind[] = [{
  name: 'ioredis',
  over: (_t, [port], { database, ...options } = {}) =>
    new IoRedisLink(new Redis(port, { lazyConnect: true, db: database, ...options }), 'ioredis')
}, {
  name: 'ioredis, RESP2',
  over: (_t, [port], { database, ...options } = {}) =>
    new IoRedisLink(new Redis(port, { lazyConnect: true, protocol: 2, db: database, ...options }), 'ioredis')
}, {
  name: 'iovalkey',
  over: (_t, [port], { database, ...options } = {}) =>
    new IoRedisLink(new Valkey(port, { lazyConnect: true, db: database, ...options }), 'iovalkey')
}, {
  name: '@redis/client',
  over: (_t, [port], { password, keyPrefix, database } = {}) => {
    const client = createClient({ url: `redis://127.0.0.1:${port}`, password, keyPrefix, database })
    client.on('error', () => {})
    return new NodeRedisLink(client)
  }
}]

/** Links to a cluster. */
export const clusters: LinkKind[] = [{
  name: 'a cluster of ioredis',
  over: (_t, ports, { password, keyPrefix } = {}) =>
    new ClusterLink(new IoRedisClusterClient(new Cluster(ports.slice(), { lazyConnect: true, keyPrefix, redisOptions: { password } }), 'ioredis'))
}, {
  name: 'a cluster of iovalkey',
  over: (_t, ports, { password, keyPrefix } = {}) =>
    new ClusterLink(new IoRedisClusterClient(new ValkeyCluster(ports.slice(), { lazyConnect: true, keyPrefix, redisOptions: { password } }), 'iovalkey'))
}, {
  name: 'a cluster of @redis/client',
  over: (_t, ports, { password, keyPrefix } = {}) => {
    const client = createCluster({
      rootNodes: ports.map(port => ({ url: `redis://127.0.0.1:${port}` })), defaults: { password }, keyPrefix
    })
    client.on('error', () => {})
    return new ClusterLink(new NodeRedisClusterClient(client))
  }
}]

/** What a connection has told, and the connection. */
export class Line implements ConnectionEvents {
  readonly messages: Array<[channel: string, text: string]> = []
  readonly lost: Error[] = []
  #connection: RedisConnection | null = null

  /** Connects, and is destroyed with the test. */
  static async open (t: Test, link: RedisLink, role: Role, milliseconds = 5000): Promise<Line> {
    const line = new Line()
    line.#connection = await link.connect(role, line, AbortSignal.timeout(milliseconds))
    t.teardown(() => { line.connection.destroy() })
    return line
  }

  get connection (): RedisConnection {
    return this.#connection!
  }

  onMessage (channel: string, bytes: Buffer): void {
    this.messages.push([channel, bytes.toString('latin1')])
  }

  onLost (error: Error): void {
    this.lost.push(error)
  }
}

/** The partitions of the driver. */
export const partitions = Array.from({ length: 128 }, (_, i) => i)
