import { test } from 'tap'
import { Utf8Validator } from '../../lib/protocol/utf8.ts'
import { generator } from '../support/splits.ts'

const strict = new TextDecoder('utf-8', { fatal: true })

function isValid (bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes)
    return true
  } catch {
    return false
  }
}

/** All beginnings of characters of several bytes, in hex: the last byte of each character missing, or more. */
const BEGINNINGS = new Set<string>()
// The last byte takes 64 values, so every 64th code point shows all the others.
for (let point = 0x80; point <= 0x10ffff; point += 64) {
  if (point >= 0xd800 && point <= 0xdfff) continue
  const digits = Buffer.from(String.fromCodePoint(point)).toString('hex')
  for (let end = 2; end < digits.length; end += 2) BEGINNINGS.add(digits.slice(0, end))
}

/** Index of the first byte that nothing can make valid, or -1; and whether the bytes are whole characters. */
function examine (bytes: Buffer): { bad: number, complete: boolean } {
  let start = 0
  for (let i = 0; i < bytes.length; i++) {
    const character = bytes.subarray(start, i + 1)
    if (BEGINNINGS.has(character.toString('hex'))) continue
    if (!isValid(character)) return { bad: i, complete: false }
    start = i + 1
  }
  return { bad: -1, complete: start === bytes.length }
}

/** One for all: a text must leave nothing behind for the next. */
const validator = new Utf8Validator()

function accepts (pieces: Uint8Array[]): boolean {
  const pushed = pieces.every(piece => validator.push(piece, 0, piece.length))
  const ended = validator.end()
  return pushed && ended
}

/** How many bytes a new validator takes, one by one, before it refuses one; -1: it takes all. */
function refusedAt (bytes: Buffer): number {
  const fresh = new Utf8Validator()
  let at = 0
  while (at < bytes.length && fresh.push(bytes, at, at + 1)) at++
  return at === bytes.length ? -1 : at
}

/** Every mistake of the validator on these bytes: byte by byte, cut at each place, and each beginning of them. */
function mistakes (bytes: Buffer): string[] {
  const { bad, complete } = examine(bytes)
  const found: string[] = []
  const digits = bytes.toString('hex')
  if (refusedAt(bytes) !== bad) found.push(`${digits} byte by byte`)
  for (let cut = 0; cut <= bytes.length; cut++) {
    const first = bytes.subarray(0, cut)
    const second = bytes.subarray(cut)
    if (accepts([first, second]) !== complete) found.push(`${digits} cut at ${cut}`)
    const wanted = bad === -1 || cut <= bad
    const taken = validator.push(first, 0, cut)
    if (taken !== wanted) found.push(`the beginning ${first.toString('hex')}`)
    if (taken && validator.push(second, 0, second.length) !== (bad === -1)) found.push(`${digits} on from ${cut}`)
    validator.end()
  }
  return found
}

function allMistakes (sequences: Iterable<number[]>): { count: number, found: string[] } {
  const found: string[] = []
  let count = 0
  for (const sequence of sequences) {
    count++
    found.push(...mistakes(Buffer.from(sequence)))
  }
  return { count, found }
}

function * product (...sets: number[][]): Generator<number[]> {
  const [first, ...rest] = sets
  if (first === undefined) {
    yield []
    return
  }
  for (const value of first) for (const tail of product(...rest)) yield [value, ...tail]
}

const ALL = Array.from({ length: 256 }, (_, byte) => byte)
/** Both sides of every border in the table of RFC 3629 §4. */
const BORDERS = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xf0, 0xff]
const LEADS = [0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff]

test('the reference itself knows the beginnings of characters', async t => {
  t.same(examine(Buffer.from('61e282', 'hex')), { bad: -1, complete: false })
  t.same(examine(Buffer.from('61eda080', 'hex')), { bad: 2, complete: false })
  t.same(examine(Buffer.from('é😀')), { bad: -1, complete: true })
})

test('every byte alone is judged as TextDecoder does', async t => {
  t.same(allMistakes(product(ALL)), { count: 256, found: [] })
  for (const byte of ALL) t.equal(accepts([Uint8Array.of(byte)]), isValid(Uint8Array.of(byte)), `byte ${byte}`)
})

test('every pair of bytes is judged as TextDecoder does', async t => {
  const wrong: string[] = []
  for (const pair of product(ALL, ALL)) {
    const bytes = Buffer.from(pair)
    if (accepts([bytes]) !== isValid(bytes)) wrong.push(bytes.toString('hex'))
  }
  t.same(wrong, [])
})

test('every pair of bytes is refused at the first byte that nothing can follow', async t => {
  t.same(allMistakes(product(ALL, ALL)), { count: 65_536, found: [] })
})

test('three bytes at the borders of RFC 3629 §4, cut at each place', async t => {
  t.same(allMistakes(product([...BORDERS, ...LEADS], BORDERS, BORDERS)).found, [])
})

test('four bytes at the borders of RFC 3629 §4, cut at each place', async t => {
  t.same(allMistakes(product(LEADS, BORDERS, BORDERS, BORDERS)).found, [])
})

test('continuation bytes without end', async t => {
  for (let count = 1; count <= 8; count++) {
    for (const character of ['', 'a', 'é', '€', '😀']) {
      const bytes = Buffer.concat([Buffer.from(character), Buffer.alloc(count, 0x80)])
      t.same(mistakes(bytes), [], `${count} after "${character}"`)
    }
  }
})

test('random bytes in which lead and continuation bytes are frequent, cut at each place', async t => {
  const random = generator(7)
  const pick = (set: number[]): number => set[Math.floor(random() * set.length)]!
  function * sample (): Generator<number[]> {
    const others = [0x61, 0x80, 0x9f, 0xa0, 0xbf]
    for (let i = 0; i < 3000; i++) {
      yield Array.from({ length: 3 + i % 6 }, () => pick(random() < 0.5 ? others : LEADS))
    }
  }
  t.same(allMistakes(sample()).found, [])
})

test('a text of all kinds of characters, cut at two places', async t => {
  const bytes = Buffer.from('aé\u07ff\u0800€\ud7ff\ue000\uffff\u{10000}😀\u{10ffff}z')
  const wrong: string[] = []
  for (let one = 0; one <= bytes.length; one++) {
    for (let two = one; two <= bytes.length; two++) {
      const pieces = [bytes.subarray(0, one), bytes.subarray(one, two), bytes.subarray(two)]
      if (!accepts(pieces)) wrong.push(`cut at ${one} and ${two}`)
    }
  }
  t.same(wrong, [])
})

test('every code point that is not a surrogate is accepted in two pieces', async t => {
  const wrong: string[] = []
  for (let point = 0; point <= 0x10ffff; point += 61) {
    if (point >= 0xd800 && point <= 0xdfff) continue
    const bytes = Buffer.from(String.fromCodePoint(point))
    for (let cut = 0; cut <= bytes.length; cut++) {
      if (!accepts([bytes.subarray(0, cut), bytes.subarray(cut)])) wrong.push(`U+${point.toString(16)} cut at ${cut}`)
    }
  }
  t.same(wrong, [])
})

test('only the given range is looked at', async t => {
  const bytes = Buffer.from('ff61c3a962ff', 'hex')
  t.equal(validator.push(bytes, 1, 5), true)
  t.equal(validator.push(bytes, 3, 3), true, 'an empty piece')
  t.equal(validator.end(), true)
  t.equal(validator.push(bytes, 1, 3), true)
  t.equal(validator.push(bytes, 3, 4), true, 'a character cut by the range')
  t.equal(validator.end(), true)
})

test('a text that ends inside a character is refused at its end, and the next text begins anew', async t => {
  // E0, ED, F0 and F4 narrow what may come next: nothing of that may be left over.
  for (const digits of ['c3', 'e0', 'ed', 'f0', 'f4', 'e282', 'f09f', 'f09f98']) {
    const bytes = Buffer.from(digits, 'hex')
    t.equal(validator.push(bytes, 0, bytes.length), true, digits)
    t.equal(validator.end(), false, `${digits} is not the end`)
    t.equal(accepts([Buffer.from('c2', 'hex'), Buffer.from('80', 'hex')]), true, `U+0080 after ${digits}`)
    t.equal(accepts([Buffer.from('c2', 'hex'), Buffer.from('bf', 'hex')]), true, `U+00BF after ${digits}`)
  }
})
