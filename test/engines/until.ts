import { setTimeout as wait } from 'node:timers/promises'
import { sourceOf } from '../support/until.ts'

/** Milliseconds from one look to the next: servers and clients share the processors with us. */
const LOOK = 15
const PATIENCE = 60_000

/**
 * Waits until something that no event announces has come true.
 *
 * @param what is waited for, for the error where it does not come
 * @throws after a minute
 */
export async function until (isTrue: () => boolean | Promise<boolean>, what = sourceOf(isTrue)): Promise<void> {
  for (const end = Date.now() + PATIENCE; !await isTrue(); await wait(LOOK)) {
    if (Date.now() > end) throw new Error(`waited ${PATIENCE / 1000} s for: ${what}`)
  }
}
