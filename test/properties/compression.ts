import * as fc from 'fast-check'
import type { Direction } from '../../lib/deflate/negotiate.ts'
import { generator } from '../support/splits.ts'
import { bytes, text } from './arbitraries.ts'

export const direction: fc.Arbitrary<Direction> = fc.record({
  contextTakeover: fc.boolean(), windowBits: fc.integer({ min: 8, max: 15 })
}, { noNullPrototype: true })

/** Letters of an alphabet, in no order. */
function letters (length: number, alphabet: number, seed: number): Buffer {
  const next = generator(seed)
  const block = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) block[i] = 0x21 + Math.floor(next() * alphabet)
  return block
}

/** A block that comes again: as far away as it is long, which may be in the window or just out of it. */
const repeated = fc.record({
  length: fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 3000 }) }, { weight: 1, arbitrary: fc.nat({ max: 40_000 }) }),
  alphabet: fc.integer({ min: 1, max: 200 }),
  times: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat()
}).map(({ length, alphabet, times, seed }) => {
  const block = letters(length, alphabet, seed)
  return Buffer.concat(Array.from({ length: times }, () => block))
})

const SIZES = [1023, 1024, 16_383, 16_384, 16_385, 131_072, 200_000]

/** Not empty; from what cannot be compressed to what almost vanishes, with sizes around those of the thread pool. */
export const compressible: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 3, arbitrary: repeated },
  { weight: 2, arbitrary: text.map(one => Buffer.from(one)) },
  { weight: 1, arbitrary: bytes.map(one => Buffer.from(one)) },
  { weight: 1, arbitrary: fc.constantFrom(...SIZES).map(length => Buffer.alloc(length, 'ab')) }
).filter(one => one.length > 0)
