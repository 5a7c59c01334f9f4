import type { TopicOptions } from '../../types/declare-topic.ts'
import { LONGEST_DELAY } from '../connection/timer-wheel.ts'
import { FST_ERR_WS_OPTION } from '../errors.ts'
import type { PresenceSettings } from '../topics/presence.ts'
import type { TopicSettings } from '../topics/topic.ts'
import { type Check, checkOptions, COUNT, DELAY, FUNCTION, isDelay, isObject, objectOf } from './check.ts'

/** Milliseconds that a member may be away. */
const GRACE = 5000

const OVERFLOWS = ['close', 'drop', 'latest', 'catch-up']

const HISTORY_CHECKS: Record<string, Check> = {
  size: COUNT,
  ttl: DELAY,
  position: [value => typeof value === 'string' && value !== '', 'the name of a property']
}

const PRESENCE_CHECKS: Record<string, Check> = {
  info: FUNCTION,
  grace: [value => value === 0 || isDelay(value), `a whole number of milliseconds from 0 to ${LONGEST_DELAY}`],
  announce: FUNCTION
}

const CHECKS: Record<keyof TopicOptions, Check> = {
  schema: [isObject, '{ params, message }'],
  history: [value => isObject(value) && value.size !== undefined && value.ttl !== undefined, '{ size, ttl, position }'],
  presence: [value => value === true || typeof value === 'function' || isObject(value), `true, a function, or ${objectOf(PRESENCE_CHECKS)[1]}`],
  overflow: [value => OVERFLOWS.includes(value), OVERFLOWS.map(name => `'${name}'`).join(' or ')]
}

const ANY: Check = [() => true, '']

/** @throws {FST_ERR_WS_OPTION | FST_ERR_WS_UNKNOWN_OPTION} an error that names the option */
export function checkTopicOptions (options: unknown): asserts options is TopicOptions<{ params?: unknown, message?: unknown }> {
  if (!isObject(options)) throw new FST_ERR_WS_OPTION('topic', 'an object of options')
  checkOptions(options, CHECKS, [])
  const { schema, history, presence, overflow } = options as TopicOptions<object>
  if (isObject(schema)) checkOptions(schema, { params: ANY, message: ANY }, [], 'schema.')
  if (isObject(history)) checkOptions(history, HISTORY_CHECKS, [], 'history.')
  if (isObject(presence)) checkOptions(presence, PRESENCE_CHECKS, [], 'presence.')
  if (overflow === 'catch-up' && history === undefined) throw new FST_ERR_WS_OPTION('overflow', "another one than 'catch-up' for a topic without 'history'")
}

/** The options with their defaults. */
export function topicSettings ({ history, presence, overflow }: TopicOptions): TopicSettings {
  return {
    retention: history === undefined ? null : { size: history.size, ttl: history.ttl },
    position: history?.position ?? null,
    presence: presenceSettings(presence),
    overflow
  }
}

function presenceSettings (option: TopicOptions['presence']): PresenceSettings | null {
  if (option === undefined) return null
  if (option === true) return { info: () => undefined, grace: GRACE, announce: null }
  if (typeof option === 'function') return { info: option, grace: GRACE, announce: null }
  const { info = () => undefined, grace = GRACE, announce = null } = option
  return { info, grace, announce }
}
