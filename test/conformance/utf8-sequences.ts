/** Bytes of a text message, valid UTF-8 (RFC 3629) or not. */
export interface Sequence {
  id: string
  name: string
  hex: string
  valid: boolean
}

const KOSME = 'ce ba e1 bd b9 cf 83 ce bc ce b5'

type Entry = readonly [name: string, hex: string]

function group (number: number, valid: boolean | ((hex: string) => boolean), entries: readonly Entry[]): Sequence[] {
  return entries.map(([name, hex], index) => ({
    id: `6.${number}.${index + 1}`, name, hex, valid: typeof valid === 'boolean' ? valid : valid(hex)
  }))
}

/** The bytes of a range, each followed by a space. */
function lonely (from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => `${(from + index).toString(16)} 20`).join(' ')
}

const VALID = group(5, true, [
  ['ASCII', '68 65 6c 6c 6f'],
  ['characters of two bytes', 'c3 a4 c3 b6 c3 bc'],
  ['characters of three bytes', 'e6 97 a5 e6 9c ac e8 aa 9e'],
  ['characters of four bytes', 'f0 9f 98 80 f0 9d 84 9e'],
  ['Greek, with characters of two and three bytes', KOSME]
])

/** How many bytes of the Greek word end with a whole character. */
const WHOLE = [2, 5, 7, 9, 11]

const PREFIXES = Array.from({ length: 11 }, (_, index): Sequence => ({
  id: `6.6.${index + 1}`,
  name: `the first ${index + 1} bytes of a Greek word`,
  hex: KOSME.slice(0, (index + 1) * 3),
  valid: WHOLE.includes(index + 1)
}))

const FIRST_AND_LAST = [
  ...group(7, true, [
    ['the first character of one byte', '00'],
    ['the first character of two bytes', 'c2 80'],
    ['the first character of three bytes', 'e0 a0 80'],
    ['the first character of four bytes', 'f0 90 80 80']
  ]),
  ...group(8, false, [
    ['the first form of five bytes', 'f8 88 80 80 80'],
    ['the first form of six bytes', 'fc 84 80 80 80 80']
  ]),
  ...group(9, true, [
    ['the last character of one byte', '7f'],
    ['the last character of two bytes', 'df bf'],
    ['the last character of three bytes', 'ef bf bf'],
    ['the last character of four bytes', 'f4 8f bf bf']
  ]),
  ...group(10, false, [
    ['the last form of four bytes', 'f7 bf bf bf'],
    ['the last form of five bytes', 'fb bf bf bf bf'],
    ['the last form of six bytes', 'fd bf bf bf bf bf']
  ]),
  ...group(11, hex => hex !== 'f4 90 80 80', [
    ['U+D7FF, the last before the surrogates', 'ed 9f bf'],
    ['U+E000, the first after the surrogates', 'ee 80 80'],
    ['U+FFFD', 'ef bf bd'],
    ['U+10FFFF, the last code point', 'f4 8f bf bf'],
    ['U+110000, behind the last code point', 'f4 90 80 80']
  ])
]

const MISSING: readonly Entry[] = [
  ['two bytes, the last one missing', 'c0'],
  ['three bytes, the last one missing', 'e0 80'],
  ['four bytes, the last one missing', 'f0 80 80'],
  ['five bytes, the last one missing', 'f8 80 80 80'],
  ['six bytes, the last one missing', 'fc 80 80 80 80'],
  ['the last form of two bytes, its last one missing', 'df'],
  ['the last form of three bytes, its last one missing', 'ef bf'],
  ['the last form of four bytes, its last one missing', 'f7 bf bf'],
  ['the last form of five bytes, its last one missing', 'fb bf bf bf'],
  ['the last form of six bytes, its last one missing', 'fd bf bf bf bf']
]

const MALFORMED = [
  ...group(12, false, [
    ['the first continuation byte alone', '80'],
    ['the last continuation byte alone', 'bf'],
    ...[2, 3, 4, 5, 6].map((count): Entry => [`${count} continuation bytes`, 'bf 80 '.repeat(3).slice(0, count * 3)]),
    ['all continuation bytes', Array.from({ length: 64 }, (_, index) => (0x80 + index).toString(16)).join(' ')]
  ]),
  ...group(13, false, [
    ['every first byte of two, each with a space behind it', lonely(0xc0, 0xdf)],
    ['every first byte of three, each with a space behind it', lonely(0xe0, 0xef)],
    ['every first byte of four, each with a space behind it', lonely(0xf0, 0xf7)],
    ['every first byte of five, each with a space behind it', lonely(0xf8, 0xfb)],
    ['every first byte of six, each with a space behind it', lonely(0xfc, 0xfd)]
  ]),
  ...group(14, false, MISSING),
  ...group(15, false, [['all of these incomplete forms in a row', MISSING.map(([, hex]) => hex).join(' ')]]),
  ...group(16, false, [
    ['the byte FE', 'fe'],
    ['the byte FF', 'ff'],
    ['the bytes FE FE FF FF', 'fe fe ff ff']
  ])
]

const OVERLONG = [
  ...group(17, false, [
    ['a slash in two bytes', 'c0 af'],
    ['a slash in three bytes', 'e0 80 af'],
    ['a slash in four bytes', 'f0 80 80 af'],
    ['a slash in five bytes', 'f8 80 80 80 af'],
    ['a slash in six bytes', 'fc 80 80 80 80 af']
  ]),
  ...group(18, false, [
    ['U+007F in two bytes', 'c1 bf'],
    ['U+07FF in three bytes', 'e0 9f bf'],
    ['U+FFFF in four bytes', 'f0 8f bf bf'],
    ['U+1FFFFF in five bytes', 'f8 87 bf bf bf'],
    ['U+3FFFFFF in six bytes', 'fc 83 bf bf bf bf']
  ]),
  ...group(19, false, [
    ['U+0000 in two bytes', 'c0 80'],
    ['U+0000 in three bytes', 'e0 80 80'],
    ['U+0000 in four bytes', 'f0 80 80 80'],
    ['U+0000 in five bytes', 'f8 80 80 80 80'],
    ['U+0000 in six bytes', 'fc 80 80 80 80 80']
  ])
]

const SURROGATES = [
  ...group(20, false, [
    ['the surrogate U+D800', 'ed a0 80'],
    ['the surrogate U+DB7F', 'ed ad bf'],
    ['the surrogate U+DB80', 'ed ae 80'],
    ['the surrogate U+DBFF', 'ed af bf'],
    ['the surrogate U+DC00', 'ed b0 80'],
    ['the surrogate U+DF80', 'ed be 80'],
    ['the surrogate U+DFFF', 'ed bf bf']
  ]),
  ...group(21, false, [
    ['the surrogates U+D800 U+DC00', 'ed a0 80 ed b0 80'],
    ['the surrogates U+D800 U+DFFF', 'ed a0 80 ed bf bf'],
    ['the surrogates U+DB7F U+DC00', 'ed ad bf ed b0 80'],
    ['the surrogates U+DB7F U+DFFF', 'ed ad bf ed bf bf'],
    ['the surrogates U+DB80 U+DC00', 'ed ae 80 ed b0 80'],
    ['the surrogates U+DB80 U+DFFF', 'ed ae 80 ed bf bf'],
    ['the surrogates U+DBFF U+DC00', 'ed af bf ed b0 80'],
    ['the surrogates U+DBFF U+DFFF', 'ed af bf ed bf bf']
  ])
]

/** The last two code points of each plane are no characters, and valid all the same. */
const NONCHARACTERS = group(22, true, Array.from({ length: 17 }, (_, plane) => [0xfffe, 0xffff].map((low): Entry => {
  const code = plane * 0x10000 + low
  const bytes = plane === 0
    ? [0xef, 0xbf, low & 0x3f | 0x80]
    : [0xf0 | code >> 18, 0x80 | code >> 12 & 0x3f, 0x80 | code >> 6 & 0x3f, 0x80 | code & 0x3f]
  return [`the noncharacter U+${code.toString(16).toUpperCase()}`, bytes.map(byte => byte.toString(16)).join(' ')]
})).flat())

const SPECIALS = group(23, true, [
  ['U+FFF9, an annotation', 'ef bf b9'],
  ['U+FFFA, an annotation', 'ef bf ba'],
  ['U+FFFB, an annotation', 'ef bf bb'],
  ['U+FFFC, an object', 'ef bf bc'],
  ['U+FFFD, the replacement character', 'ef bf bd'],
  ['U+FEFF, the byte order mark, which is not taken away', 'ef bb bf 61'],
  ['U+2028, a line separator', 'e2 80 a8']
])

export const SEQUENCES: Sequence[] = [
  ...VALID, ...PREFIXES, ...FIRST_AND_LAST, ...MALFORMED, ...OVERLONG, ...SURROGATES, ...NONCHARACTERS, ...SPECIALS
]
