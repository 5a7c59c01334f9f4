import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')

const { Bun } = globalThis as { Bun?: { gc (isSynchronous: boolean): void } }

/** Collects what can be collected, now. */
export const collectGarbage = Bun === undefined ? runInNewContext('gc') as () => void : () => Bun.gc(true)
