import { binary, checkRows, hex, messageReader, type Piece, type Row, text } from './rows.ts'

const NOT_UTF8 = '1007 a text message is not UTF-8 (RFC 6455 section 8.1)'

/** The header of an unmasked frame; lengths here fit in 16 bits. */
function header (first: string, length: number): string {
  const short = length < 126 ? length.toString(16).padStart(2, '0') : `7e ${length.toString(16).padStart(4, '0')}`
  return `${first} ${short}`
}

/** A text cut in two fragments. */
function inTwo (payload: Buffer, cut: number): Piece[] {
  return [
    [header('01', cut), payload.subarray(0, cut)],
    [header('80', payload.length - cut), payload.subarray(cut)]
  ]
}

const valid: Row[] = []
// Short ASCII texts go their own way; the limit lies somewhere among these.
for (const length of [1, 2, 31, 32, 33, 47, 48, 49, 63, 64, 65, 99, 100, 101, 125, 126, 127, 128, 129, 300]) {
  const ascii = 'x'.repeat(length)
  const other = ascii.slice(1) + 'é'
  const size = Buffer.byteLength(other)
  valid.push(
    { name: `an ASCII text of ${length} bytes`, wire: [[header('81', length), ascii]], expect: [text(ascii)] },
    { name: `a text of ${size} bytes that ends in é`, wire: [[header('81', size), other]], expect: [text(other)] }
  )
}
valid.push(
  {
    name: 'a byte of 0x7f is ASCII and 0x80 is not',
    wire: [['81 02', hex('007f')], ['81 02', hex('c280')]],
    expect: [text('\0\x7f'), text('\x80')]
  },
  {
    name: 'a byte order mark belongs to the text',
    wire: [['81 04', '\ufeffa'], ['01 04', '\ufeffb'], ['80 00', '']],
    expect: [text('\ufeffa'), text('\ufeffb')]
  },
  {
    name: 'code points that are not characters are valid',
    wire: [['81 03', '\uffff'], ['81 04', '\u{10ffff}']],
    expect: [text('\uffff'), text('\u{10ffff}')]
  },
  {
    name: 'a character cut across four fragments with a ping between them',
    wire: [
      ['01 01', hex('f0')], ['00 01', hex('9f')], ['89 01', hex('ff')], ['00 01', hex('98')], ['80 01', hex('80')]
    ],
    expect: ['ping �', text('😀')]
  },
  {
    name: 'a character cut across fragments with an empty one between',
    wire: [['01 01', hex('c3')], ['00 00', ''], ['80 01', hex('a9')]],
    expect: [text('é')]
  },
  {
    name: 'a binary message need not be UTF-8',
    wire: [['82 02', hex('c3ff')], ['02 01', hex('ff')], ['80 01', hex('80')]],
    expect: [binary(hex('c3ff')), binary(hex('ff80'))]
  }
)
const sample = Buffer.from('aé\u07ff\u0800€\ud7ff\ue000\uffff\u{10000}😀\u{10ffff}z')
for (let cut = 0; cut <= sample.length; cut++) {
  valid.push({
    name: `characters of all lengths in fragments cut at byte ${cut}`,
    wire: inTwo(sample, cut),
    expect: [text(sample.toString())]
  })
}
checkRows(valid, messageReader)

/** Bytes that no UTF-8 text can begin with: the last one is the first that breaks RFC 3629 §4. */
const broken: Array<[string, string]> = [
  ['a continuation byte with nothing to continue', '80'],
  ['the last continuation byte with nothing to continue', 'bf'],
  ['a continuation byte too many', 'c3 a9 80'],
  ['a continuation byte too many after four', 'f0 9f 98 80 80'],
  ['an overlong slash in two bytes, C0', 'c0'],
  ['an overlong letter in two bytes, C1', 'c1'],
  ['an overlong slash in three bytes', 'e0 80'],
  ['the largest overlong form in three bytes', 'e0 9f'],
  ['an overlong slash in four bytes', 'f0 80'],
  ['the largest overlong form in four bytes', 'f0 8f'],
  ['the first surrogate', 'ed a0'],
  ['the last surrogate', 'ed bf'],
  ['a code point just above U+10FFFF', 'f4 90'],
  ['a lead byte for code points above U+10FFFF', 'f5'],
  ['a lead byte of five', 'f8'],
  ['a lead byte of six', 'fc'],
  ['0xfe', 'fe'],
  ['0xff', 'ff'],
  ['ASCII in place of the second byte of two', 'c3 41'],
  ['a lead byte in place of the second byte of two', 'c3 c3'],
  ['ASCII in place of the third byte of three', 'e2 82 41'],
  ['a lead byte in place of the third byte of three', 'e2 82 e2'],
  ['ASCII in place of the fourth byte of four', 'f0 9f 98 41'],
  ['a lead byte in place of the third byte of four', 'f0 9f f0']
]
const invalid: Row[] = []
for (const [name, digits] of broken) {
  for (const before of ['', 'ok €', 'x'.repeat(60), 'x'.repeat(300)]) {
    const bytes = Buffer.concat([Buffer.from(before), hex(digits)])
    const after = before === '' ? '' : `, after ${Buffer.byteLength(before)} good bytes`
    invalid.push(
      // The frame announces more than has come: it is refused at the byte to blame, not when it is complete.
      {
        name: `${name}${after}, in a frame that is still arriving`,
        wire: [[header('81', bytes.length + 20), bytes]],
        fails: NOT_UTF8
      },
      { name: `${name}${after}, at the end of a frame`, wire: [[header('81', bytes.length), bytes]], fails: NOT_UTF8 },
      {
        name: `${name}${after}, in a fragment that is still arriving`,
        wire: [['01 02', 'ok'], [header('00', bytes.length + 20), bytes]],
        fails: NOT_UTF8
      }
    )
  }
  const bytes = hex(digits)
  for (let cut = 1; cut < bytes.length; cut++) {
    invalid.push({
      name: `${name}, cut across fragments at byte ${cut}`,
      wire: [[header('01', cut), bytes.subarray(0, cut)], ['89 00', ''], [header('00', 9), bytes.subarray(cut)]],
      expect: ['ping '],
      fails: NOT_UTF8
    })
  }
}
for (const digits of ['c3', 'e2', 'e2 82', 'f0', 'f0 9f', 'f0 9f 98']) {
  const bytes = hex(`61 62 ${digits}`)
  invalid.push(
    {
      name: `a text that ends inside a character, after ${digits}`,
      wire: [[header('81', bytes.length), bytes]],
      fails: NOT_UTF8
    },
    {
      name: `a long text that ends inside a character, after ${digits}`,
      wire: [[header('81', bytes.length + 300), Buffer.concat([Buffer.alloc(300, 'x'), bytes])]],
      fails: NOT_UTF8
    },
    {
      name: `a text in fragments that ends inside a character, after ${digits}`,
      wire: inTwo(bytes, 2),
      fails: NOT_UTF8
    },
    {
      name: `a text whose empty last fragment leaves it inside a character, after ${digits}`,
      wire: [[header('01', bytes.length), bytes], ['80 00', '']],
      fails: NOT_UTF8
    },
    {
      name: `bytes of the next text do not complete a character, after ${digits}`,
      wire: [[header('01', bytes.length), bytes], ['81 01']],
      fails: '1002 a new message before the last one was complete'
    }
  )
}
invalid.push({
  name: 'good texts before a bad one are handed on',
  wire: [['01 01', hex('c3')], ['80 01', hex('a9')], ['81 01', 'a'], ['81 05', hex('62ff')]],
  expect: [text('é'), text('a')],
  fails: NOT_UTF8
})
checkRows(invalid, messageReader)
