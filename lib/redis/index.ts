import type { Backplane } from '../../types/backplane.ts'
import { RedisDriver } from './driver.ts'
import { linkFor, type RedisClient } from './links.ts'
import { checkOptions, type RedisOptions } from './options.ts'

/**
 * Topics of several processes over Redis (6.2 and later) or Valkey:
 *
 *     app.register(sockets, { backplane: redis(new Redis(url)) })
 *
 * Each registration makes two connections of its own by `client.duplicate()`, in a cluster two to each master. The client itself is
 * left alone: it need not be connected, its `keyPrefix` is not used, and whoever made it closes it.
 *
 * @throws {TypeError} no such client, or an option is wrong
 */
export function redis (client: RedisClient, options?: RedisOptions): Backplane {
  const link = linkFor(client)
  const checked = checkOptions(options)
  return { name: 'redis', create: () => new RedisDriver(link, checked) }
}

export type { Backplane, RedisClient, RedisOptions }
