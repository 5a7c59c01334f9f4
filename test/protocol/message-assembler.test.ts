import { closeBody } from '../support/frames.ts'
import { binary, checkRows, hex, messageReader, text } from './rows.ts'

const ORPHAN = '1002 a continuation frame with no message to continue (RFC 6455 section 5.4)'
const NESTED = '1002 a new message before the last one was complete (RFC 6455 section 5.4)'

checkRows([
  { name: 'a text in one frame (§5.6)', wire: [['81 05', 'Hello']], expect: [text('Hello')] },
  {
    name: 'a binary message in one frame (§5.6)',
    wire: [['82 04', hex('00ff8001')]],
    expect: [binary(hex('00ff8001'))]
  },
  { name: 'an empty text (§5.6)', wire: [['81 00', '']], expect: [text('')] },
  { name: 'an empty binary message (§5.6)', wire: [['82 00', '']], expect: [binary(hex(''))] },
  { name: 'a text in two fragments (§5.7)', wire: [['01 03', 'Hel'], ['80 02', 'lo']], expect: [text('Hello')] },
  {
    name: 'a text in five fragments (§5.4)',
    wire: [['01 01', 'H'], ['00 01', 'e'], ['00 01', 'l'], ['00 01', 'l'], ['80 01', 'o']],
    expect: [text('Hello')]
  },
  {
    name: 'a binary message in three fragments (§5.4)',
    wire: [['02 02', hex('fffe')], ['00 01', hex('00')], ['80 02', hex('c080')]],
    expect: [binary(hex('fffe00c080'))]
  },
  { name: 'an empty first fragment (§5.4)', wire: [['01 00', ''], ['80 02', 'Hi']], expect: [text('Hi')] },
  {
    name: 'an empty fragment in the middle (§5.4)',
    wire: [['01 01', 'H'], ['00 00', ''], ['80 01', 'i']],
    expect: [text('Hi')]
  },
  { name: 'an empty last fragment (§5.4)', wire: [['01 02', 'Hi'], ['80 00', '']], expect: [text('Hi')] },
  {
    name: 'nothing but empty fragments, of a text (§5.4)',
    wire: [['01 00', ''], ['00 00', ''], ['80 00', '']],
    expect: [text('')]
  },
  {
    name: 'nothing but empty fragments, of a binary message (§5.4)',
    wire: [['02 00', ''], ['80 00', '']],
    expect: [binary(hex(''))]
  },
  {
    name: 'an empty text after one that came in fragments (§5.4)',
    wire: [['01 01', 'a'], ['80 01', 'b'], ['81 00', ''], ['81 01', 'c']],
    expect: [text('ab'), text(''), text('c')]
  },
  {
    name: 'messages of both kinds, whole and in fragments, one after the other (§5.4)',
    wire: [
      ['81 01', 'a'], ['01 01', 'b'], ['80 01', 'c'], ['82 01', 'd'], ['02 01', 'e'], ['80 01', 'f'], ['01 02', 'gh'],
      ['80 02', 'ij'], ['81 01', 'k']
    ],
    expect: [text('a'), text('bc'), binary(Buffer.from('d')), binary(Buffer.from('ef')), text('ghij'), text('k')]
  },
  {
    name: 'bytes that are not UTF-8, in a binary message after a text in fragments (§5.6)',
    wire: [['01 01', 'a'], ['80 01', 'b'], ['02 01', hex('c3')], ['80 01', hex('ff')]],
    expect: [text('ab'), binary(hex('c3ff'))]
  },
  { name: 'nothing before FIN (§5.4)', wire: [['01 05', 'Hello'], ['00 01', '!']] },
  { name: 'nothing before the last byte (§5.4)', wire: [['81 06', 'Hello']] },
  {
    name: 'a control frame between two fragments (§5.4)',
    wire: [['01 03', 'Hel'], ['89 02', 'hi'], ['80 02', 'lo']],
    expect: ['ping hi', text('Hello')]
  },
  {
    name: 'control frames of all kinds around and between fragments (§5.4)',
    wire: [
      ['89 01', '1'], ['01 01', 'a'], ['8a 00', ''], ['89 00', ''], ['00 01', 'b'], ['8a 01', '2'], ['80 01', 'c'],
      ['89 01', '3'], ['81 01', 'd']
    ],
    expect: ['ping 1', 'pong ', 'ping ', 'pong 2', text('abc'), 'ping 3', text('d')]
  },
  {
    name: 'a control frame between empty fragments (§5.4)',
    wire: [['02 00', ''], ['89 03', 'abc'], ['80 00', '']],
    expect: ['ping abc', binary(hex(''))]
  },
  {
    name: 'a close frame inside a message, which is then never complete (§5.5.1)',
    wire: [['01 03', 'Hel'], ['88 02', closeBody(1001)]],
    expect: ['close 1001 ']
  },
  { name: 'a control frame before its last byte (§5.5)', wire: [['89 05', 'Hell']] },
  {
    name: 'the largest control payload (§5.5)',
    wire: [['89 7d', 'p'.repeat(125)], ['8a 7d', 'q'.repeat(125)]],
    expect: [`ping ${'p'.repeat(125)}`, `pong ${'q'.repeat(125)}`]
  }
], messageReader)

checkRows([
  { name: 'a continuation to begin with (§5.4)', wire: [['80 05']], fails: ORPHAN },
  { name: 'a continuation without FIN to begin with (§5.4)', wire: [['00 05']], fails: ORPHAN },
  { name: 'an empty continuation to begin with (§5.4)', wire: [['80 00']], fails: ORPHAN },
  {
    name: 'a continuation after a whole message (§5.4)',
    wire: [['81 01', 'a'], ['80 01']],
    expect: [text('a')],
    fails: ORPHAN
  },
  {
    name: 'a continuation after an empty message (§5.4)',
    wire: [['82 00', ''], ['00 01']],
    expect: [binary(hex(''))],
    fails: ORPHAN
  },
  {
    name: 'a continuation after the last fragment (§5.4)',
    wire: [['01 01', 'a'], ['80 01', 'b'], ['80 01']],
    expect: [text('ab')],
    fails: ORPHAN
  },
  {
    name: 'a continuation after a control frame (§5.4)',
    wire: [['89 00', ''], ['80 01']],
    expect: ['ping '],
    fails: ORPHAN
  },
  {
    name: 'a continuation with a 64-bit length to begin with (§5.4)',
    wire: [['80 7f 00 00 00 00 00 01 00 00']],
    fails: ORPHAN
  },
  { name: 'a text inside a text (§5.4)', wire: [['01 01', 'a'], ['81 01']], fails: NESTED },
  { name: 'a binary message inside a text (§5.4)', wire: [['01 01', 'a'], ['82 01']], fails: NESTED },
  { name: 'a text inside a binary message (§5.4)', wire: [['02 01', 'a'], ['00 01', 'b'], ['81 00']], fails: NESTED },
  { name: 'a fragmented text inside a text (§5.4)', wire: [['01 00', ''], ['01 01']], fails: NESTED },
  {
    name: 'a fragmented binary message inside a binary message (§5.4)',
    wire: [['02 01', 'a'], ['89 00', ''], ['02 01']],
    expect: ['ping '],
    fails: NESTED
  }
], messageReader)

const TOO_BIG = '1009 the message is larger than maxPayload, 10 bytes'
const maxPayload = 10
const TEN = 'x'.repeat(10)
checkRows([
  {
    name: 'a message of exactly maxPayload',
    maxPayload,
    wire: [['81 0a', TEN], ['82 0a', TEN]],
    expect: [text(TEN), binary(Buffer.from(TEN))]
  },
  { name: 'one byte above maxPayload, refused on the header', maxPayload, wire: [['81 0b']], fails: TOO_BIG },
  {
    name: 'a binary message above maxPayload, refused on a 16-bit length',
    maxPayload,
    wire: [['82 7e 01 00']],
    fails: TOO_BIG
  },
  {
    name: 'a message above maxPayload, refused on a 64-bit length',
    maxPayload,
    wire: [['82 7f 7f ff ff ff ff ff ff ff']],
    fails: TOO_BIG
  },
  { name: 'a first fragment above maxPayload', maxPayload, wire: [['02 0b']], fails: TOO_BIG },
  {
    name: 'maxPayload counts bytes and not characters',
    maxPayload,
    wire: [['81 0a', 'é€😀a'], ['81 0b']],
    expect: [text('é€😀a')],
    fails: TOO_BIG
  },
  {
    name: 'fragments that reach maxPayload together',
    maxPayload,
    wire: [['01 04', 'xxxx'], ['00 05', 'xxxxx'], ['80 01', 'x']],
    expect: [text(TEN)]
  },
  {
    name: 'fragments that pass maxPayload together, refused on the header of the last',
    maxPayload,
    wire: [['01 04', 'xxxx'], ['00 05', 'xxxxx'], ['80 02']],
    fails: TOO_BIG
  },
  {
    name: 'a fragment in the middle that passes maxPayload',
    maxPayload,
    wire: [['02 0a', TEN], ['00 01']],
    fails: TOO_BIG
  },
  {
    name: 'empty fragments after maxPayload is reached',
    maxPayload,
    wire: [['02 0a', TEN], ['00 00', ''], ['80 00', '']],
    expect: [binary(Buffer.from(TEN))]
  },
  {
    name: 'control frames do not count towards maxPayload',
    maxPayload,
    wire: [['01 0a', TEN], ['89 0b', 'elevenbytes'], ['80 00', '']],
    expect: ['ping elevenbytes', text(TEN)]
  },
  {
    name: 'maxPayload begins anew with each message',
    maxPayload,
    wire: [['01 09', TEN.slice(1)], ['80 01', 'x'], ['02 01', 'y'], ['80 09', TEN.slice(1)], ['81 0a', TEN]],
    expect: [text(TEN), binary(Buffer.from('yxxxxxxxxx')), text(TEN)]
  },
  {
    name: 'with a maxPayload of 0 there are only empty messages',
    maxPayload: 0,
    wire: [['81 00', ''], ['81 01']],
    expect: [text('')],
    fails: '1009 the message is larger than maxPayload, 0 bytes'
  },
  { name: 'a broken order of fragments goes before maxPayload', maxPayload, wire: [['80 7e 01 00']], fails: ORPHAN },
  {
    name: 'a message larger than any first room, at maxPayload',
    maxPayload: 70_000,
    wire: [['02 7e ff ff', Buffer.alloc(65_535, 1)], ['80 7e 11 71', Buffer.alloc(4465, 2)]],
    expect: [binary(Buffer.concat([Buffer.alloc(65_535, 1), Buffer.alloc(4465, 2)]))]
  },
  {
    name: 'and one byte above it',
    maxPayload: 70_000,
    wire: [['02 7e ff ff', Buffer.alloc(65_535, 1)], ['80 7e 11 72']],
    fails: '1009 the message is larger than maxPayload, 70000 bytes'
  }
], messageReader)
