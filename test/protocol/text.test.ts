import { test } from 'tap'
import { decodeUtf8, encodeUtf8, isAscii, writeUtf8 } from '../../lib/protocol/utf8.ts'

/** One byte a character, two, three and four. */
const ALPHABETS = { ASCII: 'please ', 'Latin-1': 'déjà vu ', Cyrillic: 'привет ', mixed: 'ein „Echo“: añ€🌍 ' }
/** Around the lengths at which the way changes. */
const LENGTHS = [0, 1, 7, 31, 99, 100, 101, 300, 1022, 1023, 1024, 1025, 2047, 2048, 4096, 8192, 70_000]

/** The longest text of whole characters that takes no more bytes. */
function textOf (alphabet: string, bytes: number): string {
  let text = ''
  for (let i = 0, left = bytes; ; i++) {
    const character = String.fromCodePoint(alphabet.codePointAt(i % alphabet.length)!)
    left -= Buffer.byteLength(character)
    if (left < 0) return text
    text += character
    i += character.length - 1
  }
}

for (const [name, alphabet] of Object.entries(ALPHABETS)) {
  test(`${name} of every length is what TextEncoder and TextDecoder make of it`, async t => {
    for (const length of LENGTHS) {
      const text = textOf(alphabet, length)
      const bytes = Buffer.from(new TextEncoder().encode(text))
      t.ok(encodeUtf8(text).equals(bytes), `${length} bytes to`)
      t.equal(decodeUtf8(bytes), text, `${length} bytes from`)
      const target = Buffer.alloc(bytes.length + 2, '?')
      writeUtf8(target, 1, text, bytes.length)
      t.ok(target.equals(Buffer.concat([Buffer.from('?'), bytes, Buffer.from('?')])), `${length} bytes in place`)
    }
  })
}

test('a byte order mark and NUL are characters like others', async t => {
  for (const text of ['\ufeff', '\ufefftext', '\0', 'a\0ä', '\ufeff'.repeat(1000)]) {
    t.equal(decodeUtf8(encodeUtf8(text)), text)
  }
})

test('a lone surrogate is written as U+FFFD, as everywhere in Node', async t => {
  t.equal(encodeUtf8('a\ud800b').toString('hex'), '61efbfbd62')
  for (const lone of ['\ud800', '\udfff']) {
    const long = 'и'.repeat(5000)
    t.ok(encodeUtf8(long + lone + long).equals(Buffer.from(`${long}\ufffd${long}`)), 'in a long text')
  }
})

test('a long text with a single wide character, wherever it stands', async t => {
  const ascii = 'x'.repeat(5000)
  for (const at of [0, 1, 77, 78, 2500, 4999, 5000]) {
    const text = `${ascii.slice(0, at)}€${ascii.slice(at)}`
    t.ok(encodeUtf8(text).equals(Buffer.from(new TextEncoder().encode(text))), `at ${at}`)
  }
})

test('a byte above ASCII is found wherever it stands, in short and in long texts', async t => {
  const wrong: string[] = []
  for (const length of [0, 1, 3, 100, 101, 200]) {
    const bytes = Buffer.alloc(length + 2, 'x')
    bytes[0] = bytes[length + 1] = 0xff
    if (!isAscii(bytes, 1, length + 1)) wrong.push(`none in ${length}`)
    for (let at = 1; at <= length; at++) {
      bytes[at] = 0x80
      if (isAscii(bytes, 1, length + 1)) wrong.push(`byte ${at} of ${length}`)
      bytes[at] = 0x7f
    }
  }
  t.same(wrong, [])
})
