import { CLOSE, TEXT } from '../support/opcodes.ts'
import { close, closed, failed, first, last, ping, type Row, sampleText, sent, text, textBack } from './row.ts'

const LARGE = sampleText(256 * 1024)

const AROUND: Row[] = [
  {
    id: '7.1.1', name: 'a message, then a close frame', rfc: 'RFC 6455 §5.5.1',
    peer: [text('hello'), close(1000)], answers: [textBack('hello'), closed(1000)]
  },
  {
    id: '7.1.2', name: 'two close frames', rfc: 'RFC 6455 §5.5.1',
    peer: [close(1000), close(1000)], answers: [closed(1000)]
  },
  {
    id: '7.1.3', name: 'a ping after the close frame', rfc: 'RFC 6455 §5.5.1',
    peer: [close(1000), ping('late')], answers: [closed(1000)]
  },
  {
    id: '7.1.4', name: 'a message after the close frame', rfc: 'RFC 6455 §5.5.1',
    peer: [close(1000), text('late')], answers: [closed(1000)]
  },
  {
    id: '7.1.5', name: 'a close frame before the last fragment of a message', rfc: 'RFC 6455 §5.4, §5.5.1',
    peer: [first(TEXT, 'one, '), close(1000), last('two')], answers: [closed(1000)]
  },
  {
    id: '7.1.6', name: 'a large message, a small one, a close frame, a ping', rfc: 'RFC 6455 §5.5.1',
    peer: [text(LARGE), text('hello'), close(1000), ping('late')],
    answers: [textBack(LARGE), textBack('hello'), closed(1000)]
  }
]

const PAYLOADS: Row[] = [
  {
    id: '7.3.1', name: 'a close frame without a payload', rfc: 'RFC 6455 §5.5.1',
    peer: [close()], answers: [closed(1005)]
  },
  {
    id: '7.3.2', name: 'a close frame of one byte', rfc: 'RFC 6455 §5.5.1',
    peer: [sent(CLOSE, 'a')], answers: [failed(1002)]
  },
  {
    id: '7.3.3', name: 'a close frame with a code', rfc: 'RFC 6455 §5.5.1',
    peer: [close(1000)], answers: [closed(1000)]
  },
  {
    id: '7.3.4', name: 'a close frame with a code and a reason', rfc: 'RFC 6455 §5.5.1',
    peer: [close(1000, 'bye')], answers: [closed(1000)]
  },
  {
    id: '7.3.5', name: 'a close frame with a reason of 123 bytes', rfc: 'RFC 6455 §5.5, §5.5.1',
    peer: [close(1000, 'x'.repeat(123))], answers: [closed(1000)]
  },
  {
    id: '7.3.6', name: 'a close frame with a reason of 124 bytes', rfc: 'RFC 6455 §5.5',
    peer: [close(1000, 'x'.repeat(124))], answers: [failed(1002)]
  },
  {
    id: '7.5.1', name: 'a close reason that is not UTF-8', rfc: 'RFC 6455 §5.5.1, §8.1',
    peer: [close(1000, Buffer.from('cebae1bdb9cf83cebcceb5eda080656469746564', 'hex'))], answers: [failed(1007)]
  }
]

const VALID = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999, 1012, 1013, 1014]
const INVALID = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 1, 1015, 1999]
/** Beyond all ranges of RFC 6455 §7.4.2; the largest is the last that two bytes can hold. */
const UNDEFINED = [5000, 65_535]

/** Group 7: the closing handshake. */
export const CLOSING: Row[] = [
  ...AROUND,
  ...PAYLOADS,
  ...VALID.map((code, index): Row => ({
    id: `7.7.${index + 1}`, name: `close code ${code} may be sent`, rfc: 'RFC 6455 §7.4', peer: [close(code)],
    answers: [closed(code)]
  })),
  ...INVALID.map((code, index): Row => ({
    id: `7.9.${index + 1}`, name: `close code ${code} must not be sent`, rfc: 'RFC 6455 §7.4', peer: [close(code)],
    answers: [failed(1002)]
  })),
  ...UNDEFINED.map((code, index): Row => ({
    id: `7.13.${index + 1}`, name: `close code ${code} is of no range`, rfc: 'RFC 6455 §7.4.2', peer: [close(code)],
    answers: [failed(1002)]
  }))
]
