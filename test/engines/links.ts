import { createClient, createCluster } from '@redis/client'
import { Cluster, Redis } from 'ioredis'
import { Cluster as ValkeyCluster, Redis as Valkey } from 'iovalkey'
import type { Test } from 'tap'
import type { ConnectionEvents, RedisConnection, RedisLink, Role } from '../../lib/redis/link.ts'
import type { RedisClient } from '../../lib/redis/links.ts'

/** What the user's client is made with, beside the address. */
export interface UserOptions {
  password?: string
  keyPrefix?: string
  /** The number of the database. */
  database?: number
  /** Where the nodes of a cluster are reached, by what they say of themselves. */
  addresses?: Record<string, { host: string, port: number }>
}

/** Clients of one kind, as users make them. None of them is connected. */
export interface ClientKind {
  readonly name: string
  make (ports: readonly number[], options?: UserOptions): RedisClient
}

/** Clients of one server, for which the first port counts. */
export const singles: ClientKind[] = [{
  name: 'ioredis',
  make: ([port], { database, ...options } = {}) => new Redis(port, { lazyConnect: true, db: database, ...options })
}, {
  name: 'ioredis, RESP2',
  make: ([port], { database, ...options } = {}) => new Redis(port, { lazyConnect: true, protocol: 2, db: database, ...options })
}, {
  name: 'iovalkey',
  make: ([port], { database, ...options } = {}) => new Valkey(port, { lazyConnect: true, db: database, ...options })
}, {
  name: '@redis/client',
  make: ([port], options) => createClient({ url: `redis://127.0.0.1:${port}`, ...options })
}]

/** Clients of a cluster. */
export const clusters: ClientKind[] = [{
  name: 'a cluster of ioredis',
  make: (ports, { password, keyPrefix, addresses } = {}) =>
    new Cluster([...ports], { lazyConnect: true, keyPrefix, natMap: addresses, redisOptions: { password } })
}, {
  name: 'a cluster of iovalkey',
  make: (ports, { password, keyPrefix, addresses } = {}) =>
    new ValkeyCluster([...ports], { lazyConnect: true, keyPrefix, natMap: addresses, redisOptions: { password } })
}, {
  name: 'a cluster of @redis/client',
  make: (ports, { password, keyPrefix, addresses } = {}) => createCluster({
    rootNodes: ports.map(port => ({ url: `redis://127.0.0.1:${port}` })), defaults: { password }, keyPrefix, nodeAddressMap: addresses
  })
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
