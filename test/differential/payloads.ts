import { closeBody } from '../support/frames.ts'
import type { Random } from './random.ts'

/** Borders of UTF-8 and of its ranges that are taken out. */
const CHARACTERS = [
  '\0', 'a', '\x7f', '\x80', 'é', '\u07ff', '\u0800', '€', '\ud7ff', '\ue000', '\ufeff', '\uffff', '\u{10000}', '😀',
  '\u{10ffff}'
]

/** None of them can stand in a text, whatever comes before or after. */
const INVALID = [
  'ff', 'fe', 'c0', 'c1', 'c080', 'f5', 'e08080', 'e09fbf', 'eda080', 'edbfbf', 'f0808080', 'f08fbfbf', 'f4908080',
  'c3c3', 'e282e2', 'f09f98f0', 'c341', 'e28241', 'f09f9841', 'f8888080'
].map(digits => Buffer.from(digits, 'hex'))

const SIZES = [0, 1, 2, 3, 4, 5, 8, 23, 24, 100, 101, 124, 125, 126, 127, 149, 150, 255, 256, 300, 1000]
const LARGE = [4096, 16_384, 65_535, 65_536, 65_537, 70_000]
const LETTERS = Buffer.from('The quick brown fox jumps over the lazy dog. '.repeat(1600))

const CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
const BAD_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]

export function size (random: Random): number {
  if (random.chance(0.006)) return random.pick(LARGE)
  return random.chance(0.6) ? random.int(40) : random.pick(SIZES)
}

export function letters (length: number): Buffer {
  return LETTERS.subarray(0, length)
}

/** Valid text of about this many bytes, never more. */
export function utf8 (random: Random, length: number): Buffer {
  let text = ''
  let room = Math.min(length, 200)
  while (room > 3) {
    const character = random.chance(0.5) ? random.pick(CHARACTERS) : String.fromCodePoint(anyPoint(random))
    text += character
    room -= Buffer.byteLength(character)
  }
  const bytes = Buffer.from(text)
  return bytes.length >= length - 3 ? bytes : Buffer.concat([letters(length - bytes.length), bytes])
}

function anyPoint (random: Random): number {
  const point = random.int(random.pick([0x80, 0x800, 0x10000, 0x110000]))
  return point >= 0xd800 && point <= 0xdfff ? 0x41 : point
}

export function validText (random: Random): Buffer {
  const length = size(random)
  return random.chance(0.5) ? letters(length) : utf8(random, length)
}

/** Text that is not UTF-8: cut inside a character or with something that is none. */
export function invalidText (random: Random): Buffer {
  const text = utf8(random, size(random))
  const at = random.int(text.length + 1)
  const bad = random.chance(0.3) ? Buffer.from(random.pick(CHARACTERS)).subarray(0, 1) : random.pick(INVALID)
  return Buffer.concat([text.subarray(0, at), bad, random.chance(0.5) ? text.subarray(at) : Buffer.alloc(0)])
}

export function anyPayload (random: Random): Buffer {
  const kind = random.int(4)
  if (kind === 0) return letters(size(random))
  if (kind === 1) return utf8(random, size(random))
  if (kind === 2) return invalidText(random)
  return random.bytes(Math.min(300, size(random)))
}

/** Of a ping or a pong. */
export function controlPayload (random: Random): Buffer {
  return random.bytes(random.chance(0.8) ? random.int(12) : random.pick([124, 125]))
}

export function validClose (random: Random): Buffer {
  if (random.chance(0.2)) return Buffer.alloc(0)
  const reason = random.chance(0.7) ? random.int(30) : random.pick([0, 1, 22, 23, 24, 122, 123])
  return closeBody(random.pick(CODES), random.chance(0.5) ? letters(reason) : utf8(random, reason))
}

export function anyClose (random: Random): Buffer {
  const kind = random.int(5)
  if (kind === 0) return closeBody(random.pick(BAD_CODES), letters(random.int(20)))
  if (kind === 1) return closeBody(random.int(65_536), letters(random.int(20)))
  if (kind === 2) return closeBody(random.pick(CODES), invalidText(random).subarray(0, 123))
  if (kind === 3) return random.bytes(random.int(4))
  return validClose(random)
}
