/** The real time, whatever a test makes of the clock. */
const now = performance.now.bind(performance)

/**
 * Seconds that something may take which no event announces: many where a runner runs files beside each other on a machine that
 * may be slow, and fewer than tap gives a file that runs by itself.
 */
const PATIENCE = process.env.TAP_TIMEOUT === undefined ? 20 : 60

/**
 * Waits until something that no event announces has come true.
 *
 * @param what is waited for, for the error where it does not come; by default the condition as it stands in the test
 * @throws after 60 seconds, or 20 where a file runs by itself
 */
export async function until (isTrue: () => boolean | Promise<boolean>, what = sourceOf(isTrue)): Promise<void> {
  for (const end = now() + PATIENCE * 1000; ;) {
    const answer = isTrue()
    if (answer === true || (answer !== false && await answer)) return
    if (now() > end) throw new Error(`waited ${PATIENCE} s for: ${what}`)
    await turn()
  }
}

/** One turn of the event loop: what was due has happened. */
export function turn (): Promise<void> {
  return new Promise(resolve => { setImmediate(resolve) })
}

/** A condition in words: as it stands in the test. */
export function sourceOf (condition: Function): string {
  return String(condition).replace(/^(?:async )?\(\) => /, '').replace(/\s+/g, ' ')
}
