/*
 * Counts what handing something on costs, so that one peer cannot keep everybody else waiting. It is counted rather than
 * measured because a look at the clock costs as much as a small message.
 */

/** Work after which we look at the clock. Most reads bring less, and cost no look. */
export const ALLOWANCE = 16

/** The work of a message or frame: 1 for itself, and 1 for every 256 of its bytes. */
export function workOf (bytes: number): number {
  return 1 + (bytes >>> 8)
}
