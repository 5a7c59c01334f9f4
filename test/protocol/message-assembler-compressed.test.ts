import { test } from 'tap'
import { MessageAssembler } from '../../lib/protocol/message-assembler.ts'
import { closeBody } from '../support/frames.ts'
import { binary, bytesOf, checkRows, compressed, hex, messageReader, type Row, text } from './rows.ts'

/** "Hello", compressed (RFC 7692 §7.2.3.1). */
const HELLO = hex('f2 48 cd c9 c9 07 00')
const [HEL, LO] = [HELLO.subarray(0, 3), HELLO.subarray(3)]
const NO_UTF8 = hex('ff c3 80 00')

const rsv1Allowed = true

const rows: Row[] = [
  {
    name: 'a compressed text in one frame (RFC 7692 §7.2.3.1)',
    wire: [['c1 07', HELLO]],
    expect: [compressed('text', HELLO)]
  },
  {
    name: 'a compressed binary message in one frame',
    wire: [['c2 07', HELLO]],
    expect: [compressed('binary', HELLO)]
  },
  {
    name: 'the empty message (RFC 7692 §7.2.3.6)',
    wire: [['c1 01', hex('00')]],
    expect: [compressed('text', hex('00'))]
  },
  {
    name: 'a compressed message without any byte',
    wire: [['c1 00', ''], ['c2 00', '']],
    expect: [compressed('text', hex('')), compressed('binary', hex(''))]
  },
  {
    name: 'a compressed text in two fragments (RFC 7692 §7.2.3.1)',
    wire: [['41 03', HEL], ['80 04', LO]],
    expect: [compressed('text', HELLO)]
  },
  {
    name: 'a compressed binary message in fragments, some of them empty',
    wire: [['42 00', ''], ['00 03', HEL], ['00 00', ''], ['00 04', LO], ['80 00', '']],
    expect: [compressed('binary', HELLO)]
  },
  {
    name: 'a compressed message of nothing but empty fragments',
    wire: [['41 00', ''], ['00 00', ''], ['80 00', '']],
    expect: [compressed('text', hex(''))]
  },
  {
    name: 'control frames between the fragments of a compressed message',
    wire: [['89 01', '1'], ['41 03', HEL], ['89 01', '2'], ['8a 00', ''], ['80 04', LO], ['89 01', '3']],
    expect: ['ping 1', 'ping 2', 'pong ', compressed('text', HELLO), 'ping 3']
  },
  {
    name: 'a close frame inside a compressed message, which is then never complete',
    wire: [['41 03', HEL], ['88 02', closeBody(1001)]],
    expect: ['close 1001 ']
  },
  { name: 'nothing before FIN, of a compressed message', wire: [['41 07', HELLO], ['00 01', hex('00')]] },
  { name: 'nothing before the last byte of a compressed message', wire: [['c1 08', HELLO]] },
  {
    name: 'what is compressed need not be UTF-8, whole or in fragments',
    wire: [['c1 04', NO_UTF8], ['41 01', NO_UTF8.subarray(0, 1)], ['80 03', NO_UTF8.subarray(1)]],
    expect: [compressed('text', NO_UTF8), compressed('text', NO_UTF8)]
  },
  {
    name: 'compressed messages and others, whole and in fragments, one after the other (RFC 7692 §6.1)',
    wire: [
      ['c1 07', HELLO], ['81 02', 'Hi'], ['41 03', HEL], ['80 04', LO], ['01 01', 'a'], ['80 01', 'b'],
      ['42 03', HEL], ['80 04', LO], ['02 01', 'c'], ['80 01', 'd'], ['c2 07', HELLO], ['82 01', 'e'], ['c1 00', ''],
      ['81 00', '']
    ],
    expect: [
      compressed('text', HELLO), text('Hi'), compressed('text', HELLO), text('ab'), compressed('binary', HELLO),
      binary(Buffer.from('cd')), compressed('binary', HELLO), binary(Buffer.from('e')), compressed('text', hex('')),
      text('')
    ]
  },
  {
    name: 'UTF-8 is checked in a text that is not compressed, after one that was',
    wire: [['c1 04', NO_UTF8], ['41 01', NO_UTF8.subarray(0, 1)], ['80 03', NO_UTF8.subarray(1)], ['81 01', hex('ff')]],
    expect: [compressed('text', NO_UTF8), compressed('text', NO_UTF8)],
    fails: '1007 a text message is not UTF-8'
  },
  {
    name: 'UTF-8 is checked in the fragments of a text that is not compressed, after those of one that was',
    wire: [['41 01', hex('c3')], ['80 01', hex('ff')], ['01 01', hex('ff')]],
    expect: [compressed('text', hex('c3ff'))],
    fails: '1007 a text message is not UTF-8'
  },
  {
    name: 'RSV1 on a continuation (RFC 7692 §6.1)',
    wire: [['41 03', HEL], ['c0']],
    fails: '1002 RSV1 belongs on the first frame of a message (RFC 7692 section 6.1)'
  },
  {
    name: 'RSV1 on a continuation of a message that is not compressed (RFC 7692 §6.1)',
    wire: [['01 03', 'Hel'], ['40']],
    fails: '1002 RSV1 belongs on the first frame of a message (RFC 7692 section 6.1)'
  },
  {
    name: 'RSV1 on a control frame inside a compressed message (RFC 7692 §6.1)',
    wire: [['41 03', HEL], ['c9']],
    fails: '1002 RSV1 belongs on the first frame of a message (RFC 7692 section 6.1)'
  },
  {
    name: 'a compressed message inside another (RFC 6455 §5.4)',
    wire: [['41 03', HEL], ['c1 07']],
    fails: '1002 a new message before the last one was complete'
  },
  {
    name: 'a continuation after a whole compressed message (RFC 6455 §5.4)',
    wire: [['c1 07', HELLO], ['80 00']],
    expect: [compressed('text', HELLO)],
    fails: '1002 a continuation frame with no message to continue'
  }
]
checkRows(rows.map(row => ({ ...row, rsv1Allowed })), messageReader)

/** What a message of 800 bytes can be at most when it is compressed: an eighth and a 64th more, and 1 KiB. */
const maxPayload = 800
const MOST = 800 + 100 + 12 + 1024
const FULL = Buffer.alloc(MOST, 'x')
const TOO_BIG = '1009 the message is larger than maxPayload, 800 bytes'
const limits: Row[] = [
  {
    name: 'a compressed message may be a little larger than maxPayload',
    wire: [['c2 7e 07 90', FULL], ['82 7e 03 20', FULL.subarray(0, 800)]],
    expect: [compressed('binary', FULL), binary(FULL.subarray(0, 800))]
  },
  { name: 'but not more, and is refused on the header', wire: [['c2 7e 07 91']], fails: TOO_BIG },
  { name: 'a text neither', wire: [['c1 7e 07 91']], fails: TOO_BIG },
  { name: 'nor on a 64-bit length', wire: [['c2 7f 7f ff ff ff ff ff ff ff']], fails: TOO_BIG },
  {
    name: 'the fragments of a compressed message may be as large together',
    wire: [['41 64', FULL.subarray(0, 100)], ['00 7e 07 2b', FULL.subarray(100, 1935)], ['80 01', 'x']],
    expect: [compressed('text', FULL)]
  },
  {
    name: 'but not larger',
    wire: [['41 64', FULL.subarray(0, 100)], ['00 7e 07 2b', FULL.subarray(100, 1935)], ['80 02']],
    fails: TOO_BIG
  },
  {
    name: 'a message that is not compressed has maxPayload, after one that was',
    wire: [['c2 7e 07 90', FULL], ['42 01', 'x'], ['80 01', 'x'], ['82 7e 03 21']],
    expect: [compressed('binary', FULL), compressed('binary', Buffer.from('xx'))],
    fails: TOO_BIG
  },
  {
    name: 'and so have its fragments',
    wire: [['c2 7e 07 90', FULL], ['02 01', 'x'], ['80 7e 03 20']],
    expect: [compressed('binary', FULL)],
    fails: TOO_BIG
  }
]
checkRows(limits.map(row => ({ ...row, rsv1Allowed, maxPayload })), messageReader)

/** An assembler that has come to a compressed message whose original comes later; collects what `complete` hands on. */
function completing (opcode: number): { assembler: MessageAssembler, events: unknown[] } {
  const events: unknown[] = []
  const unexpected = (): void => { events.push('unexpected') }
  const assembler = new MessageAssembler({
    onText: (message, byteLength) => { events.push([message, byteLength]) },
    onBinary: data => { events.push(data) },
    onPing: unexpected,
    onPong: unexpected,
    onClose: unexpected
  }, 10, { decompress: () => null })
  assembler.onFrame(true, true, opcode, HELLO.length)
  assembler.onPayload(HELLO, 0, HELLO.length)
  assembler.onFrameEnd()
  return { assembler, events }
}

const TEXTS = ['', 'Hello', 'x'.repeat(100), 'x'.repeat(101), 'é', '€'.repeat(40), '😀'.repeat(100), '\ufeffa']
for (const original of TEXTS) {
  test(`the original of a compressed text is handed on: ${original.slice(0, 10)}`, async t => {
    const { assembler, events } = completing(1)
    t.same(events, [])
    assembler.complete(Buffer.from(original))
    t.same(events, [[original, Buffer.byteLength(original)]])
  })
}

for (const digits of ['ff', 'c3', '61 c3', 'c0 80', 'ed a0 80', `${'61'.repeat(200)} ff`]) {
  test(`the original of a compressed text is UTF-8, or 1007: ${digits.slice(-8)}`, async t => {
    const { assembler, events } = completing(1)
    t.throws(() => assembler.complete(hex(digits)), {
      name: 'ProtocolError', closeCode: 1007, message: 'a text message is not UTF-8 (RFC 6455 section 8.1)'
    })
    t.same(events, [])
  })
}

test('the original of a compressed binary message is handed on as it is', async t => {
  const { assembler, events } = completing(2)
  assembler.complete(NO_UTF8)
  t.equal(events[0], NO_UTF8, 'the same buffer')
  const empty = completing(2)
  empty.assembler.complete(hex(''))
  t.same(empty.events, [hex('')])
})

test('a compressed message in one piece is lent where it lies', async t => {
  const lent: Buffer[] = []
  const reader = messageReader('server', { rsv1Allowed })
  const chunk = bytesOf('server', [['c1 07', HELLO], ['c2 07', HELLO]])
  t.teardown(() => { Buffer.allocUnsafe = original })
  const original = Buffer.allocUnsafe
  Buffer.allocUnsafe = size => {
    lent.push(original(size))
    return original(size)
  }
  reader.decoder.push(chunk)
  t.same(lent, [], 'nothing is copied')
  t.same(reader.events(), [compressed('text', HELLO), compressed('binary', HELLO)])
})
