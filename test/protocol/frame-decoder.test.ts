import { test } from 'tap'
import { FrameDecoder } from '../../lib/protocol/frame-decoder.ts'
import { ProtocolError } from '../../lib/protocol/protocol-error.ts'
import { bytesOf, checkRows, frameReader, hex, line, type Row } from './rows.ts'

const PATTERN = Buffer.from(Array.from({ length: 65_537 }, (_, i) => i * 7 + (i >> 8)))

const forms: Row[] = [
  {
    name: 'a masked text frame (§5.7)',
    role: 'server',
    hex: '81 85 37fa213d 7f9f4d5158',
    expect: [line('fin text', 'Hello')]
  },
  {
    name: 'an unmasked text frame (§5.7)',
    role: 'client',
    hex: '81 05 48656c6c6f',
    expect: [line('fin text', 'Hello')]
  },
  {
    name: 'a fragmented unmasked text (§5.7)',
    role: 'client',
    hex: '01 03 48656c 80 02 6c6f',
    expect: [line('text', 'Hel'), line('fin continuation', 'lo')]
  },
  { name: 'an unmasked ping (§5.7)', role: 'client', hex: '89 05 48656c6c6f', expect: [line('fin ping', 'Hello')] },
  {
    name: 'a masked pong (§5.7)',
    role: 'server',
    hex: '8a 85 37fa213d 7f9f4d5158',
    expect: [line('fin pong', 'Hello')]
  },
  {
    name: 'a masking key of zeros (§5.3)',
    role: 'server',
    hex: '81 82 00000000 4869',
    expect: [line('fin text', 'Hi')]
  },
  {
    name: 'a masking key of ones (§5.3)',
    role: 'server',
    hex: '81 82 ffffffff b796',
    expect: [line('fin text', 'Hi')]
  },
  {
    name: 'an empty masked frame still has a key (§5.2)',
    role: 'server',
    hex: '81 80 01020304 89 80 05060708',
    expect: [line('fin text'), line('fin ping')]
  },
  { name: 'nothing before the header is complete (§5.2)', wire: [['81']] },
  { name: 'nothing before a 16-bit length is complete (§5.2)', wire: [['81 7e 01']] },
  { name: 'nothing before a 64-bit length is complete (§5.2)', wire: [['81 7f 00 00 00 00 00 01 00']] },
  {
    name: 'a header goes on before the masking key (§5.2)',
    role: 'server',
    hex: '82 83 01 02 03',
    expect: [line('fin binary', '', 3)]
  },
  {
    name: 'a payload goes on before it is complete (§5.2)',
    wire: [['82 05', 'abc']],
    expect: [line('fin binary', 'abc', 5)]
  },
  {
    name: 'a 16-bit payload goes on before it is complete (§5.2)',
    wire: [['02 7e 01 00', 'abc']],
    expect: [line('binary', 'abc', 256)]
  }
]

const opcodes: Array<[string, string, boolean]> = [
  ['0', 'continuation', true], ['1', 'text', true], ['2', 'binary', true],
  ['8', 'close', false], ['9', 'ping', false], ['a', 'pong', false]
]
for (const [digit, name, fragments] of opcodes) {
  forms.push({
    name: `${name} frames with FIN, full and empty (§5.2)`,
    wire: [[`8${digit} 03`, 'abc'], [`8${digit} 00`, ''], [`8${digit} 01`, 'd']],
    expect: [line(`fin ${name}`, 'abc'), line(`fin ${name}`), line(`fin ${name}`, 'd')]
  })
  if (!fragments) continue
  forms.push({
    name: `${name} frames without FIN, full and empty (§5.4)`,
    wire: [[`0${digit} 03`, 'abc'], [`0${digit} 00`, ''], [`0${digit} 01`, 'd']],
    expect: [line(name, 'abc'), line(name), line(name, 'd')]
  })
}

const lengths: Array<[number, string]> = [
  [1, '01'],
  [124, '7c'],
  [125, '7d'],
  [126, '7e 00 7e'],
  [127, '7e 00 7f'],
  [128, '7e 00 80'],
  [255, '7e 00 ff'],
  [256, '7e 01 00'],
  [65_535, '7e ff ff'],
  [65_536, '7f 00 00 00 00 00 01 00 00'],
  [65_537, '7f 00 00 00 00 00 01 00 01']
]
for (const [length, digits] of lengths) {
  const payload = PATTERN.subarray(0, length)
  forms.push({
    name: `a payload of ${length} bytes, and a frame after it (§5.2)`,
    wire: [[`82 ${digits}`, payload], ['89 00', '']],
    expect: [line('fin binary', payload), line('fin ping')]
  })
}
const announced: Array<[number, string]> = [
  [2 ** 31, '00 00 00 00 80 00 00 00'],
  [2 ** 32 + 5, '00 00 00 01 00 00 00 05'],
  [Number.MAX_SAFE_INTEGER, '00 1f ff ff ff ff ff ff'],
  [2 ** 63, '7f ff ff ff ff ff ff ff']
]
for (const [length, digits] of announced) {
  forms.push({
    name: `a 64-bit length of ${length} goes on with the header (§5.2)`,
    wire: [[`82 7f ${digits}`]],
    expect: [line('fin binary', '', length)]
  })
}
for (const [digit, name] of [['1', 'text'], ['2', 'binary']]) {
  forms.push({
    name: `RSV1 on a ${name} frame goes on where an extension uses it (RFC 7692 §6)`,
    rsv1Allowed: true,
    wire: [[`c${digit} 02`, 'ab'], [`4${digit} 00`, ''], [`8${digit} 00`, '']],
    expect: [line(`fin rsv1 ${name}`, 'ab'), line(`rsv1 ${name}`), line(`fin ${name}`)]
  })
}

const RSV = '1002 a reserved bit is set without an extension that uses it (RFC 6455 section 5.2)'
const MISPLACED = '1002 RSV1 belongs on the first frame of a message (RFC 7692 section 6.1)'
const UNMASKED = '1002 a frame from a client must be masked (RFC 6455 section 5.1)'
const MASKED = '1002 a frame from a server must not be masked (RFC 6455 section 5.1)'
const CONTROL = '1002 a control frame carries at most 125 bytes (RFC 6455 section 5.5)'
const MINIMAL = '1002 a length must be written in the fewest bytes (RFC 6455 section 5.2)'
const TOP_BIT = '1002 the top bit of a 64-bit length must be 0 (RFC 6455 section 5.2)'

const violations: Row[] = [
  { name: 'a client must mask a text frame (§5.1)', role: 'server', hex: '81 05', fails: UNMASKED },
  { name: 'a client must mask an empty frame (§5.1)', role: 'server', hex: '82 00', fails: UNMASKED },
  {
    name: 'a client must mask a continuation (§5.1)',
    role: 'server',
    hex: '01 81 00000000 61 80 01',
    expect: [line('text', 'a')],
    fails: UNMASKED
  },
  { name: 'a client must mask a control frame (§5.1)', role: 'server', hex: '88 00', fails: UNMASKED },
  { name: 'a client must mask a frame with a 16-bit length (§5.1)', role: 'server', hex: '82 7e', fails: UNMASKED },
  { name: 'a server must not mask a text frame (§5.1)', role: 'client', hex: '81 85', fails: MASKED },
  { name: 'a server must not mask an empty frame (§5.1)', role: 'client', hex: '82 80', fails: MASKED },
  { name: 'a server must not mask a control frame (§5.1)', role: 'client', hex: '8a 80', fails: MASKED },
  { name: 'a server must not mask a frame with a 64-bit length (§5.1)', role: 'client', hex: '82 ff', fails: MASKED },
  {
    name: 'a violation after good frames leaves these standing (§7.1.7)',
    wire: [['81 02', 'Hi'], ['89 00', ''], ['83']],
    expect: [line('fin text', 'Hi'), line('fin ping')],
    fails: '1002 opcode 3 is reserved'
  },
  { name: 'RSV2 stays reserved where RSV1 is used (§5.2)', rsv1Allowed: true, wire: [['e1']], fails: RSV },
  { name: 'RSV3 stays reserved where RSV1 is used (§5.2)', rsv1Allowed: true, wire: [['d2']], fails: RSV }
]
for (const [digit, name] of opcodes.filter(([digit]) => digit !== '1' && digit !== '2')) {
  violations.push({
    name: `RSV1 on a ${name} frame is misplaced even where an extension uses it (RFC 7692 §6.1)`,
    rsv1Allowed: true,
    wire: [[`c${digit}`]],
    fails: MISPLACED
  })
}
for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
  const fails = `1002 opcode ${opcode} is reserved (RFC 6455 section 5.2)`
  const digit = opcode.toString(16)
  violations.push({ name: `opcode ${opcode} is reserved (§5.2)`, wire: [[`8${digit}`]], fails })
  violations.push({ name: `opcode ${opcode} is reserved without FIN, too (§5.2)`, wire: [[`0${digit}`]], fails })
}
const reserved: Array<[string, string, boolean]> = [
  ['1', 'RSV3', false], ['2', 'RSV2', false], ['4', 'RSV1', false], ['7', 'RSV1 to RSV3', false],
  ['9', 'RSV3 with FIN', true], ['a', 'RSV2 with FIN', true], ['c', 'RSV1 with FIN', true], ['f', 'all with FIN', true]
]
for (const [first, bits, fin] of reserved) {
  for (const [digit, name, fragments] of opcodes) {
    if (!fragments && !fin) continue
    violations.push({ name: `${bits} on a ${name} frame (§5.2)`, wire: [[`${first}${digit}`]], fails: RSV })
  }
}
for (const [digit, name, fragments] of opcodes) {
  if (fragments) continue
  violations.push(
    {
      name: `a ${name} frame without FIN (§5.5)`,
      wire: [[`0${digit}`]],
      fails: '1002 a control frame must not be fragmented (RFC 6455 section 5.5)'
    },
    { name: `a ${name} frame with a 16-bit length (§5.5)`, wire: [[`8${digit} 7e`]], fails: CONTROL },
    { name: `a ${name} frame with a 64-bit length (§5.5)`, wire: [[`8${digit} 7f`]], fails: CONTROL },
    {
      name: `a ${name} frame of 125 bytes is the largest (§5.5)`,
      wire: [[`8${digit} 7d`, PATTERN.subarray(0, 125)]],
      expect: [line(`fin ${name}`, PATTERN.subarray(0, 125))]
    }
  )
}
for (const [length, digits] of [[0, '00 00'], [1, '00 01'], [125, '00 7d']]) {
  violations.push({ name: `a length of ${length} in 16 bits (§5.2)`, wire: [[`82 7e ${digits}`]], fails: MINIMAL })
}
for (const [length, digits] of [[0, '00 00'], [125, '00 7d'], [126, '00 7e'], [65_535, 'ff ff']]) {
  const header = `81 7f 00 00 00 00 00 00 ${digits}`
  violations.push({ name: `a length of ${length} in 64 bits (§5.2)`, wire: [[header]], fails: MINIMAL })
}
for (const top of ['80', 'ff']) {
  violations.push({ name: `a 64-bit length that begins with ${top} (§5.2)`, wire: [[`82 7f ${top}`]], fails: TOP_BIT })
}

checkRows(forms, frameReader)
checkRows(violations, frameReader)

test('a violation is a ProtocolError with the close code that answers it', async t => {
  const { decoder } = frameReader('server')
  t.throws(() => decoder.push(hex('83')), new ProtocolError(1002, 'opcode 3 is reserved (RFC 6455 section 5.2)'))
  try {
    frameReader('server').decoder.push(hex('83'))
  } catch (error) {
    t.ok(error instanceof ProtocolError)
    t.ok(error instanceof Error)
    t.match(error, { name: 'ProtocolError', code: 'FST_ERR_WS_PROTOCOL', closeCode: 1002 })
  }
})

test('a payload that arrives in one piece goes on in one piece, unmasked where it lies', async t => {
  const chunk = bytesOf('server', [['82 05', 'Hello'], ['82 01', '!']])
  const parts: string[] = []
  const lent: boolean[] = []
  new FrameDecoder('server', {
    onFrame () {},
    onPayload (bytes, start, end) {
      lent.push(bytes === chunk)
      parts.push(bytes.toString('latin1', start, end))
    },
    onFrameEnd () {}
  }).push(chunk)
  t.same(parts, ['Hello', '!'])
  t.same(lent, [true, true], 'the bytes are the caller’s own')
})
