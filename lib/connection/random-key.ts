import { randomFillSync } from 'node:crypto'

/** One system call fills the keys of 2,048 frames. */
const pool = new Int32Array(2048)
let next = pool.length

/** A fresh, unpredictable masking key for a frame of the client role (RFC 6455 §5.3, §10.3). */
export function randomKey (): number {
  if (next === pool.length) {
    randomFillSync(pool)
    next = 0
  }
  return pool[next++]!
}
