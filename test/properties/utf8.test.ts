import { equal } from 'node:assert/strict'
import * as fc from 'fast-check'
import { Utf8Validator } from '../../lib/protocol/utf8.ts'
import { firstInvalid, isValid } from '../support/utf8.ts'
import { cuts, pieces } from './arbitraries.ts'
import { holds } from './holds.ts'

/** Lead bytes and their seconds at the borders of what is allowed. */
const EDGES = [
  0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef,
  0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff
]

const character = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).map(one => Buffer.from(one))
const run = fc.array(character, { maxLength: 20 }).map(characters => Buffer.concat(characters))
/** What looks like a character, with a second byte that is or is not allowed after the first. */
const almost = fc.tuple(
  fc.constantFrom(0xc2, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4),
  fc.constantFrom(0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0),
  fc.array(fc.constantFrom(0x80, 0xbf), { maxLength: 3 })
).map(([first, second, rest]) => Buffer.from([first, second, ...rest]))
const edges = fc.array(fc.constantFrom(...EDGES), { maxLength: 6 }).map(bytes => Buffer.from(bytes))

/** Valid text with holes: characters, beginnings and ends of characters, edges, noise. */
const mixed = fc.array(fc.oneof(
  { weight: 6, arbitrary: run },
  { weight: 1, arbitrary: fc.tuple(character, fc.nat({ max: 3 })).map(([bytes, end]) => bytes.subarray(0, end)) },
  { weight: 1, arbitrary: almost },
  { weight: 1, arbitrary: edges },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 8 }).map(bytes => Buffer.from(bytes)) }
), { maxLength: 6 }).map(parts => Buffer.concat(parts))

const anyBytes = fc.oneof({ weight: 4, arbitrary: mixed }, almost, edges)

/** One for all: a text must leave nothing behind for the next. */
const validator = new Utf8Validator()

/** Which piece is refused, or -1; whether the text is valid. */
function judge (parts: Uint8Array[], around: number): { refused: number, valid: boolean } {
  const refused = parts.findIndex(part => {
    const lent = Buffer.alloc(part.length + 2 * around, 0xff)
    lent.set(part, around)
    return !validator.push(lent, around, around + part.length)
  })
  const complete = validator.end()
  return { refused, valid: refused === -1 && complete }
}

holds('a text is valid if TextDecoder says so, in any pieces', 4000,
  fc.property(anyBytes, cuts, fc.nat({ max: 9 }), (bytes, cuts, around) => {
    equal(judge(pieces(bytes, cuts), around).valid, isValid(bytes))
  }))

holds('the first piece refused is the one with the first byte that nothing can make valid', 4000,
  fc.property(anyBytes, cuts, (bytes, cuts) => {
    const bad = firstInvalid(bytes)
    let end = 0
    const wanted = pieces(bytes, cuts).findIndex(part => (end += part.length) > bad && bad !== -1)
    equal(judge(pieces(bytes, cuts), 0).refused, wanted)
  }))
