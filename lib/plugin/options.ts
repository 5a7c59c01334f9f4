import type {
  DeflateOptions, DrainOptions, HeartbeatOptions, LimitOptions, PluginOptions, SocketOptions
} from '../../types/options.ts'
import type { KeepaliveOptions } from '../connection/keepalive.ts'
import { DEFLATE_CHECKS, MAX_PAYLOAD } from '../connection/option-checks.ts'
import { LONGEST_DELAY } from '../connection/timer-wheel.ts'
import { DEFLATE_DEFAULTS, type DeflateSettings } from '../deflate/negotiate.ts'
import { FST_ERR_WS_OPTION } from '../errors.ts'
import { DEFAULTS, type ResolvedOptions } from '../live/route-options.ts'
import { isToken } from '../protocol/extensions.ts'
import { type Check, checkOptions, COUNT, DELAY, FUNCTION, isDelay, isObject, objectOf, SIZE } from './check.ts'
import { isOrigin } from './origin.ts'

const DRAIN_DEFAULTS: Required<DrainOptions> = { batch: 500, interval: 50, timeout: 10_000 }

const DELAY_OR_FALSE: Check = [value => value === false || isDelay(value), `false or ${DELAY[1]}`]
const HEARTBEAT_CHECKS: Record<keyof HeartbeatOptions, Check> = { interval: DELAY, timeout: DELAY }

const LIMIT: Check = [value => value === false || COUNT[0](value), `false or ${COUNT[1]}`]
const LIMIT_CHECKS: Record<keyof LimitOptions, Check> = {
  connections: LIMIT,
  connectionsPerAddress: LIMIT,
  handshakesPerAddress: LIMIT,
  messagesPerSecond: LIMIT,
  bytesPerSecond: LIMIT,
  subscriptions: LIMIT,
  publishesPerSecond: LIMIT,
  over: [value => value === 'close' || value === 'pause', "'close' or 'pause'"]
}

const DRAIN_CHECKS: Record<keyof DrainOptions, Check> = {
  batch: COUNT,
  interval: [value => value === 0 || isDelay(value), `a whole number of milliseconds from 0 to ${LONGEST_DELAY}`],
  timeout: DELAY
}

const CHECKS: Record<keyof SocketOptions, Check> = {
  maxPayload: MAX_PAYLOAD,
  maxQueued: SIZE,
  highWaterMark: SIZE,
  maxBuffered: SIZE,
  overflow: [value => value === 'close' || value === 'drop', "'close' or 'drop'"],
  heartbeat: [
    value => value === false || (isObject(value) && isDelay(value.interval) && isDelay(value.timeout)),
    'false or { interval, timeout }, both a whole number of milliseconds, at least 1'
  ],
  idleTimeout: DELAY_OR_FALSE,
  maxLifetime: DELAY_OR_FALSE,
  handshakeTimeout: DELAY,
  closeTimeout: DELAY,
  limits: objectOf(LIMIT_CHECKS),
  origin: [
    isOriginPolicy,
    "'same-host', true, an origin such as 'https://example.com' (no path, no trailing slash) or 'null', a RegExp, a list of " +
    'both, or a function'
  ],
  protocols: [
    value => typeof value === 'function' || (Array.isArray(value) && new Set(value).size === value.length &&
      value.every(item => typeof item === 'string' && isToken(item))),
    'a list of different tokens, or a function that picks one of those that a client offers'
  ],
  deflate: [value => typeof value === 'boolean' || isObject(value), `true, false or { ${Object.keys(DEFLATE_DEFAULTS).join(', ')} }`],
  onDrain: FUNCTION,
  onError: FUNCTION,
  onInvalidMessage: FUNCTION
}

/** Options of Fastify's own that `app.register` takes together with a plugin's. */
const FASTIFY_OPTIONS = ['prefix', 'logLevel', 'logSerializers']

const PLUGIN_CHECKS: Record<keyof PluginOptions, Check> = {
  ...CHECKS,
  drain: objectOf(DRAIN_CHECKS),
  identify: FUNCTION,
  backplane: [value => isObject(value) && typeof value.name === 'string' && typeof value.create === 'function', 'what redis() or nats() returns']
}

/** @throws {FST_ERR_WS_OPTION | FST_ERR_WS_UNKNOWN_OPTION} an error that names the option */
export function checkPluginOptions (options: PluginOptions): void {
  checkSocketOptions(options, PLUGIN_CHECKS, FASTIFY_OPTIONS)
  if (isObject(options.drain)) checkOptions(options.drain, DRAIN_CHECKS, [], 'drain.')
}

/** @throws {FST_ERR_WS_OPTION | FST_ERR_WS_UNKNOWN_OPTION} an error that names the option */
export function checkRouteOptions (options: unknown): void {
  if (options === true) return
  if (!isObject(options)) throw new FST_ERR_WS_OPTION('ws', 'true or an object of options')
  checkSocketOptions(options, CHECKS, ['handler'])
}

function checkSocketOptions (options: SocketOptions, checks: Record<string, Check>, others: string[]): void {
  checkOptions(options, checks, others)
  if (isObject(options.deflate)) checkOptions(options.deflate, DEFLATE_CHECKS, [], 'deflate.')
  if (isObject(options.heartbeat)) checkOptions(options.heartbeat, HEARTBEAT_CHECKS, [], 'heartbeat.')
  if (isObject(options.limits)) checkOptions(options.limits, LIMIT_CHECKS, [], 'limits.')
}

/** Merges options and adds the defaults. Later layers win; an option that is undefined counts as absent. */
export function mergeOptions (...layers: SocketOptions[]): ResolvedOptions {
  return withDefaults(DEFAULTS, CHECKS, layers)
}

/** The settings that the option `deflate` stands for; null means no compression. */
export function deflateSettings (option: boolean | DeflateOptions): DeflateSettings | null {
  if (option === false) return null
  return withDefaults(DEFLATE_DEFAULTS, DEFLATE_CHECKS, option === true ? [] : [option])
}

/** The options of the keepalive; null if none of them is set. */
export function keepaliveOptions ({ heartbeat, idleTimeout, maxLifetime }: ResolvedOptions): KeepaliveOptions | null {
  if (heartbeat === false && idleTimeout === false && maxLifetime === false) return null
  return { heartbeat: heartbeat || null, idleTimeout: idleTimeout || null, maxLifetime: maxLifetime || null }
}

/** The option `drain` with its defaults. */
export function drainOptions (option: DrainOptions = {}): Required<DrainOptions> {
  return withDefaults(DRAIN_DEFAULTS, DRAIN_CHECKS, [option])
}

function withDefaults<Options extends object> (defaults: Options, checks: Record<string, Check>, layers: object[]): Options {
  const merged = { ...defaults } as Record<string, unknown>
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer)) {
      if (value !== undefined && Object.hasOwn(checks, name)) merged[name] = value
    }
  }
  return merged as Options
}

function isOriginPolicy (value: unknown): boolean {
  if (value === true || typeof value === 'function') return true
  if (value === 'same-host') return true
  return [value].flat().every(item => item instanceof RegExp || (typeof item === 'string' && isOrigin(item)))
}
