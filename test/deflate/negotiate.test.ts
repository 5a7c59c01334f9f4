import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { test } from 'tap'
import { acceptOffer, type Agreement, type DeflateSettings, readAnswer } from '../../lib/deflate/negotiate.ts'

const SETTINGS: DeflateSettings = { threshold: 1024, level: 1, memLevel: 8, contextTakeover: false, windowBits: 15 }

/** The name of the extension, which begins every row. */
const PMD = 'permessage-deflate'
const NEITHER = `${PMD}; server_no_context_takeover; client_no_context_takeover`

type Choices = Partial<Pick<DeflateSettings, 'contextTakeover' | 'windowBits'>>

/** `15+ 9`: the server takes its context over and has a window of 2^15, the client does not and has one of 2^9. */
function brief (agreement: Agreement | null): string | null {
  if (agreement === null) return null
  const { server, client } = agreement
  return [server, client].map(({ contextTakeover, windowBits }) => windowBits + (contextTakeover ? '+' : '')).join(' ')
}

/** What a server with these settings says to an offer: the response's header, and the agreement. */
type Row = [offer: string, choices: Choices, header: string, agreement: string]

const TAKEOVER = { contextTakeover: true }
const NINE = { windowBits: 9 }
const TWELVE = { windowBits: 12 }
const BOTH = { contextTakeover: true, windowBits: 12 }

const accepted: Row[] = [
  // No parameters (§7.1).
  [PMD, {}, NEITHER, '15 15'],
  [PMD, TAKEOVER, PMD, '15+ 15+'],
  [PMD, NINE, `${NEITHER}; server_max_window_bits=9`, '9 15'],
  [PMD, TWELVE, `${NEITHER}; server_max_window_bits=12`, '12 15'],
  [PMD, BOTH, `${PMD}; server_max_window_bits=12`, '12+ 15+'],
  // §7.1.1.1
  [`${PMD}; server_no_context_takeover`, {}, NEITHER, '15 15'],
  [`${PMD}; server_no_context_takeover`, TAKEOVER, `${PMD}; server_no_context_takeover`, '15 15+'],
  // §7.1.1.2
  [`${PMD}; client_no_context_takeover`, {}, NEITHER, '15 15'],
  [`${PMD}; client_no_context_takeover`, TAKEOVER, `${PMD}; client_no_context_takeover`, '15+ 15'],
  [`${PMD}; client_no_context_takeover; server_no_context_takeover`, TAKEOVER, NEITHER, '15 15'],
  // §7.1.2.1: the answer has at most what was offered.
  [`${PMD}; server_max_window_bits=15`, TAKEOVER, `${PMD}; server_max_window_bits=15`, '15+ 15+'],
  [`${PMD}; server_max_window_bits=10`, TAKEOVER, `${PMD}; server_max_window_bits=10`, '10+ 15+'],
  [`${PMD}; server_max_window_bits=8`, TAKEOVER, `${PMD}; server_max_window_bits=8`, '8+ 15+'],
  [`${PMD}; server_max_window_bits=8`, NINE, `${NEITHER}; server_max_window_bits=8`, '8 15'],
  [`${PMD}; server_max_window_bits=9`, BOTH, `${PMD}; server_max_window_bits=9`, '9+ 15+'],
  [`${PMD}; server_max_window_bits=12`, BOTH, `${PMD}; server_max_window_bits=12`, '12+ 15+'],
  [`${PMD}; server_max_window_bits=14`, BOTH, `${PMD}; server_max_window_bits=12`, '12+ 15+'],
  [`${PMD}; server_max_window_bits="10"`, TAKEOVER, `${PMD}; server_max_window_bits=10`, '10+ 15+'],
  // §7.1.2.2: without a value the client only lets itself be told one.
  [`${PMD}; client_max_window_bits`, {}, NEITHER, '15 15'],
  [`${PMD}; client_max_window_bits`, TAKEOVER, PMD, '15+ 15+'],
  [`${PMD}; client_max_window_bits`, NINE, `${NEITHER}; server_max_window_bits=9; client_max_window_bits=9`, '9 9'],
  [`${PMD}; client_max_window_bits`, BOTH, `${PMD}; server_max_window_bits=12; client_max_window_bits=12`, '12+ 12+'],
  [`${PMD}; client_max_window_bits=15`, TAKEOVER, `${PMD}; client_max_window_bits=15`, '15+ 15+'],
  [`${PMD}; client_max_window_bits=10`, TAKEOVER, `${PMD}; client_max_window_bits=10`, '15+ 10+'],
  [`${PMD}; client_max_window_bits=8`, TAKEOVER, `${PMD}; client_max_window_bits=8`, '15+ 8+'],
  [
    `${PMD}; client_max_window_bits=10`,
    BOTH, `${PMD}; server_max_window_bits=12; client_max_window_bits=10`, '12+ 10+'
  ],
  [
    `${PMD}; client_max_window_bits=14`,
    BOTH, `${PMD}; server_max_window_bits=12; client_max_window_bits=12`, '12+ 12+'
  ],
  [`${PMD}; client_max_window_bits="10"`, TAKEOVER, `${PMD}; client_max_window_bits=10`, '15+ 10+'],
  // All of them, in any order.
  [
    `${PMD}; client_max_window_bits=9; client_no_context_takeover;server_max_window_bits=10;server_no_context_takeover`,
    TAKEOVER, `${NEITHER}; server_max_window_bits=10; client_max_window_bits=9`, '10 9'
  ],
  [
    `${PMD}; server_max_window_bits=13; client_max_window_bits; client_no_context_takeover`,
    BOTH, `${PMD}; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=12`, '12+ 12'
  ],
  // Several offers: the first that is acceptable (§5.1).
  [`${PMD}; server_max_window_bits=10, ${PMD}`, TAKEOVER, `${PMD}; server_max_window_bits=10`, '10+ 15+'],
  [`${PMD}, ${PMD}; server_max_window_bits=10`, TAKEOVER, PMD, '15+ 15+'],
  [
    `${PMD}; server_max_window_bits=7, ${PMD}; client_max_window_bits=9`,
    TAKEOVER, `${PMD}; client_max_window_bits=9`, '15+ 9+'
  ],
  [
    `${PMD}; fast, ${PMD}; server_no_context_takeover=1, ${PMD}; client_no_context_takeover`,
    TAKEOVER, `${PMD}; client_no_context_takeover`, '15+ 15'
  ],
  // Among other extensions.
  [`x-webkit-deflate-frame, ${PMD}`, TAKEOVER, PMD, '15+ 15+'],
  [`${PMD}, x-webkit-deflate-frame; no_context_takeover`, TAKEOVER, PMD, '15+ 15+'],
  [`bbf-usp-protocol; x="1", ,mux; quota=1,${PMD};client_max_window_bits, foo`, TAKEOVER, PMD, '15+ 15+'],
  // As browsers send it.
  [
    `${PMD}; client_max_window_bits`,
    { windowBits: 14 }, `${NEITHER}; server_max_window_bits=14; client_max_window_bits=14`, '14 14'
  ]
]
for (const [offer, choices, header, agreement] of accepted) {
  test(`the offer '${offer}' is accepted with ${JSON.stringify(choices)} (RFC 7692 §7.1)`, async t => {
    const answer = acceptOffer(offer, { ...SETTINGS, ...choices })
    t.equal(answer.header, header)
    t.equal(brief(answer.agreement), agreement)
  })
}

const BITS = ['7', '16', '0', '1', '08', '09', '010', '150', '10.0', '-9', '1e1', 'abc', '0x9', '9a']

/** What may stand behind the name in no offer (§7.1). */
const DECLINED = [
  ...['server_no_context_takeover', 'client_no_context_takeover'].flatMap(name => [
    `${name}=true`, `${name}=1`, `${name}=10`, `${name}="10"`, `${name}; ${name}`
  ]),
  'server_max_window_bits',
  ...['server_max_window_bits', 'client_max_window_bits'].flatMap(name => [
    ...BITS.flatMap(bits => [`${name}=${bits}`, `${name}="${bits}"`]),
    `${name}=10; ${name}=10`, `${name}=10; ${name}=11`
  ]),
  'client_max_window_bits; client_max_window_bits',
  'client_max_window_bits; client_max_window_bits=10',
  'unknown', 'unknown=10', 'max_window_bits=10', 'no_context_takeover', 'server_max_window_bits_=10',
  'constructor', '__proto__',
  'Server_No_Context_Takeover', 'SERVER_MAX_WINDOW_BITS=10', 'Client_max_window_bits',
  'server_no_context_takeover; unknown', 'client_max_window_bits; server_max_window_bits=10; unknown'
]
for (const parameters of DECLINED) {
  test(`the offer '${PMD}; ${parameters}' is declined, and the next one counts (RFC 7692 §7.1)`, async t => {
    for (const choices of [{}, TAKEOVER, NINE, BOTH]) {
      const settings = { ...SETTINGS, ...choices }
      t.same(acceptOffer(`${PMD}; ${parameters}`, settings), { agreement: null, header: '' })
      t.same(acceptOffer(`${PMD}; ${parameters}, ${PMD}`, settings), acceptOffer(PMD, settings))
    }
  })
}

const none: Array<[string, string | undefined]> = [
  ['no header', undefined],
  ['an empty header', ''],
  ['a malformed header', `${PMD}; =`],
  ['a good offer in a malformed header', `${PMD}, foo bar`],
  ['another extension', 'x-webkit-deflate-frame'],
  ['another case', 'Permessage-Deflate, PERMESSAGE-DEFLATE'],
  ['longer names', `${PMD}2, x-${PMD}, perframe-deflate, permessage-bzip2`],
  ['the name as a parameter', `foo; ${PMD}; bar=${PMD}`],
  ['an empty quoted value', `${PMD}; server_max_window_bits=""`]
]
for (const [name, offer] of none) {
  test(`nothing is accepted: ${name}`, async t => {
    t.same(acceptOffer(offer, { ...SETTINGS, ...BOTH }), { agreement: null, header: '' })
  })
}

test('without settings nothing is accepted', async t => {
  for (const [offer] of accepted) t.same(acceptOffer(offer, null), { agreement: null, header: '' })
})

const flag = { arbitrary: fc.constant(''), weight: 20 }
const bits = { arbitrary: fc.constantFrom('=8', '=9', '=10', '=11', '=12', '=13', '=14', '=15', '="12"'), weight: 20 }
const wrong = { arbitrary: fc.constantFrom('=7', '=16', '=abc'), weight: 1 }
const parameters = fc.record({
  server_no_context_takeover: fc.oneof(flag, wrong),
  client_no_context_takeover: fc.oneof(flag, wrong),
  server_max_window_bits: fc.oneof(bits, wrong),
  client_max_window_bits: fc.oneof(flag, bits, wrong)
}, { requiredKeys: [] })
const offer = parameters
  .chain(record => {
    const all = Object.entries(record)
    return fc.shuffledSubarray(all, { minLength: all.length })
  })
  .map(all => [PMD, ...all.map(([name, value]) => name + value)].join('; '))
const other = { arbitrary: fc.constantFrom('x-foo', 'mux; a=1'), weight: 1 }
const offers = fc.array(fc.oneof({ arbitrary: offer, weight: 5 }, other), { minLength: 1, maxLength: 4 })
const settings = fc.record({
  threshold: fc.nat(),
  level: fc.integer({ min: 1, max: 9 }),
  memLevel: fc.integer({ min: 1, max: 9 }),
  contextTakeover: fc.boolean(),
  windowBits: fc.integer({ min: 9, max: 15 })
})

test('whatever is accepted, the response answers an offer, and both ends hold the same agreement', async t => {
  let count = 0
  fc.assert(fc.property(offers, settings, (offers, settings) => {
    const header = offers.join(', ')
    const answer = acceptOffer(header, settings)
    if (answer.agreement === null) return assert.equal(answer.header, '')
    count++
    const { server, client } = answer.agreement
    assert.deepEqual(readAnswer(answer.header, header), { server, client })
    assert(server.windowBits <= settings.windowBits, 'no larger window than it may have')
    assert(settings.contextTakeover || !(server.contextTakeover || client.contextTakeover))
  }), { numRuns: 1000 })
  t.ok(count > 500, `${count} were accepted`)
})
