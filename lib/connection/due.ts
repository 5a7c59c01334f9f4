import { AsyncResource } from 'node:async_hooks'
import * as timers from 'node:timers'

/** When something is due. Larger is sooner, and a sooner time replaces a later one. */
export const NOT_DUE = 0
/** After the reads of this turn of the event loop. */
export const TURN_END = 1
/** As soon as the code that runs now has returned. */
export const TICK = 2
export type DueTime = typeof NOT_DUE | typeof TURN_END | typeof TICK

export interface Due {
  /** The time has come, or has already passed. */
  onDue (): void
}

/** At most this many are told in one turn: each may write, which takes about 2 µs. */
const TOLD_PER_TURN = 1000

// The real one, even under a test's fake clock.
const { setImmediate } = timers
/** All share one immediate, which must not carry the AsyncLocalStorage of the first. */
const neutral = new AsyncResource('fastify-sockets.turn-end')
let waiting: Due[] = []

/** Calls `onDue` at that time. If too many are due at the end of a turn, the last ones wait for a later turn. */
export function at (time: DueTime, one: Due): void {
  if (time === TICK) process.nextTick(tell, one)
  else if (waiting.push(one) === 1) setImmediate(endTurn)
}

function endTurn (): void {
  const due = waiting
  waiting = due.splice(TOLD_PER_TURN)
  if (waiting.length > 0) setImmediate(endTurn)
  neutral.runInAsyncScope(tellAll, undefined, due)
}

function tellAll (due: Due[]): void {
  for (const one of due) one.onDue()
}

function tell (one: Due): void {
  one.onDue()
}
