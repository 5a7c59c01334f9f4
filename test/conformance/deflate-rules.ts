import { deflateRawSync } from 'node:zlib'
import { BINARY, CONTINUATION, PING, TEXT } from '../support/opcodes.ts'
import { failed, first, last, more, ping, type Row, sent, type Sent, text, textBack } from './row.ts'

const RSV1 = { rsv: 4 }
const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(' ', ''), 'hex')

/** A compressed text message, its data in hex. */
const compressed = (digits: string): Sent => sent(TEXT, hex(digits), RSV1)
const HELLO = 'f2 48 cd c9 c9 07 00'

/** A megabyte in a kilobyte; the final block makes it whole without a tail. */
const BOMB = deflateRawSync(Buffer.alloc(1024 * 1024))

type Rule = Pick<Row, 'name' | 'peer' | 'answers' | 'deflate'> & Partial<Row>

const EXAMPLES: Rule[] = [
  { name: 'the example of one block', peer: [compressed(HELLO)], answers: [textBack('Hello')] },
  {
    name: 'the example of two fragments', answers: [textBack('Hello')],
    peer: [{ ...first(TEXT, hex('f2 48 cd')), ...RSV1 }, last(hex('c9 c9 07 00'))]
  },
  {
    name: 'a ping between the fragments of a compressed message',
    answers: [{ ...textBack('!'), opcode: 10 }, textBack('Hello')],
    peer: [{ ...first(TEXT, hex('f2 48 cd')), ...RSV1 }, ping('!'), last(hex('c9 c9 07 00'))]
  },
  {
    name: 'the example of a shared window', deflate: 'takeover',
    peer: [compressed(HELLO), compressed('f2 00 11 00 00')], answers: [textBack('Hello'), textBack('Hello')]
  },
  {
    name: 'the example of a block without compression', answers: [textBack('Hello')],
    peer: [compressed('00 05 00 fa ff 48 65 6c 6c 6f 00')]
  },
  { name: 'the example of a final block', peer: [compressed('f3 48 cd c9 c9 07 00 00')], answers: [textBack('Hello')] },
  {
    name: 'the example of two blocks', answers: [textBack('Hello')],
    peer: [compressed('f2 48 05 00 00 00 ff ff ca c9 c9 07 00')]
  },
  {
    name: 'an empty compressed message',
    peer: [compressed('00'), text('next')], answers: [textBack(), textBack('next')]
  },
  {
    name: 'empty fragments around a compressed message', answers: [textBack('Hello')],
    peer: [{ ...first(TEXT), ...RSV1 }, more(hex(HELLO)), more(), last()]
  },
  {
    name: 'messages with and without compression',
    answers: [textBack('a'), textBack('Hello'), textBack('b'), textBack('Hello')],
    peer: [text('a'), compressed(HELLO), text('b'), compressed(HELLO)]
  }
]

const VIOLATIONS: Rule[] = [
  {
    name: 'RSV1 on a continuation frame', answers: [failed(1002)],
    peer: [{ ...first(TEXT, hex('f2 48 cd')), ...RSV1 }, sent(CONTINUATION, hex('c9 c9 07 00'), RSV1)]
  },
  {
    name: 'RSV1 on a continuation frame of a message without compression', answers: [failed(1002)],
    peer: [first(TEXT, 'one, '), sent(CONTINUATION, 'two', RSV1)]
  },
  { name: 'RSV1 on a ping', peer: [text('hello'), sent(PING, '', RSV1)], answers: [textBack('hello'), failed(1002)] },
  { name: 'RSV1 on a close frame', peer: [sent(8, hex('03e8'), RSV1)], answers: [failed(1002)] },
  {
    name: 'RSV2, which compression has no use for',
    peer: [sent(TEXT, hex(HELLO), { rsv: 6 })], answers: [failed(1002)]
  },
  { name: 'data that is not DEFLATE', peer: [compressed('ff ff ff ff ff'), ping()], answers: [failed(1007)] },
  {
    name: 'a message before data that is not DEFLATE',
    peer: [compressed(HELLO), compressed('06')], answers: [textBack('Hello'), failed(1007)]
  },
  { name: 'data that ends inside a block', peer: [compressed('f2 48'), text('late')], answers: [failed(1007)] },
  {
    name: 'compressed text that is not UTF-8', answers: [failed(1007)],
    peer: [compressed('00 03 00 fc ff ed a0 80 00'), text('late')]
  },
  {
    name: 'a message that is too large when inflated', answers: [failed(1009)], limited: true, rfc: 'RFC 7692 §8',
    peer: [sent(BINARY, BOMB, RSV1), text('late')]
  },
  {
    name: 'the same in fragments', answers: [failed(1009)], limited: true, rfc: 'RFC 7692 §8',
    peer: [{ ...first(BINARY, BOMB.subarray(0, 500)), ...RSV1 }, last(BOMB.subarray(500, 999)), text('late')]
  }
]

/** Ours: the examples of RFC 7692 §7.2.3 and what breaks its rules. Answers are too short to be compressed. */
export const DEFLATE_RULES: Row[] = [...EXAMPLES, ...VIOLATIONS].map((rule, index): Row => ({
  id: `12.6.${index + 1}`,
  rfc: index < EXAMPLES.length ? 'RFC 7692 §7.2.3' : 'RFC 7692 §6.1, §7.2.2', deflate: 'default', ...rule
}))
