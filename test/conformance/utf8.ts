import { TEXT } from '../support/opcodes.ts'
import { failed, first, fragments, last, more, parts, type Row, sent, silence, type Step, text, textBack } from './row.ts'
import { SEQUENCES } from './utf8-sequences.ts'

const RFC = 'RFC 6455 §5.6, §8.1'
const MIXED = 'Hello-µ@ßöäüàá-UTF-8!!'
const GREEK = 'κόσμε'
/** Valid text, a code point behind the last one of Unicode, U+110000, and ASCII. */
const BEFORE = Buffer.from(GREEK)
const BAD = Buffer.from('f4908080', 'hex')
const AFTER = Buffer.from('edited')
const INVALID = Buffer.concat([BEFORE, BAD, AFTER])

const EMPTY: Row[] = [
  { id: '6.1.1', name: 'an empty text message', rfc: RFC, peer: [text()], answers: [textBack()] },
  { id: '6.1.2', name: 'three empty fragments', rfc: RFC, peer: fragments(TEXT, ['', '', '']), answers: [textBack()] },
  {
    id: '6.1.3', name: 'an empty fragment on each side', rfc: RFC,
    peer: fragments(TEXT, ['', 'middle', '']), answers: [textBack('middle')]
  }
]

const FRAGMENTED: Row[] = [
  { id: '6.2.1', name: 'valid UTF-8 in one frame', rfc: RFC, peer: [text(MIXED)], answers: [textBack(MIXED)] },
  {
    id: '6.2.2', name: 'valid UTF-8 in two fragments, cut between characters', rfc: RFC,
    peer: fragments(TEXT, [MIXED.slice(0, 9), MIXED.slice(9)]), answers: [textBack(MIXED)]
  },
  {
    id: '6.2.3', name: 'valid UTF-8 in fragments of one byte', rfc: RFC,
    peer: fragments(TEXT, parts(MIXED, 1)), answers: [textBack(MIXED)]
  },
  {
    id: '6.2.4', name: 'valid Greek in fragments of one byte', rfc: RFC,
    peer: fragments(TEXT, parts(GREEK, 1)), answers: [textBack(GREEK)]
  },
  { id: '6.3.1', name: 'invalid UTF-8 in one frame', rfc: RFC, peer: [text(INVALID)], answers: [failed(1007)] },
  {
    id: '6.3.2', name: 'invalid UTF-8 in fragments of one byte', rfc: RFC,
    peer: fragments(TEXT, parts(INVALID, 1)), answers: [failed(1007)]
  }
]

/**
 * Invalid UTF-8 ends the connection when the byte has come that no other can mend: the rest of the message is never
 * sent. F4 90 is that much already; until F4 all may still end well.
 */
const FAIL_FAST: Row[] = [
  {
    id: '6.4.1', name: 'fails at the fragment with the invalid character, with the last one not sent', rfc: RFC,
    peer: [first(TEXT, BEFORE), silence(), more(BAD)], answers: [failed(1007)]
  },
  {
    id: '6.4.2',
    name: 'fails at the fragment whose first byte makes the one before invalid, with the last one not sent',
    rfc: RFC,
    peer: [first(TEXT, Buffer.concat([BEFORE, BAD.subarray(0, 1)])), silence(), more(BAD.subarray(1))],
    answers: [failed(1007)]
  },
  {
    id: '6.4.3', name: 'fails inside a frame, at the invalid character, with the rest not sent', rfc: RFC,
    peer: cutAt(INVALID, BEFORE.length, BEFORE.length + BAD.length), answers: [failed(1007)]
  },
  {
    id: '6.4.4', name: 'fails inside a frame, at the byte that makes the one before invalid, with the rest not sent',
    rfc: RFC,
    peer: cutAt(INVALID, BEFORE.length + 1, BEFORE.length + 2), answers: [failed(1007)]
  },
  {
    id: '6.4.5', name: 'fails inside the first bytes of a frame', rfc: RFC,
    peer: [{ ...sent(TEXT, INVALID), to: BEFORE.length + 2 }], answers: [failed(1007)]
  },
  {
    id: '6.4.6', name: 'fails inside a continuation frame', rfc: RFC,
    peer: [first(TEXT, BEFORE), silence(), { ...last(Buffer.concat([BAD, AFTER])), to: 2 }], answers: [failed(1007)]
  },
  {
    id: '6.4.7', name: 'a cut character is not taken for an invalid one', rfc: RFC,
    peer: [...cutAt(Buffer.from('😀'), 1, 2, 3), silence(), { ...text('😀'), from: 3 }], answers: [textBack('😀')]
  }
]

/** A text frame that is sent in parts, each when the one before has been read and nothing has come back. */
function cutAt (payload: Buffer, ...ends: number[]): Step[] {
  return ends.flatMap((to, index): Step[] => {
    const part = { ...text(payload), from: ends[index - 1] ?? 0, to }
    return index === 0 ? [part] : [silence(), part]
  })
}

/** Group 6: text is UTF-8. */
export const UTF8: Row[] = [
  ...EMPTY,
  ...FRAGMENTED,
  ...FAIL_FAST,
  ...SEQUENCES.map(({ id, name, hex, valid }): Row => {
    const payload = Buffer.from(hex.replaceAll(' ', ''), 'hex')
    return {
      id, name, rfc: 'RFC 6455 §8.1, RFC 3629 §4', peer: [text(payload)],
      answers: [valid ? textBack(payload) : failed(1007)]
    }
  })
]
