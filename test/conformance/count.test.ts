import { test } from 'tap'
import { CLOSING } from './closing.ts'
import { COMPRESSION, OFFERED } from './compression.ts'
import { DEFLATE_RULES } from './deflate-rules.ts'
import { exchangeWays } from './exchange.ts'
import { FRAGMENTATION } from './fragmentation.ts'
import { AUTO_FRAGMENTED, FRAMING, OPCODES, RESERVED_BITS } from './framing.ts'
import { limits, TOO_BIG } from './limits.ts'
import { PINGS } from './pings.ts'
import { waysOf } from './run.ts'
import { UTF8 } from './utf8.ts'

/** How many cases each group of the public suite has, and how many are ours besides. */
const GROUPS: Record<string, { there: number, ours: number }> = {
  1: { there: 16, ours: 6 },
  2: { there: 11, ours: 0 },
  3: { there: 7, ours: 0 },
  4: { there: 10, ours: 0 },
  5: { there: 20, ours: 0 },
  6: { there: 145, ours: 3 },
  7: { there: 37, ours: 6 },
  9: { there: 54, ours: 7 },
  10: { there: 1, ours: 0 },
  12: { there: 90, ours: 21 },
  13: { there: 126, ours: 24 }
}

const ROWS = [
  ...FRAMING, ...PINGS, ...RESERVED_BITS, ...OPCODES, ...FRAGMENTATION, ...UTF8, ...CLOSING, ...limits(), ...TOO_BIG,
  ...AUTO_FRAGMENTED, ...DEFLATE_RULES
].map(row => ({ ...row, ways: waysOf(row).length }))
const EXCHANGES = [...COMPRESSION, ...OFFERED].map(exchange => ({ ...exchange, ways: exchangeWays(exchange).length }))
const ALL = [...ROWS, ...EXCHANGES]

test('every group has the cases of the public suite, and ours', async t => {
  const cases = new Map<string, number>()
  for (const { id } of ALL) cases.set(id.split('.')[0]!, (cases.get(id.split('.')[0]!) ?? 0) + 1)
  for (const [group, { there, ours }] of Object.entries(GROUPS)) {
    t.equal(cases.get(group), there + ours, `group ${group}`)
  }
  t.equal(cases.size, Object.keys(GROUPS).length)
  const ways = ALL.reduce((sum, row) => sum + row.ways, 0)
  t.comment(`${ALL.length} rows; ${ways} cases in each of the two roles`)
})

test('every row has an id of its own, a name, its section and at least one way', async t => {
  t.equal(new Set(ALL.map(row => row.id)).size, ALL.length)
  for (const { id, name, rfc, ways } of ALL) {
    t.match(id, /^\d+\.\d+(?:\.\d+)?$/)
    t.ok(name.length >= 5, id)
    t.match(rfc, /^RFC \d{4} §\d+(?:\.\d+)*(?:, (?:RFC \d{4} )?§\d+(?:\.\d+)*)*$/, id)
    t.ok(ways > 0, id)
  }
})
