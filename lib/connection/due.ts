import { AsyncResource } from 'node:async_hooks'
import * as timers from 'node:timers'

/** When something is to be done, in their order: a sooner time replaces a later one. */
export const NOT_DUE = 0
/** When the reads of this turn of the event loop are over. */
export const TURN_END = 1
/** When the code that runs now has come to its end. */
export const TICK = 2
export type DueTime = typeof NOT_DUE | typeof TURN_END | typeof TICK

export interface Due {
  /** It is time; or the time has passed already. */
  onDue (): void
}

/** How many are told in one turn: each may write, which takes some 2 µs. */
const A_TURN = 1000

// As they are, whatever a test makes of the clock.
const { setImmediate } = timers
/** They share an immediate, which must not carry the AsyncLocalStorage of whoever was first. */
const nobody = new AsyncResource('fastify-sockets.turn-end')
let waiting: Due[] = []

/** Of very many whose time is the end of the turn, the last are told in one of the next. */
export function at (time: DueTime, one: Due): void {
  if (time === TICK) process.nextTick(tell, one)
  else if (waiting.push(one) === 1) setImmediate(endTurn)
}

function endTurn (): void {
  const due = waiting
  waiting = due.splice(A_TURN)
  if (waiting.length > 0) setImmediate(endTurn)
  nobody.runInAsyncScope(tellAll, undefined, due)
}

function tellAll (due: Due[]): void {
  for (const one of due) one.onDue()
}

function tell (one: Due): void {
  one.onDue()
}
