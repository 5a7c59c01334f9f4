import { type IoRedis, IoRedisLink } from './ioredis.ts'
import type { RedisLink } from './link.ts'

/** A client of `ioredis` or `iovalkey`: for one server, or for the master that sentinels name. */
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
    if (can(client, 'callBuffer') && client.isCluster !== true) return new IoRedisLink(client as unknown as IoRedis, 'ioredis')
  }
  throw new TypeError('redis: the client must be one of ioredis or iovalkey')
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function can (client: Record<string, unknown>, ...methods: string[]): boolean {
  return methods.every(method => typeof client[method] === 'function')
}
