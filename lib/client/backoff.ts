import type { ReconnectOptions } from './types.ts'

/** No server is obeyed that asks for more than a day, in milliseconds: timers are not made for it. */
const LONGEST = 86_400_000

/** A server that goes away, restarts or is overloaded has many clients, and all of them learn of it at once. */
const SHARED = [1001, 1012, 1013]

/**
 * How long to wait for the next attempt: any time within a window that grows (full jitter), so that clients which were cut
 * together come back apart.
 *
 * @param attempt how many have failed
 * @param code with which the last connection ended
 */
export function jitter (attempt: number, code: number, { min = 1000, max = 30_000, spread = 15_000 }: ReconnectOptions): number {
  const window = Math.min(max, min * 2 ** attempt || 0)
  return Math.random() * (Math.max(window, SHARED.includes(code) ? spread : 0))
}

/** Milliseconds of a `Retry-After` (RFC 9110 §10.2.3), which has seconds or a date, at most a day; 0: it has neither. */
export function readRetryAfter (value: string | null | undefined): number {
  const delay = +value! * 1000 || Date.parse(value!) - Date.now()
  return delay > 0 ? Math.min(delay, LONGEST) : 0
}
