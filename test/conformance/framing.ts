import { BINARY, CLOSE, PING, TEXT } from '../support/opcodes.ts'
import {
  binary, binaryBack, failed, fragments, parts, ping, type Row, sampleBytes, sampleText, sent, text, textBack
} from './row.ts'

const SIZES = [0, 125, 126, 127, 128, 65_535, 65_536]

/** Group 1: each form of the payload length, on both sides of where the next one begins; 1.3, ours: faults. */
export const FRAMING: Row[] = [
  ...SIZES.map((size, index): Row => textRow(`1.1.${index + 1}`, size)),
  { ...textRow('1.1.8', 65_536), cut: 997 },
  ...SIZES.map((size, index): Row => binaryRow(`1.2.${index + 1}`, size)),
  { ...binaryRow('1.2.8', 65_536), cut: 997 },
  ...[
    { name: 'one masked the wrong way', rfc: 'RFC 6455 §5.1', wrong: text('wrong', { wronglyMasked: true }) },
    { name: 'a ping masked the wrong way', rfc: 'RFC 6455 §5.1', wrong: ping('', { wronglyMasked: true }) },
    { name: 'a length of 125 in two bytes', rfc: 'RFC 6455 §5.2', wrong: binary(sampleBytes(125), { lengthBytes: 2 }) },
    { name: 'a length of 0 in eight bytes', rfc: 'RFC 6455 §5.2', wrong: binary('', { lengthBytes: 8 }) },
    {
      name: 'a length of 65535 in eight bytes',
      rfc: 'RFC 6455 §5.2', wrong: binary(sampleBytes(65_535), { lengthBytes: 8 })
    },
    {
      name: 'a ping with a length of 5 in two bytes',
      rfc: 'RFC 6455 §5.2, §5.5', wrong: ping('hello', { lengthBytes: 2 })
    }
  ].map(({ name, rfc, wrong }, index): Row => ({
    id: `1.3.${index + 1}`, name: `a message, then ${name}, then a message`, rfc,
    peer: [text('hello'), wrong, text('late')], answers: [textBack('hello'), failed(1002)]
  }))
]

function textRow (id: string, size: number): Row {
  const payload = sampleText(size)
  return {
    id, name: `a text message of ${size} bytes`, rfc: 'RFC 6455 §5.2, §5.6', peer: [text(payload)],
    answers: [textBack(payload)]
  }
}

function binaryRow (id: string, size: number): Row {
  const payload = sampleBytes(size)
  return {
    id, name: `a binary message of ${size} bytes`, rfc: 'RFC 6455 §5.2, §5.6', peer: [binary(payload)],
    answers: [binaryBack(payload)]
  }
}

/** Group 3: no extension gives the reserved bits a meaning. RSV1 counts 4, RSV2 counts 2, RSV3 counts 1. */
export const RESERVED_BITS: Row[] = [
  {
    id: '3.1', name: 'a text message with RSV3', rfc: 'RFC 6455 §5.2',
    peer: [text('hello', { rsv: 1 })], answers: [failed(1002)]
  },
  { ...afterMessage('3.2', 2), name: 'a text message, then one with RSV2, then a ping' },
  { ...afterMessage('3.3', 3), name: 'the same with RSV2 and RSV3, frame by frame', cut: 'frames' },
  { ...afterMessage('3.4', 4), name: 'the same with RSV1, byte by byte', cut: 1 },
  {
    id: '3.5', name: 'a binary message with RSV1 and RSV3', rfc: 'RFC 6455 §5.2',
    peer: [sent(BINARY, sampleBytes(20), { rsv: 5 })], answers: [failed(1002)]
  },
  {
    id: '3.6', name: 'a ping with RSV1 and RSV2', rfc: 'RFC 6455 §5.2',
    peer: [sent(PING, 'hello', { rsv: 6 })], answers: [failed(1002)]
  },
  {
    id: '3.7', name: 'a close frame with all three', rfc: 'RFC 6455 §5.2',
    peer: [sent(CLOSE, '', { rsv: 7 })], answers: [failed(1002)]
  }
]

function afterMessage (id: string, rsv: number): Omit<Row, 'name'> {
  return {
    id, rfc: 'RFC 6455 §5.2', peer: [text('hello'), sent(TEXT, 'reserved', { rsv }), ping('late')],
    answers: [textBack('hello'), failed(1002)]
  }
}

/** Group 4: opcodes that RFC 6455 keeps for later, 3 to 7 for data and 11 to 15 for control. */
export const OPCODES: Row[] = [[3, 4, 5, 6, 7], [11, 12, 13, 14, 15]].flatMap((opcodes, group) => {
  const [a, b, c, d, e] = opcodes as [number, number, number, number, number]
  const kind = group === 0 ? 'data' : 'control'
  const id = (number: number): string => `4.${group + 1}.${number}`
  const rfc = 'RFC 6455 §5.2'
  const afterOne = [textBack('hello'), failed(1002)]
  return [
    { id: id(1), name: `reserved ${kind} opcode ${a}`, rfc, peer: [sent(a)], answers: [failed(1002)] },
    {
      id: id(2), name: `reserved ${kind} opcode ${b} with a payload`, rfc,
      peer: [sent(b, 'reserved')], answers: [failed(1002)]
    },
    {
      id: id(3), name: `a text message, reserved ${kind} opcode ${c}, a ping`, rfc,
      peer: [text('hello'), sent(c), ping()], answers: afterOne
    },
    {
      id: id(4), name: `a text message, reserved ${kind} opcode ${d} with a payload, a ping`, rfc,
      peer: [text('hello'), sent(d, 'reserved'), ping()], answers: afterOne
    },
    {
      id: id(5), name: `the same with opcode ${e}, byte by byte`, rfc,
      peer: [text('hello'), sent(e, 'reserved'), ping()], answers: afterOne, cut: 1
    }
  ]
})

const AUTOMATIC = sampleText(65_536)

/** Group 10: a sender that cuts every message at a size. */
export const AUTO_FRAGMENTED: Row[] = [{
  id: '10.1.1', name: 'a text message of 65536 bytes in fragments of 1300', rfc: 'RFC 6455 §5.4',
  peer: fragments(TEXT, parts(AUTOMATIC, 1300)), answers: [textBack(AUTOMATIC)]
}]
