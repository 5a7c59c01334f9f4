import assert from 'node:assert/strict'

/** The real time, whatever a test makes of the clock. */
const now = performance.now.bind(performance)

/** Milliseconds that something may take which has been promised without a time. */
const PATIENCE = 20_000

/** So often it is looked for in the next turn of the event loop; then time passes in between. */
const TURNS = 50

/** Lets milliseconds pass, for the process and the store. */
export type Pass = (milliseconds: number) => Promise<void>

/**
 * Waits until something has come true.
 *
 * @throws after 20 seconds
 */
export async function until (isTrue: () => boolean | Promise<boolean>, what: string, pass: Pass): Promise<void> {
  const end = now() + PATIENCE
  for (let i = 0; !await isTrue(); i++) {
    assert.ok(now() < end, `waited ${PATIENCE / 1000} s for ${what}`)
    await (i < TURNS ? turn() : pass(5))
  }
}

/** One turn of the event loop. */
export function turn (): Promise<void> {
  return new Promise(resolve => { setImmediate(resolve) })
}

/** By the real time. */
export function sleep (milliseconds: number): Promise<void> {
  return new Promise(resolve => { setTimeout(resolve, milliseconds) })
}
