import { ClusterLink } from './cluster.ts'
import { IoRedisClusterClient, type IoRedisCluster } from './ioredis-cluster.ts'
import { type IoRedis, IoRedisLink } from './ioredis.ts'
import type { RedisLink } from './link.ts'
import { NodeRedisClusterClient, type NodeRedisCluster } from './node-redis-cluster.ts'
import { type NodeRedisClient, NodeRedisLink } from './node-redis.ts'

/**
 * A client of `ioredis` or `iovalkey`, for one server, for the master that sentinels name, or a `Cluster`; or what `createClient` or
 * `createCluster` of `redis` or `@redis/client` has made.
 */
export interface RedisClient {
  duplicate (...options: never[]): object
}

/**
 * Finds out what kind of client it is, by what it can do: of which copy of which package it is does not matter.
 *
 * @throws {TypeError}
 */
export function linkFor (client: unknown): RedisLink {
  if (isObject(client) && can(client, 'duplicate')) {
    if (can(client, 'callBuffer', 'nodes')) return new ClusterLink(new IoRedisClusterClient(client as unknown as IoRedisCluster, 'ioredis'))
    if (can(client, 'callBuffer')) return new IoRedisLink(client as unknown as IoRedis, 'ioredis')
    // Before 5.6, it does not show what it was made with.
    if (can(client, 'nodeClient') && isObject(client._options)) {
      return new ClusterLink(new NodeRedisClusterClient(client as unknown as NodeRedisCluster))
    }
    // Its sentinels have almost the same methods, but no connections that could be taken one by one.
    if (can(client, 'sSubscribe') && !can(client, 'getMasterNode') && !can(client, 'nodeClient')) {
      return new NodeRedisLink(client as unknown as NodeRedisClient)
    }
  }
  throw new TypeError('redis: the client must be one of ioredis, iovalkey or @redis/client (for a cluster: from 5.6 on); ' +
    'with sentinels, one of ioredis or iovalkey')
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function can (client: Record<string, unknown>, ...methods: string[]): boolean {
  return methods.every(method => typeof client[method] === 'function')
}
