export type Timer = ReturnType<typeof setTimeout> | undefined

/** The longest that a timer can be; a longer one would run at once. */
const LONGEST = 2 ** 31 - 1

export function after (delay: number, callback: () => void): Timer {
  return setTimeout(callback, Math.min(delay, LONGEST))
}
