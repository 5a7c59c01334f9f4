import type { Check } from '../connection/option-checks.ts'
import { LONGEST_DELAY } from '../connection/timer-wheel.ts'
import { FST_ERR_WS_OPTION, FST_ERR_WS_UNKNOWN_OPTION } from '../errors.ts'

export { type Check, SIZE } from '../connection/option-checks.ts'

export const DELAY: Check = [isDelay, `a whole number of milliseconds from 1 to ${LONGEST_DELAY}`]
export const COUNT: Check = [value => Number.isSafeInteger(value) && value >= 1, 'a whole number, at least 1']
export const FUNCTION: Check = [value => typeof value === 'function', 'a function']

/** @throws {FST_ERR_WS_OPTION | FST_ERR_WS_UNKNOWN_OPTION} an error that names the option */
export function checkOptions (options: object, checks: Record<string, Check>, others: string[], prefix = ''): void {
  for (const [name, value] of Object.entries(options)) {
    if (others.includes(name)) continue
    if (!Object.hasOwn(checks, name)) throw new FST_ERR_WS_UNKNOWN_OPTION(prefix + name, Object.keys(checks).join(', '))
    const [isValid, expected] = checks[name]!
    if (value !== undefined && !isValid(value)) throw new FST_ERR_WS_OPTION(prefix + name, expected)
  }
}

export function objectOf (checks: object): Check {
  return [isObject, `{ ${Object.keys(checks).join(', ')} }`]
}

export function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isDelay (value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= LONGEST_DELAY
}
