import { deepEqual, equal, ok } from 'node:assert/strict'
import * as fc from 'fast-check'
import { acceptOffer, type DeflateSettings, readAnswer } from '../../lib/deflate/negotiate.ts'
import { DEFLATE_DEFAULTS } from '../../lib/deflate/negotiate.ts'
import { type Extension, formatExtension, isToken, parseExtensions } from '../../lib/protocol/extensions.ts'
import { holds } from './holds.ts'

const TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~059azAZ"

const token = fc.oneof(
  fc.string({ unit: fc.constantFrom(...TOKEN_CHARACTERS), minLength: 1, maxLength: 12 }),
  fc.constantFrom('permessage-deflate', 'client_max_window_bits', 'server_no_context_takeover', '10', 'x')
)
const extension: fc.Arbitrary<Extension> = fc.record({
  name: token, parameters: fc.array(fc.tuple(token, fc.option(token)), { maxLength: 4 })
}, { noNullPrototype: true })
const extensions = fc.array(extension, { minLength: 1, maxLength: 4 })

/** What RFC 2616 §2.1 allows between tokens. */
const space = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 3 })
const spaces = fc.array(space, { minLength: 1, maxLength: 7 })
/** How each value is written: as a token, in quotes, in quotes with this character escaped. */
const quoting = fc.array(fc.option(fc.nat({ max: 12 })), { minLength: 1, maxLength: 5 })

/** The header with white space, quotes, escapes and empty elements wherever they may be. */
function written (all: Extension[], spaces: string[], quoting: Array<number | null>, empty: boolean): string {
  let used = 0
  const space = (): string => spaces[used++ % spaces.length]!
  const value = (plain: string): string => {
    const escaped = quoting[used % quoting.length]!
    if (escaped === null) return plain
    return `"${plain.slice(0, escaped)}${escaped < plain.length ? '\\' : ''}${plain.slice(escaped)}"`
  }
  const parameter = ([name, plain]: [string, string | null]): string =>
    `;${space()}${name}${space()}` + (plain === null ? '' : `=${space()}${value(plain)}${space()}`)
  const elements = all.map(({ name, parameters }) =>
    space() + name + space() + parameters.map(parameter).join(''))
  const comma = empty ? `,${space()},` : ','
  return (empty ? ',' : '') + elements.join(comma) + (empty ? comma : '')
}

holds('a header that is formatted and read is the same', 1500, fc.property(extensions, extensions => {
  deepEqual(parseExtensions(extensions.map(formatExtension).join(', ')), extensions)
}))

holds('white space, quotes, escapes and empty elements make no difference', 1500,
  fc.property(extensions, spaces, quoting, fc.boolean(), (extensions, spaces, quoting, empty) => {
    deepEqual(parseExtensions(written(extensions, spaces, quoting, empty)), extensions)
  }))

const REPEATED = [
  ',', ' ', ', ', 'a', 'a,', 'a ', 'a;', ';', 'a;b="', 'a;b="\\', '"', 'a;b=c;', ';b', ';b=""', '\\', '="'
]
const GARBAGE = ['a', 'b', '1', ',', ';', '=', '"', '\\', ' ', '\t', '\0', '\n', 'é']

const garbage = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: fc.constantFrom(...GARBAGE), maxLength: 20 }),
  fc.tuple(extensions, spaces, quoting, fc.nat(), fc.string({ maxLength: 2 })).map(([all, space, quoted, n, more]) => {
    const header = written(all, space, quoted, false)
    const at = n % header.length
    return header.slice(0, at) + more + header.slice(at + 1)
  })
)

holds('any header is refused, or is read as tokens that can be written again', 3000, fc.property(garbage, header => {
  const read = parseExtensions(header)
  if (read === null) return
  ok(read.length > 0)
  for (const { name, parameters } of read) {
    ok(isToken(name))
    for (const [parameter, value] of parameters) ok(isToken(parameter) && (value === null || isToken(value)))
  }
  deepEqual(parseExtensions(read.map(formatExtension).join(',')), read)
}))

holds('a header that is long takes no longer than its length', 30,
  fc.property(fc.constantFrom(...REPEATED), fc.constantFrom('', 'a', 'a;b="'), (part, before) => {
    const start = performance.now()
    parseExtensions(before + part.repeat(20_000))
    ok(performance.now() - start < 1000)
  }))

const bits = fc.integer({ min: 8, max: 15 })
const settings: fc.Arbitrary<DeflateSettings> = fc.record({
  contextTakeover: fc.boolean(), windowBits: fc.integer({ min: 9, max: 15 })
}).map(chosen => ({ ...DEFLATE_DEFAULTS, ...chosen }))

const offer = fc.record({
  server_no_context_takeover: fc.constant(null),
  client_no_context_takeover: fc.constant(null),
  server_max_window_bits: bits.map(String),
  client_max_window_bits: fc.option(bits.map(String))
}, { requiredKeys: [] }).map(parameters => ({
  name: 'permessage-deflate', parameters: Object.entries(parameters) as Extension['parameters']
}))
const spoilt = extension.map(({ parameters }) => ({ name: 'permessage-deflate', parameters }))
const offers = fc.array(fc.oneof({ weight: 3, arbitrary: offer }, spoilt, extension), { maxLength: 4 })
  .map(all => all.map(formatExtension).join(', '))

holds('both ends read the same agreement out of any offers and their answer', 2000,
  fc.property(offers, settings, (offers, settings) => {
    const { agreement, header } = acceptOffer(offers, settings)
    if (agreement === null) equal(header, '')
    else deepEqual(readAnswer(header, offers), agreement)
  }))

holds('an agreement gives each end no more than it asked for', 1500, fc.property(offer, settings, (offer, settings) => {
  const { server, client } = acceptOffer(formatExtension(offer), settings).agreement!
  const offered = new Map(offer.parameters)
  ok(server.windowBits <= Number(offered.get('server_max_window_bits') ?? 15))
  ok(server.windowBits <= settings.windowBits)
  ok(!server.contextTakeover || (settings.contextTakeover && !offered.has('server_no_context_takeover')))
  equal(client.contextTakeover, settings.contextTakeover && !offered.has('client_no_context_takeover'))
  ok(client.windowBits <= Number(offered.get('client_max_window_bits') ?? 15))
  equal(client.windowBits <= settings.windowBits || !offered.has('client_max_window_bits'), true)
}))
