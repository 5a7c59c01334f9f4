/** Names that a store might take for something else. */
export const NAMES = [
  'news', 'News', '/rooms/a', '/rooms/a/b', '/rooms/*', '/rooms/?', '/rooms/[ab]', '/rooms/a%2Fb', 'a.b', 'a.*', 'a.>', '>', '*', '{a}.b', '{b}.b',
  '$SYS.a', ' ', 'a b', 'a\nb', 'ä', '❤', '__proto__', 'constructor', 'x'.repeat(255)
]

/** Messages likewise. */
export const MESSAGES = ['', ' ', '\0', '\r\n', '1:2:3', '{"a":1}', 'ä❤\u{1f600}', 'x'.repeat(100_000)]

/** Messages as bytes, each of which is one character here. */
export const BYTES = [
  ...MESSAGES.map(text => Buffer.from(text).toString('latin1')),
  Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1'),
  '\xff', '\xfe\xff', '\xc3', '\xed\xa0\x80', '\0\0\0\0', '\n', '\n\n', '1 \n', '1 a 1 b c:5\n12345', '*1\r\n$4\r\nPING\r\n', 'PING\r\n', '"', '\\', '\x80'.repeat(70_000)
]

export const IDS = ['', ' ', '0', 'id', 'ID', 'a b', 'a\r\nb', '*', '>', '__proto__', 'ä❤', 'x'.repeat(300)]

export const MEMBER_IDS = ['', ' ', 'a b', '*', '>', '__proto__', 'ä❤', 'a\r\nb']

/** What may be told of a member. */
export const INFOS = [null, true, 0, -1.5, '', 'text', [], [1, null], {}, { name: 'Ann', tags: ['a'] }]

/** Texts that are positions in no store. */
export const NO_POSITIONS = [
  '', ' ', '0', '1', '-1', '0-0', '-', '1-1', '$', '+', 'latest', 'null', 'undefined', 'NaN', 'Infinity', '__proto__', '\0', '\n', '%00', '*', '{}',
  '❤', '\u{1f600}-1', '9'.repeat(400), 'z'.repeat(10_000)
]

/** Texts that look like a position. */
export function mutations (at: string): string[] {
  const all = [at + at, `${at}0`, `0${at}`, ` ${at}`, `${at} `, `${at}\n`, [...at].toReversed().join('')]
  for (let i = 0; i < at.length; i++) {
    all.push(at.slice(0, i), at.slice(i), at.slice(0, i) + at.slice(i + 1))
    for (const character of '0-zA.') all.push(at.slice(0, i) + character + at.slice(i + 1))
  }
  return all.filter(text => text !== at)
}
