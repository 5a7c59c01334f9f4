import { test } from 'tap'
import { closeBody } from '../support/frames.ts'
import { binary, bytesOf, checkRows, hex, messageReader, type Piece, type Row, text } from './rows.ts'

const CLOSE_REASON = '1007 the close reason is not UTF-8 (RFC 6455 section 5.5.1)'
const closes: Row[] = [
  {
    name: 'a close frame with nothing in it is reported as 1005 (§7.1.5)',
    wire: [['88 00', '']],
    expect: ['close 1005 ']
  },
  {
    name: 'a close frame with half a code (§5.5.1)',
    wire: [['88 01', hex('03')]],
    fails: '1002 a close frame carries nothing or at least a two-byte code (RFC 6455 section 5.5.1)'
  },
  {
    name: 'a close code and a reason (§7.1.6)',
    wire: [['88 05', closeBody(1000, 'bye')]],
    expect: ['close 1000 bye']
  },
  {
    name: 'a close reason of several bytes a character (§7.1.6)',
    wire: [['88 0b', closeBody(4000, 'é€😀')]],
    expect: ['close 4000 é€😀']
  },
  {
    name: 'the longest close reason (§5.5)',
    wire: [['88 7d', closeBody(4999, 'r'.repeat(123))]],
    expect: [`close 4999 ${'r'.repeat(123)}`]
  },
  {
    name: 'a close reason with a byte that cannot be (§5.5.1)',
    wire: [['88 05', closeBody(1000, hex('61ff62'))]],
    fails: CLOSE_REASON
  },
  {
    name: 'a close reason that ends inside a character (§5.5.1)',
    wire: [['88 04', closeBody(1000, hex('e282'))]],
    fails: CLOSE_REASON
  },
  {
    name: 'a close reason with a surrogate (§5.5.1)',
    wire: [['88 05', closeBody(1000, hex('eda080'))]],
    fails: CLOSE_REASON
  },
  {
    name: 'a close reason with an overlong form (§5.5.1)',
    wire: [['88 04', closeBody(1000, hex('c0af'))]],
    fails: CLOSE_REASON
  },
  {
    name: 'a bad code goes before a bad reason (§7.4)',
    wire: [['88 03', closeBody(1005, hex('ff'))]],
    fails: '1002 close code 1005 must not be sent'
  }
]
for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]) {
  closes.push({
    name: `close code ${code} may be sent (§7.4)`,
    wire: [['88 02', closeBody(code)]],
    expect: [`close ${code} `]
  })
}
for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 9999, 65_535]) {
  closes.push({
    name: `close code ${code} must not be sent (§7.4)`,
    wire: [['88 02', closeBody(code)]],
    fails: `1002 close code ${code} must not be sent (RFC 6455 section 7.4)`
  })
}
checkRows(closes, messageReader)

const everyKind: Array<[string, Piece[], string]> = [
  ['a text', [['81 02', 'Hi']], text('Hi')],
  ['a long text', [['81 7e 01 2c', 'x'.repeat(300)]], text('x'.repeat(300))],
  ['a binary message', [['82 02', 'Hi']], binary(Buffer.from('Hi'))],
  ['a text in fragments', [['01 01', 'H'], ['80 01', 'i']], text('Hi')],
  ['an empty text', [['81 00', '']], text('')],
  ['a ping', [['89 00', '']], 'ping '],
  ['a pong', [['8a 01', 'a']], 'pong a'],
  ['a close', [['88 00', '']], 'close 1005 ']
]
for (const [name, wire, wanted] of everyKind) {
  test(`nothing is handed on once ${name} made its receiver stop the decoder (§5.5.1)`, async t => {
    for (const role of ['server', 'client'] as const) {
      const reader = messageReader(role)
      reader.onEvent = () => reader.decoder.stop()
      reader.decoder.push(bytesOf(role, [...wire, ...wire, ['83', ''], ['88 00', '']]))
      reader.decoder.push(bytesOf(role, wire))
      t.same(reader.events(), [wanted], role)
      t.equal(reader.decoder.pending, false)
    }
  })
}
