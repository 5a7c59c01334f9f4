export type Timer = ReturnType<typeof setTimeout> | undefined

/** Milliseconds in which a server answers that is there, when somebody waits for it. */
export const AT_ONCE = 5000
/** Timers that are late by more than this, in milliseconds, have slept: with the machine, or in a frozen page. */
export const ASLEEP = 3000
/** Timers of 2 ** 31 milliseconds and more would run at once. */
const LONGEST = 2e9

export function after (delay: number, callback: () => void): Timer {
  return setTimeout(callback, Math.min(delay, LONGEST))
}
