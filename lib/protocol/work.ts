/*
 * What handing something on is taken to cost, so that one peer cannot keep everybody else waiting. It is counted and not
 * measured, because a look at the clock costs as much as a small message. Whoever has done so much looks at the clock.
 */

/** Work after which the clock is looked at. What one read brings is mostly less, and costs no look. */
export const ALLOWANCE = 16

/** The work that a message or a frame makes: 1 for itself and 1 for every 256 of its bytes. */
export function workOf (bytes: number): number {
  return 1 + (bytes >>> 8)
}
