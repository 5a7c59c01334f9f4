import { constants } from 'node:buffer'
import type { DeflateSettings } from '../deflate/negotiate.ts'

/** Whether a value is valid for an option, and what it must be. */
export type Check = [isValid: (value: any) => boolean, expected: string]

export const SIZE: Check = [value => Number.isSafeInteger(value) && value >= 0, 'a whole number of bytes']
export const BOOLEAN: Check = [value => typeof value === 'boolean', 'true or false']

export function integer (from: number, to: number): Check {
  return [value => Number.isInteger(value) && value >= from && value <= to, `a whole number from ${from} to ${to}`]
}

/*
 * What a route and a client may be told of a connection.
 */

export const MAX_PAYLOAD: Check = [
  value => Number.isSafeInteger(value) && value >= 1 && value <= constants.MAX_LENGTH,
  `a whole number of bytes from 1 to ${constants.MAX_LENGTH}`
]

export const DEFLATE_CHECKS: Record<keyof DeflateSettings, Check> = {
  threshold: SIZE,
  level: integer(1, 9),
  memLevel: integer(1, 9),
  contextTakeover: BOOLEAN,
  windowBits: integer(9, 15)
}
