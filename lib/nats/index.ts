import type { Backplane } from '../../types/backplane.ts'
import { NatsDriver } from './driver.ts'
import { type NatsBackplaneOptions, type NatsConnectionOptions, settle } from './options.ts'

export type { NatsBackplaneOptions, NatsConnectionOptions } from './options.ts'

/**
 * Topics of many processes over NATS: the option `backplane` of the plugin. Needs nats-server 2.9 or later with JetStream.
 *
 * It opens a connection of its own for each registration, because it may neither keep what is published in an outage nor resend
 * it, which the connections of the client do by default.
 *
 * @param connection as for `connect` of `@nats-io/transport-node`, or what returns that: it is called for each attempt, so that
 *   credentials can be fresh. What is said there of reconnecting, and `noEcho`, does not count
 * @throws {TypeError | RangeError} if an option is not what it must be
 */
export function nats (
  connection: NatsConnectionOptions | (() => NatsConnectionOptions | Promise<NatsConnectionOptions>), options: NatsBackplaneOptions = {}
): Backplane {
  const settings = settle(connection, options)
  return { name: 'nats', create: () => new NatsDriver(settings) }
}
