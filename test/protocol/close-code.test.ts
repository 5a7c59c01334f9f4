import { test } from 'tap'
import { CloseCode, isCloseCode } from '../../lib/contract/close-code.ts'
import { MAX_CLOSE_REASON, MAX_CONTROL_PAYLOAD, truncateReason } from '../../lib/protocol/close-payload.ts'

test('the close codes are those of RFC 6455 §7.4.1 and the IANA registry', async t => {
  t.same(CloseCode, {
    NORMAL: 1000,
    GOING_AWAY: 1001,
    PROTOCOL_ERROR: 1002,
    UNSUPPORTED_DATA: 1003,
    NO_STATUS: 1005,
    ABNORMAL: 1006,
    INVALID_PAYLOAD: 1007,
    POLICY_VIOLATION: 1008,
    TOO_BIG: 1009,
    INTERNAL_ERROR: 1011,
    TRY_AGAIN_LATER: 1013
  })
})

test('all of them may stand in a close frame, but for the two that say that there was none', async t => {
  const { NO_STATUS, ABNORMAL, ...others } = CloseCode
  for (const code of [NO_STATUS, ABNORMAL]) t.equal(isCloseCode(code), false, `${code}`)
  for (const code of Object.values(others)) t.equal(isCloseCode(code), true, `${code}`)
})

test('of all two-byte numbers only these may stand in a close frame (§7.4)', async t => {
  const ranges: Array<[number, number]> = []
  for (let code = 0; code <= 0xffff; code++) {
    if (!isCloseCode(code)) continue
    if (ranges.at(-1)?.[1] === code - 1) ranges.at(-1)![1] = code
    else ranges.push([code, code])
  }
  t.same(ranges, [[1000, 1003], [1007, 1014], [3000, 4999]])
})

test('a number that two bytes cannot carry is no close code', async t => {
  const codes = [1000.5, 3000.1, 4998.999, NaN, Infinity, -Infinity, -1000, 66_536, '1000' as unknown as number]
  for (const code of codes) {
    t.equal(isCloseCode(code), false, `${code}`)
  }
})

test('a close reason has the room of a control frame less its code (§5.5, §5.5.1)', async t => {
  t.equal(MAX_CONTROL_PAYLOAD, 125)
  t.equal(MAX_CLOSE_REASON, 123)
})

const reasons: Array<[string, string, string]> = [
  ['an empty reason stays', '', ''],
  ['a short reason stays', 'bye', 'bye'],
  ['123 bytes of ASCII stay', 'x'.repeat(123), 'x'.repeat(123)],
  ['124 bytes of ASCII lose one', 'x'.repeat(124), 'x'.repeat(123)],
  ['a very long reason is cut to 123 bytes', 'x'.repeat(100_000), 'x'.repeat(123)],
  ['123 bytes that end in é stay', 'x'.repeat(121) + 'é', 'x'.repeat(121) + 'é'],
  ['é across the limit goes whole', 'x'.repeat(122) + 'é', 'x'.repeat(122)],
  ['é behind the limit goes', 'x'.repeat(123) + 'é', 'x'.repeat(123)],
  ['€ with two bytes before the limit goes whole', 'x'.repeat(121) + '€', 'x'.repeat(121)],
  ['€ with one byte before the limit goes whole', 'x'.repeat(122) + '€', 'x'.repeat(122)],
  ['€ that just fits stays', 'x'.repeat(120) + '€y', 'x'.repeat(120) + '€'],
  ['😀 with three bytes before the limit goes whole', 'x'.repeat(120) + '😀', 'x'.repeat(120)],
  ['😀 with two bytes before the limit goes whole', 'x'.repeat(121) + '😀', 'x'.repeat(121)],
  ['😀 with one byte before the limit goes whole', 'x'.repeat(122) + '😀', 'x'.repeat(122)],
  ['😀 that just fits stays', 'x'.repeat(119) + '😀😀', 'x'.repeat(119) + '😀'],
  ['characters are counted in bytes, not in UTF-16 units', '€'.repeat(42), '€'.repeat(41)]
]
for (const [name, reason, wanted] of reasons) {
  test(`cutting a close reason: ${name} (§5.5)`, async t => {
    t.equal(truncateReason(reason), wanted)
  })
}
