import { test } from 'tap'
import { RSV1, SHORT_TEXT, writeShortText } from '../../lib/protocol/frame-encoder.ts'
import { frame } from '../support/frames.ts'

const TEXTS = [
  '', 'a', 'Hello', '\0\x7f', 'x'.repeat(SHORT_TEXT), 'é', 'x'.repeat(SHORT_TEXT - 1) + '€', '€'.repeat(SHORT_TEXT),
  '😀'.repeat(16), '\ud800'
]
for (const text of TEXTS) {
  test(`a short text is written in one frame behind what was there: ${JSON.stringify(text)} (§5.6)`, async t => {
    const before = Buffer.from('before')
    for (const [key, bytes] of [[null, undefined], [0x3dfa2137, [0x37, 0x21, 0xfa, 0x3d]]] as const) {
      for (const [opcode, rsv] of [[1, 0], [1 | RSV1, 4]] as const) {
        const target = Buffer.alloc(200)
        before.copy(target)
        const end = writeShortText(target, before.length, opcode, text, key)
        const wanted = frame(1, text, { masked: key !== null, rsv, key: bytes === undefined ? undefined : [...bytes] })
        t.same(target.subarray(0, end), Buffer.concat([before, wanted]))
        t.ok(target.subarray(end + 3).every(byte => byte === 0))
      }
    }
  })
}
