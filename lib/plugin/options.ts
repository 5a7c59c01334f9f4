import { constants } from 'node:buffer'
import type { SocketOptions } from '../../types/options.ts'
import { FST_ERR_WS_OPTION, FST_ERR_WS_UNKNOWN_OPTION } from '../errors.ts'
import { isToken } from '../protocol/handshake.ts'
import { isOrigin } from './origin.ts'

/** Options with every default filled in; the two functions stay absent where the defaults do their work. */
export type ResolvedOptions = Required<Omit<SocketOptions, 'onError' | 'onInvalidMessage'>> &
  Pick<SocketOptions, 'onError' | 'onInvalidMessage'>

export const DEFAULTS: ResolvedOptions = {
  maxPayload: 1024 * 1024,
  maxQueued: 64 * 1024,
  highWaterMark: 64 * 1024,
  maxBuffered: 1024 * 1024,
  overflow: 'close',
  heartbeat: { interval: 30_000, timeout: 30_000 },
  closeTimeout: 5000,
  origin: 'same-host',
  protocols: []
}

/** The longest delay that a timer of Node takes, in milliseconds. */
const LONGEST_DELAY = 2 ** 31 - 1

type Check = [isValid: (value: any) => boolean, expected: string]

const SIZE: Check = [value => Number.isSafeInteger(value) && value >= 0, 'a whole number of bytes']
const DELAY: Check = [isDelay, `a whole number of milliseconds from 1 to ${LONGEST_DELAY}`]
const FUNCTION: Check = [value => typeof value === 'function', 'a function']

const CHECKS: Record<keyof SocketOptions, Check> = {
  maxPayload: [
    value => Number.isSafeInteger(value) && value >= 1 && value <= constants.MAX_LENGTH,
    `a whole number of bytes from 1 to ${constants.MAX_LENGTH}`
  ],
  maxQueued: SIZE,
  highWaterMark: SIZE,
  maxBuffered: SIZE,
  overflow: [value => value === 'close' || value === 'drop', "'close' or 'drop'"],
  heartbeat: [
    value => value === false || (isObject(value) && isDelay(value.interval) && isDelay(value.timeout)),
    'false or { interval, timeout }, both a whole number of milliseconds, at least 1'
  ],
  closeTimeout: DELAY,
  origin: [
    isOriginPolicy,
    "'same-host', true, an origin such as 'https://example.com' (no path, no trailing slash), a RegExp, a list of both, " +
    'or a function'
  ],
  protocols: [
    value => Array.isArray(value) && new Set(value).size === value.length &&
      value.every(item => typeof item === 'string' && isToken(item)),
    'a list of different tokens'
  ],
  onError: FUNCTION,
  onInvalidMessage: FUNCTION
}

/** What `app.register` may find among a plugin's options besides the plugin's own. */
const FASTIFY_OPTIONS = ['prefix', 'logLevel', 'logSerializers']

/** @throws {FST_ERR_WS_OPTION | FST_ERR_WS_UNKNOWN_OPTION} names the option */
export function checkPluginOptions (options: SocketOptions): void {
  checkOptions(options, FASTIFY_OPTIONS)
}

/** @throws {FST_ERR_WS_OPTION | FST_ERR_WS_UNKNOWN_OPTION} names the option */
export function checkRouteOptions (options: unknown): void {
  if (options === true) return
  if (!isObject(options)) throw new FST_ERR_WS_OPTION('ws', 'true or an object of options')
  checkOptions(options, ['handler'])
}

function checkOptions (options: object, others: string[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (others.includes(name)) continue
    if (!Object.hasOwn(CHECKS, name)) throw new FST_ERR_WS_UNKNOWN_OPTION(name, Object.keys(CHECKS).join(', '))
    const [isValid, expected] = CHECKS[name as keyof SocketOptions]
    if (value !== undefined && !isValid(value)) throw new FST_ERR_WS_OPTION(name, expected)
  }
}

/** Later options win; one that is undefined counts as absent. */
export function mergeOptions (...layers: SocketOptions[]): ResolvedOptions {
  const merged: Record<string, unknown> = { ...DEFAULTS }
  for (const layer of layers) {
    for (const name of Object.keys(CHECKS)) {
      const value = layer[name as keyof SocketOptions]
      if (value !== undefined) merged[name] = value
    }
  }
  return merged as unknown as ResolvedOptions
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isDelay (value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= LONGEST_DELAY
}

function isOriginPolicy (value: unknown): boolean {
  if (value === true || typeof value === 'function') return true
  if (value === 'same-host') return true
  return [value].flat().every(item => item instanceof RegExp || (typeof item === 'string' && isOrigin(item)))
}
