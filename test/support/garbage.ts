import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { turn } from './until.ts'

setFlagsFromString('--expose-gc')

const { Bun } = globalThis as { Bun?: { gc (isSynchronous: boolean): void } }

/** Collects what can be collected, now. */
export const collectGarbage = Bun === undefined ? runInNewContext('gc') as () => void : () => Bun.gc(true)

/** Bytes in use, of JavaScript and of buffers, when what can be collected has been. */
export function held (): number {
  let least = Infinity
  for (;;) {
    collectGarbage()
    const { heapUsed, external } = process.memoryUsage()
    // What one collection leaves to be freed beside the program, the next waits for.
    if (heapUsed + external > least - 1024) return least
    least = heapUsed + external
  }
}

/**
 * How many bytes more are in use than before. On a busy machine some of what is not held any more is freed some turns later, so it is
 * looked again while they are as many as a test does not allow.
 */
export async function heldSince (before: number, bound: number): Promise<number> {
  let more = held() - before
  for (let turns = 0; more >= bound && turns < 100; turns++) {
    await turn()
    more = held() - before
  }
  return more
}
