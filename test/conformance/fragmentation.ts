import { PING, PONG, TEXT } from '../support/opcodes.ts'
import {
  type Answer, failed, first, fragments, last, more, ping, pongBack, type Row, type Step, text, textBack, wait
} from './row.ts'

const CUTS = [
  { cut: undefined, how: '' },
  { cut: 'frames', how: ', frame by frame' },
  { cut: 1, how: ', byte by byte' }
] as const

/** The same case cut in three ways, as three rows. */
function threeWays (from: number, name: string, rfc: string, peer: Step[], answers: Answer[]): Row[] {
  return CUTS.map(({ cut, how }, index) => ({
    id: `5.${from + index}`, name: name + how, rfc, peer, answers, ...(cut !== undefined && { cut })
  }))
}

const PINGED: Step[] = [
  first(TEXT, 'one, '), more('two, '), ping('after two'), wait(1),
  more('three, '), more('four, '), ping('after four'), wait(2), last('five')
]
const PINGED_BACK = [pongBack('after two'), pongBack('after four'), textBack('one, two, three, four, five')]

/** Group 5: messages in fragments, and what may stand between them. */
export const FRAGMENTATION: Row[] = [
  {
    id: '5.1', name: 'a ping in two fragments', rfc: 'RFC 6455 §5.5',
    peer: [first(PING, 'one, '), last('two')], answers: [failed(1002)]
  },
  {
    id: '5.2', name: 'a pong in two fragments', rfc: 'RFC 6455 §5.5',
    peer: [first(PONG, 'one, '), last('two')], answers: [failed(1002)]
  },
  ...threeWays(
    3, 'a text message in two fragments', 'RFC 6455 §5.4', fragments(TEXT, ['one, ', 'two']), [textBack('one, two')]
  ),
  ...threeWays(
    6, 'a ping between the two fragments of a text message', 'RFC 6455 §5.4, §5.5',
    [first(TEXT, 'one, '), ping('between'), last('two')], [pongBack('between'), textBack('one, two')]
  ),
  ...threeWays(
    9, 'a final continuation frame with nothing to continue, then a message', 'RFC 6455 §5.4',
    [last('of nothing'), text('hello')], [failed(1002)]
  ),
  ...threeWays(
    12, 'a continuation frame with nothing to continue and more to follow, then a message', 'RFC 6455 §5.4',
    [more('of nothing'), text('hello')], [failed(1002)]
  ),
  {
    id: '5.15', name: 'a message in two fragments, a continuation frame with nothing to continue, a message',
    rfc: 'RFC 6455 §5.4',
    peer: [...fragments(TEXT, ['one, ', 'two']), more('of nothing'), text('hello')],
    answers: [textBack('one, two'), failed(1002)]
  },
  {
    id: '5.16',
    name: 'twice: a continuation frame with nothing to continue and more to follow, then a message in fragments',
    rfc: 'RFC 6455 §5.4', peer: repeated(more('of nothing')), answers: [failed(1002)]
  },
  {
    id: '5.17', name: 'twice: a final continuation frame with nothing to continue, then a message in fragments',
    rfc: 'RFC 6455 §5.4', peer: repeated(last('of nothing')), answers: [failed(1002)]
  },
  {
    id: '5.18', name: 'the second fragment is a text frame', rfc: 'RFC 6455 §5.4',
    peer: [first(TEXT, 'one, '), text('two')], answers: [failed(1002)]
  },
  {
    id: '5.19', name: 'pings between five fragments, each answered before the next fragment',
    rfc: 'RFC 6455 §5.4, §5.5.2',
    peer: PINGED, answers: PINGED_BACK
  },
  {
    id: '5.20', name: 'pings between five fragments, frame by frame', rfc: 'RFC 6455 §5.4, §5.5.2',
    peer: PINGED, answers: PINGED_BACK, cut: 'frames'
  }
]

function repeated (stray: Step): Step[] {
  const round = [stray, first(TEXT, 'one, '), last('two')]
  return [...round, ...round]
}
