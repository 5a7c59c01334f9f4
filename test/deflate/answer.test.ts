import { test } from 'tap'
import { type Direction, readAnswer } from '../../lib/deflate/negotiate.ts'

const PMD = 'permessage-deflate'

const PLAIN: Direction = { contextTakeover: true, windowBits: 15 }
const FRESH: Direction = { contextTakeover: false, windowBits: 15 }
const TEN: Direction = { contextTakeover: true, windowBits: 10 }

/** What a server answers to an offer, each without the extension's name, and what it means for either end. */
type Row = [offer: string, answer: string, server: Direction, client: Direction]

const answers: Row[] = [
  ['', '', PLAIN, PLAIN],
  // §7.1.1.1: the server may say so of its own accord, and has to if it was asked.
  ['', 'server_no_context_takeover', FRESH, PLAIN],
  ['server_no_context_takeover', 'server_no_context_takeover', FRESH, PLAIN],
  // §7.1.1.2: the client need not have offered it, nor is the server bound to repeat it.
  ['', 'client_no_context_takeover', PLAIN, FRESH],
  ['client_no_context_takeover', 'client_no_context_takeover', PLAIN, FRESH],
  ['client_no_context_takeover', '', PLAIN, FRESH],
  ['', 'client_no_context_takeover; server_no_context_takeover', FRESH, FRESH],
  // §7.1.2.1: as many as were offered or fewer, or any of its own accord.
  ['', 'server_max_window_bits=10', TEN, PLAIN],
  ['', 'server_max_window_bits=15', PLAIN, PLAIN],
  ['', 'server_max_window_bits="10"', TEN, PLAIN],
  ['server_max_window_bits=15', 'server_max_window_bits=15', PLAIN, PLAIN],
  ['server_max_window_bits=10', 'server_max_window_bits=10', TEN, PLAIN],
  ['server_max_window_bits=11', 'server_max_window_bits=10', TEN, PLAIN],
  ['server_max_window_bits=10', 'server_max_window_bits=8', { contextTakeover: true, windowBits: 8 }, PLAIN],
  // §7.1.2.2: only if it was offered, with a value or without.
  ['client_max_window_bits', '', PLAIN, PLAIN],
  ['client_max_window_bits', 'client_max_window_bits=10', PLAIN, TEN],
  ['client_max_window_bits', 'client_max_window_bits=15', PLAIN, PLAIN],
  ['client_max_window_bits=10', 'client_max_window_bits=10', PLAIN, TEN],
  ['client_max_window_bits=12', 'client_max_window_bits=10', PLAIN, TEN],
  [
    'server_max_window_bits=12; client_max_window_bits; server_no_context_takeover',
    'client_max_window_bits=9; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12',
    { contextTakeover: false, windowBits: 12 }, { contextTakeover: false, windowBits: 9 }
  ]
]

function element (parameters: string): string {
  return parameters === '' ? PMD : `${PMD}; ${parameters}`
}

for (const [offer, answer, server, client] of answers) {
  test(`'${answer}' is an answer to the offer '${offer}' (RFC 7692 §7.1)`, async t => {
    t.same(readAnswer(element(answer), element(offer)), { server, client })
    const others = `mux, ${element('server_max_window_bits=7')}, ${element('server_max_window_bits=8')}`
    t.same(readAnswer(element(answer), `${others}, ${element(offer)}`), { server, client }, 'to one offer of several')
  })
}

const wrong: Array<[offer: string, answer: string]> = [
  ['server_no_context_takeover', ''],
  ['server_no_context_takeover', 'client_no_context_takeover'],
  ['server_max_window_bits=10', ''],
  ['server_max_window_bits=15', ''],
  ['server_max_window_bits=10', 'server_max_window_bits=11'],
  ['server_max_window_bits=8', 'server_max_window_bits=15'],
  ['server_max_window_bits=10; client_max_window_bits', 'client_max_window_bits=10'],
  ['', 'client_max_window_bits=10'],
  ['', 'client_max_window_bits=15'],
  ['server_max_window_bits=10', 'server_max_window_bits=10; client_max_window_bits=10'],
  ['client_max_window_bits', 'client_max_window_bits'],
  ['client_max_window_bits=10', 'client_max_window_bits'],
  ['', 'server_max_window_bits'],
  ['', 'server_max_window_bits=7'],
  ['', 'server_max_window_bits=16'],
  ['', 'server_max_window_bits=010'],
  ['client_max_window_bits', 'client_max_window_bits=7'],
  ['', 'server_no_context_takeover=true'],
  ['', 'client_no_context_takeover=1'],
  ['', 'server_no_context_takeover; server_no_context_takeover'],
  ['', 'server_max_window_bits=10; server_max_window_bits=10'],
  ['', 'Server_No_Context_Takeover'],
  ['', 'unknown'],
  // An offer that nobody can accept has no answer.
  ['unknown', 'unknown'],
  ['unknown', ''],
  ['server_max_window_bits=7', 'server_max_window_bits=7'],
  ['client_max_window_bits; client_max_window_bits', 'client_max_window_bits=10']
]

function isRefused (answer: string, offers: string | undefined): boolean {
  try {
    readAnswer(answer, offers)
    return false
  } catch (error) {
    return (error as Error).message === `the server accepted an extension that was not offered: ${answer}`
  }
}

for (const [offer, answer] of wrong) {
  test(`'${answer}' is no answer to the offer '${offer}' (RFC 7692 §7.1)`, async t => {
    t.ok(isRefused(element(answer), element(offer)))
    t.ok(isRefused(element(answer), `mux, ${element(offer)}`), 'nor with another extension offered')
  })
}

const bad: Array<[name: string, answer: string]> = [
  ['empty', ''],
  ['malformed', `${PMD};`],
  ['another extension, even if it was offered', 'mux'],
  ['more than one extension', `${PMD}, mux`],
  ['the same extension twice', `${PMD}, ${PMD}`],
  ['in another case', 'Permessage-Deflate']
]
for (const [name, answer] of bad) {
  test(`an answer is refused: ${name} (RFC 6455 §4.1)`, async t => {
    t.ok(isRefused(answer, `${PMD}, mux, Permessage-Deflate`))
  })
}

test('an answer is refused if there was no offer (RFC 6455 §4.1)', async t => {
  for (const offers of [undefined, '', 'mux', `${PMD};`]) t.ok(isRefused(PMD, offers), String(offers))
})

test('without an answer there is no compression', async t => {
  for (const offers of [undefined, 'mux', PMD]) t.equal(readAnswer(undefined, offers), null)
})
