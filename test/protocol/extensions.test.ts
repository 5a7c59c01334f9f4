import * as fc from 'fast-check'
import { test } from 'tap'
import { type Extension, formatExtension, isToken, parseExtensions } from '../../lib/protocol/extensions.ts'

const TOKEN_CHARACTERS = "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~"

test('a token has the characters of RFC 9110 §5.6.2 and at least one', async t => {
  let allowed = ''
  for (let code = 0; code < 0x180; code++) if (isToken(String.fromCharCode(code))) allowed += String.fromCharCode(code)
  t.equal(allowed, TOKEN_CHARACTERS)
  t.equal(isToken(''), false)
  t.equal(isToken('chat\n'), false)
  t.equal(isToken('a b'), false)
})

function extension (name: string, ...parameters: Extension['parameters']): Extension {
  return { name, parameters }
}

const valid: Array<[name: string, header: string, wanted: Extension[]]> = [
  ['a name', 'foo', [extension('foo')]],
  ['a name of one character', 'x', [extension('x')]],
  ['a name with every character of a token', TOKEN_CHARACTERS, [extension(TOKEN_CHARACTERS)]],
  ['a name keeps its case', 'FoO', [extension('FoO')]],
  ['several names, in their order', 'foo, bar,baz', [extension('foo'), extension('bar'), extension('baz')]],
  ['the same name twice', 'foo, foo', [extension('foo'), extension('foo')]],
  ['a parameter without a value', 'foo; bar', [extension('foo', ['bar', null])]],
  ['a parameter with a value', 'foo; bar=1', [extension('foo', ['bar', '1'])]],
  ['a parameter and a value keep their case', 'foo; BaR=QuX', [extension('foo', ['BaR', 'QuX'])]],
  [
    'a value with every character of a token',
    `foo; bar=${TOKEN_CHARACTERS}`, [extension('foo', ['bar', TOKEN_CHARACTERS])]
  ],
  [
    'several parameters, in their order',
    'foo; c; b=2; a', [extension('foo', ['c', null], ['b', '2'], ['a', null])]
  ],
  [
    'a parameter that is repeated',
    'foo; a=1; a; a=1', [extension('foo', ['a', '1'], ['a', null], ['a', '1'])]
  ],
  ['parameters belong to the name before them', 'foo; a, bar, baz; b=2; c', [
    extension('foo', ['a', null]), extension('bar'), extension('baz', ['b', '2'], ['c', null])
  ]],
  ['a quoted value', 'foo; bar="10"', [extension('foo', ['bar', '10'])]],
  ['a quoted value between others', 'foo; a="1"; b=2, bar', [
    extension('foo', ['a', '1'], ['b', '2']), extension('bar')
  ]],
  ['a quoted value with an escaped character', 'foo; bar="1\\0"', [extension('foo', ['bar', '10'])]],
  ['a quoted value of nothing but escapes', 'foo; bar="\\1\\0"', [extension('foo', ['bar', '10'])]],
  ['no white space at all', 'foo;a;b=1;c="2",bar;d', [
    extension('foo', ['a', null], ['b', '1'], ['c', '2']), extension('bar', ['d', null])
  ]],
  ['white space before and behind', ' \tfoo\t ', [extension('foo')]],
  ['white space around a comma', 'foo \t,\t bar', [extension('foo'), extension('bar')]],
  ['white space around a semicolon', 'foo \t;\t bar \t;\t baz', [extension('foo', ['bar', null], ['baz', null])]],
  ['white space around an equals sign', 'foo; bar \t=\t 1', [extension('foo', ['bar', '1'])]],
  ['white space around a quoted value', 'foo; bar \t=\t "1" \t; baz="2"\t, qux', [
    extension('foo', ['bar', '1'], ['baz', '2']), extension('qux')
  ]],
  ['empty elements before', ',, ,foo', [extension('foo')]],
  ['an empty element before, behind white space', ' \t, foo', [extension('foo')]],
  ['empty elements between', 'foo,, ,\t,bar', [extension('foo'), extension('bar')]],
  ['empty elements behind', 'foo,,\t, ', [extension('foo')]],
  ['an empty element behind a parameter', 'foo; bar=1,', [extension('foo', ['bar', '1'])]],
  ['an empty element behind a quoted value', 'foo; bar="1" ,', [extension('foo', ['bar', '1'])]]
]
for (const [name, header, wanted] of valid) {
  test(`extensions are read: ${name} (§9.1)`, async t => {
    t.strictSame(parseExtensions(header), wanted)
  })
}

const malformed: Array<[name: string, ...headers: string[]]> = [
  ['nothing at all', ''],
  ['nothing but white space', ' ', '\t', ' \t '],
  ['nothing but empty elements', ',', ',,', ' , \t, '],
  ['a lone semicolon', ';', 'foo, ;', '; foo', 'foo,; bar'],
  [
    'a semicolon with no parameter',
    'foo;', 'foo; ', 'foo;;', 'foo; ; bar', 'foo; bar;', 'foo; bar=1;', 'foo;, bar', 'foo; bar="1";'
  ],
  ['a lone equals sign', '=', 'foo, =', '= foo'],
  ['an equals sign without a parameter', 'foo; =', 'foo; =1', 'foo=', 'foo=1', 'foo = 1'],
  ['an equals sign without a value', 'foo; bar=', 'foo; bar= ', 'foo; bar=; baz', 'foo; bar=, baz', 'foo; bar = ;'],
  ['two equals signs', 'foo; bar==1', 'foo; bar=1=2', 'foo; bar="1"=2'],
  [
    'two words',
    'foo bar', 'foo\tbar', 'foo; bar baz', 'foo; bar=1 2', 'foo; bar="1" 2', 'foo; bar="1" "2"', 'foo; bar=1 "2"'
  ],
  ['a quoted name', '"foo"', 'foo, "bar"'],
  ['a quoted parameter', 'foo; "bar"', 'foo; "bar"=1'],
  ['quotes without an equals sign', 'foo"bar"', 'foo; bar"1"', 'foo; bar "1"'],
  ['a quoted value next to another word', 'foo; bar="1"2', 'foo; bar=1"2"', 'foo; bar="1""2"'],
  [
    'quotes that do not end',
    'foo; bar="', 'foo; bar="1', 'foo; bar="1, baz', 'foo; bar="1\\"', 'foo; bar="1\\', 'foo; bar=1"'
  ],
  ['single quotes around what is no token', "foo; bar='1 2'", "foo; bar='1,2;3'x y"],
  ['an empty quoted value', 'foo; bar=""'],
  [
    'a quoted value that is no token',
    'foo; bar="1 2"', 'foo; bar=" 1"', 'foo; bar="1\t"', 'foo; bar="1,2"', 'foo; bar="1;2"', 'foo; bar="1=2"',
    'foo; bar="é"', 'foo; bar="(1)"', 'foo; bar="a/b"'
  ],
  [
    'a quoted value whose escapes hide what is no token',
    'foo; bar="\\ "', 'foo; bar="\\""', 'foo; bar="1\\"2"', 'foo; bar="\\\\"', 'foo; bar="\\,"', 'foo; bar="\\\t"'
  ],
  [
    'characters that are in no token',
    ...[...'()/:<>?@[\\]{}é\x7f\0'].flatMap(c => [c, `f${c}o`, `foo; b${c}r`, `foo; bar=1${c}`])
  ],
  ['white space of other kinds', '\nfoo', 'foo\n', 'foo\r\n; bar', 'foo;\vbar', 'foo;\u00a0bar', 'foo; bar=1\n'],
  ['one bad element after good ones', 'foo; bar=1, baz; "qux', 'foo, bar, b@z'],
  ['one bad element before good ones', 'b@z, foo', 'foo; =1, bar']
]
for (const [name, ...headers] of malformed) {
  test(`extensions are refused: ${name} (§9.1)`, async t => {
    for (const header of headers) t.equal(parseExtensions(header), null, JSON.stringify(header))
  })
}

const formats: Array<[name: string, value: Extension, wanted: string]> = [
  ['a name', extension('foo'), 'foo'],
  ['a parameter without a value', extension('foo', ['bar', null]), 'foo; bar'],
  ['a parameter with a value', extension('foo', ['bar', '10']), 'foo; bar=10'],
  ['several, in their order', extension('foo', ['c', '1'], ['b', null], ['a', '2']), 'foo; c=1; b; a=2']
]
for (const [name, value, wanted] of formats) {
  test(`an extension is written: ${name} (§9.1)`, async t => {
    t.equal(formatExtension(value), wanted)
  })
}

const token = fc.string({ unit: fc.constantFrom(...TOKEN_CHARACTERS), minLength: 1, maxLength: 8 })
const parameters = fc.array(fc.tuple(token, fc.option(token)), { maxLength: 4 })
const extensions = fc.array(fc.record({ name: token, parameters }), { minLength: 1, maxLength: 4 })
const space = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 2 })

test('whatever is written is read as it was, with white space, quotes and escapes put in anywhere', async t => {
  fc.assert(fc.property(extensions, fc.infiniteStream(space), fc.infiniteStream(fc.nat(3)), (wanted, spaces, ways) => {
    const gap = (mark: string): string => spaces.next().value + mark + spaces.next().value
    const quoted = (value: string): string => {
      const way = ways.next().value
      return way === 0 ? `"${value}"` : way === 1 ? `"${value.replaceAll(/./g, '\\$&')}"` : value
    }
    const header = wanted.map(({ name, parameters }) => [
      name, ...parameters.map(([name, value]) => value === null ? name : name + gap('=') + quoted(value))
    ].reduce((before, next) => before + gap(';') + next)).join(gap(','))
    return JSON.stringify(parseExtensions(gap('') + header + gap(''))) === JSON.stringify(wanted) &&
      JSON.stringify(parseExtensions(wanted.map(formatExtension).join(', '))) === JSON.stringify(wanted)
  }))
  t.pass()
})

test('a long header takes no long time, however it ends', async t => {
  // Node takes headers of 16 KiB in all.
  const long = 16 * 1024
  for (const piece of [' ', '\t,', 'a', 'a,', 'a;', 'a; b="\\', 'a; b="', 'a; b=c', '\\"', ' ; a = "\\a" ']) {
    for (const end of ['', '@', '"']) {
      const header = `a; b="${'x'.repeat(10)}"${piece.repeat(Math.ceil(long / piece.length))}${end}`
      const start = process.cpuUsage().user
      parseExtensions(header)
      t.ok(process.cpuUsage().user - start < 50_000, JSON.stringify([piece, end]))
    }
  }
})
