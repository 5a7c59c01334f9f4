import { test } from 'tap'
import { randomKey } from '../../lib/connection/random-key.ts'

/** More keys than several fillings of the pool. */
const COUNT = 20_000

test('masking keys are 32-bit numbers that do not come again (RFC 6455 §5.3)', async t => {
  const keys = Array.from({ length: COUNT }, randomKey)
  t.same(keys.filter(key => key !== (key | 0)), [])
  // Two equal ones among so many are expected once in 21 runs, six such pairs once in 10^10 runs.
  t.ok(new Set(keys).size > COUNT - 6, `${new Set(keys).size} different keys`)
})

test('every bit of a masking key is set about half the time (RFC 6455 §10.3)', async t => {
  const keys = Array.from({ length: COUNT }, randomKey)
  for (let bit = 0; bit < 32; bit++) {
    const set = keys.filter(key => key >>> bit & 1).length
    // Seven standard deviations, which are 71 keys each.
    t.ok(Math.abs(set - COUNT / 2) < 7 * 71, `bit ${bit} is set in ${set} of ${COUNT} keys`)
  }
})
