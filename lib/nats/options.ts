import type { NodeConnectionOptions } from '@nats-io/transport-node'

/** What `connect` of `@nats-io/transport-node` takes. */
export type NatsConnectionOptions = NodeConnectionOptions

export interface NatsBackplaneOptions {
  /**
   * What the subjects and streams of one app begin with: letters, digits, `_` and `-`. Apps with the same prefix share their
   * topics. Default: `ws`.
   */
  prefix?: string
  /** Milliseconds that the server has for an answer, at most 4,000, which is the default. */
  deadline?: number
  /** Milliseconds after which a process that is silent counts as gone, with its members. Default: 30,000. */
  lease?: number
  /** Milliseconds that the members of a process stay after it has closed. Default: 5,000. */
  grace?: number
  /**
   * Milliseconds, at least, that messages stay in a stream beyond the `ttl` of the topic's history, so that positions of silent
   * topics stay good. Default: 300,000, or the `ttl` if that is more.
   */
  margin?: number
  /** Where JetStream keeps streams that do not exist yet. Default: `file`. */
  storage?: 'file' | 'memory'
  /** How many servers of a cluster keep each stream that does not exist yet. Default: 1. */
  replicas?: number
  /** What the subjects of JetStream's interface begin with: for a domain, `$JS.name.API`. Default: `$JS.API`. */
  apiPrefix?: string
}

/** The options with their defaults. */
export interface Settings extends Required<NatsBackplaneOptions> {
  readonly connection: () => NatsConnectionOptions | Promise<NatsConnectionOptions>
}

/** @throws {TypeError | RangeError} */
export function settle (connection: unknown, options: NatsBackplaneOptions): Settings {
  if (typeof connection !== 'function' && (typeof connection !== 'object' || connection === null || 'publish' in connection)) {
    throw new TypeError('nats() opens a connection of its own: it takes the options for connect(), or a function that returns them')
  }
  const settings: Settings = {
    connection: (typeof connection === 'function' ? connection : () => connection) as Settings['connection'],
    prefix: options.prefix ?? 'ws',
    deadline: options.deadline ?? 4000,
    lease: options.lease ?? 30_000,
    grace: options.grace ?? 5000,
    margin: options.margin ?? 300_000,
    storage: options.storage ?? 'file',
    replicas: options.replicas ?? 1,
    apiPrefix: options.apiPrefix ?? '$JS.API'
  }
  if (typeof settings.prefix !== 'string' || !/^[\w-]{1,64}$/.test(settings.prefix)) {
    throw new TypeError('prefix must be letters, digits, _ and -, at most 64')
  }
  if (typeof settings.apiPrefix !== 'string' || !/^[^\s*>]+$/.test(settings.apiPrefix)) throw new TypeError('apiPrefix must be a subject')
  if (settings.storage !== 'file' && settings.storage !== 'memory') throw new TypeError('storage must be file or memory')
  checkRange('deadline', settings.deadline, 100, 4000)
  for (const name of ['lease', 'grace', 'margin'] as const) checkRange(name, settings[name], 100, 2 ** 31 - 1)
  checkRange('replicas', settings.replicas, 1, 5)
  return settings
}

function checkRange (name: string, value: unknown, least: number, most: number): void {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be an integer from ${least} to ${most}`)
  }
}
