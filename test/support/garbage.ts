import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

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
