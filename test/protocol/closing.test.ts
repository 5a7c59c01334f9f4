import { test } from 'tap'
import type { Role } from '../../lib/protocol/frame-decoder.ts'
import {
  BROKEN, CLEAN, CLOSE_SENT, CLOSED, CLOSING_GENTLY, ClosingHandshake, type ClosingEvent, CUT, CUT_GENTLY, CUT_WHEN_WRITTEN, END, OPEN,
  SEND
} from '../../lib/protocol/closing.ts'

/*
 * The closing handshake as rows: what happens, one thing after the other, and what comes of it.
 */

const NAMES = ['OPEN', 'CLOSING_GENTLY', 'CUT_GENTLY', 'CLOSE_SENT', 'CLEAN', 'BROKEN', 'CLOSED']

/** What happens: its name, and for what carries them a code and a reason. */
type Happening = readonly [event: ClosingEvent, code?: number, reason?: string]

const CLOSE: Happening = ['close', 4000, 'ours']
const GENTLY: Happening = ['closeGently', 1001, 'gently']
const FAIL: Happening = ['fail', 1002, 'a rule']
const THEIRS: Happening = ['closeFrame', 4001, 'theirs']

interface Row {
  name: string
  role?: Role
  happens: Happening[]
  /** Of the last thing that happens: the state it leads to and what is to be done, a close frame with code and reason. */
  does: string
  /** How the connection has ended, if the transport goes then. */
  info: string
}

function payloadOf (handshake: ClosingHandshake): string {
  const { payload } = handshake
  return payload.length === 0 ? 'empty' : `${payload.readUInt16BE()} '${payload.toString('utf8', 2)}'`
}

/** State and deeds in words. */
function tell (handshake: ClosingHandshake, todo: number): string {
  const deeds = [NAMES[handshake.state]]
  if ((todo & SEND) !== 0) deeds.push(`send ${payloadOf(handshake)}`)
  if ((todo & END) !== 0) deeds.push('end')
  if ((todo & CUT) !== 0) deeds.push('cut')
  if ((todo & CUT_WHEN_WRITTEN) !== 0) deeds.push('cut when written')
  return deeds.join(', ')
}

function ended (handshake: ClosingHandshake): string {
  const { code, reason, wasClean, initiator } = handshake.gone()
  return `${code} '${reason}' by ${initiator}${wasClean ? ', clean' : ''}`
}

const LOST = "1006 '' by remote"
const OURS = "4000 'ours' by local"
const GENTLE = "1001 'gently' by local"
const BAD = "1002 'a rule' by local"

const rows: Row[] = [
  // The first close frame.
  { name: 'we close (§7.1.2)', happens: [CLOSE], does: "CLOSE_SENT, send 4000 'ours'", info: OURS },
  { name: 'we close gently', happens: [GENTLY], does: "CLOSING_GENTLY, send 1001 'gently'", info: GENTLE },
  { name: 'the peer closes: its code comes back, the server ends (§5.5.1, §7.1.1)', happens: [THEIRS], does: "CLEAN, send 4001 '', end", info: "4001 'theirs' by remote, clean" },
  { name: 'the peer closes: its code comes back, the client waits for the server', role: 'client', happens: [THEIRS], does: "CLEAN, send 4001 ''", info: "4001 'theirs' by remote, clean" },
  { name: 'the peer closes without a code (§7.1.5)', happens: [['closeFrame', 1005]], does: 'CLEAN, send empty, end', info: "1005 '' by remote, clean" },
  { name: 'the peer breaks a rule (§7.1.7)', happens: [FAIL], does: "BROKEN, send 1002 'a rule', end", info: BAD },
  { name: 'a client fails the same way', role: 'client', happens: [FAIL], does: "BROKEN, send 1002 'a rule', end", info: BAD },
  // The second.
  { name: 'the peer answers: the server ends', happens: [CLOSE, THEIRS], does: 'CLEAN, end', info: `${OURS}, clean` },
  { name: 'the peer answers: the client waits', role: 'client', happens: [CLOSE, THEIRS], does: 'CLEAN', info: `${OURS}, clean` },
  { name: 'the peer answers a gentle close', happens: [GENTLY, THEIRS], does: 'CLEAN, end', info: `${GENTLE}, clean` },
  { name: 'the answer has no code', happens: [CLOSE, ['closeFrame', 1005]], does: 'CLEAN, end', info: `${OURS}, clean` },
  // A third, which nobody sends.
  { name: 'we close twice', happens: [CLOSE, ['close', 4002, 'again']], does: 'CLOSE_SENT', info: OURS },
  { name: 'we close gently twice', happens: [GENTLY, ['closeGently', 4002, 'again']], does: 'CLOSING_GENTLY', info: GENTLE },
  { name: 'we close, not so gently any more', happens: [GENTLY, CLOSE], does: 'CLOSE_SENT', info: GENTLE },
  { name: 'we close, and no more gently than that', happens: [CLOSE, GENTLY], does: 'CLOSE_SENT', info: OURS },
  { name: 'we close when both have', happens: [THEIRS, CLOSE], does: 'CLEAN', info: "4001 'theirs' by remote, clean" },
  { name: 'we close gently when both have', happens: [THEIRS, GENTLY], does: 'CLEAN', info: "4001 'theirs' by remote, clean" },
  { name: 'we close what has failed', happens: [FAIL, CLOSE], does: 'BROKEN', info: BAD },
  { name: 'we gently close what has failed', happens: [FAIL, GENTLY], does: 'BROKEN', info: BAD },
  { name: 'a close frame behind a violation', happens: [FAIL, THEIRS], does: 'BROKEN', info: BAD },
  { name: 'a close frame behind that of the peer', happens: [THEIRS, THEIRS], does: 'CLEAN', info: "4001 'theirs' by remote, clean" },
  // Violations.
  { name: 'a rule is broken after our close frame: no second one', happens: [CLOSE, FAIL], does: 'BROKEN, end', info: OURS },
  { name: 'a rule is broken after a gentle close', happens: [GENTLY, FAIL], does: 'BROKEN, end', info: GENTLE },
  { name: 'what we send fails when both have closed', happens: [THEIRS, FAIL], does: 'CLEAN, end', info: "4001 'theirs' by remote, clean" },
  { name: 'two failures', happens: [FAIL, ['fail', 1011]], does: 'BROKEN, end', info: BAD },
  // The transport.
  { name: 'the peer ends the transport: nothing is sent any more (§7.1.1)', happens: [['peerEnded']], does: 'BROKEN, end', info: LOST },
  { name: 'the peer ends it in place of an answer', happens: [CLOSE, ['peerEnded']], does: 'BROKEN, end', info: OURS },
  { name: 'the peer ends it in place of an answer to a gentle close', happens: [GENTLY, ['peerEnded']], does: 'BROKEN, end', info: GENTLE },
  { name: 'the server has ended it, and the client follows', role: 'client', happens: [CLOSE, THEIRS, ['peerEnded']], does: 'CLEAN, end', info: `${OURS}, clean` },
  { name: 'the peer ends it after a violation', happens: [FAIL, ['peerEnded']], does: 'BROKEN, end', info: BAD },
  { name: 'the transport is gone without a word', happens: [], does: 'OPEN', info: LOST },
  // We cut it.
  { name: 'we cut what is open', happens: [['cut']], does: 'BROKEN, cut', info: "1006 '' by local" },
  { name: 'we cut the closing handshake short', happens: [CLOSE, ['cut']], does: 'BROKEN, cut', info: OURS },
  { name: 'we cut a gentle close short', happens: [GENTLY, ['cut']], does: 'BROKEN, cut', info: GENTLE },
  { name: 'we cut what both have closed', happens: [THEIRS, ['cut']], does: 'CLEAN, cut', info: "4001 'theirs' by remote, clean" },
  { name: 'we cut what has failed', happens: [FAIL, ['cut']], does: 'BROKEN, cut', info: BAD },
  { name: 'we cut what the peer has ended', happens: [['peerEnded'], ['cut']], does: 'BROKEN, cut', info: LOST },
  { name: 'we close what we have cut', happens: [['cut'], CLOSE], does: 'BROKEN', info: "1006 '' by local" },
  { name: 'we cut when the peer has been told, after a gentle close', happens: [GENTLY, ['insist'], ['cutWhenTold']], does: 'BROKEN, end, cut when written', info: GENTLE },
  { name: 'we cut when the peer has been told, after a close', happens: [CLOSE, ['insist'], ['cutWhenTold']], does: 'BROKEN, end, cut when written', info: OURS },
  { name: 'we cut when the peer has been told, after its answer', happens: [CLOSE, ['insist'], THEIRS, ['cutWhenTold']], does: 'CLEAN, cut when written', info: `${OURS}, clean` },
  { name: 'we cut when the peer has been told, after a violation', happens: [FAIL, ['cutWhenTold']], does: 'BROKEN, cut when written', info: BAD },
  // Time.
  { name: 'no answer comes', happens: [CLOSE, ['timeout']], does: 'BROKEN, cut', info: OURS },
  { name: 'no answer comes, nor has our frame left', happens: [CLOSE, ['timeoutUnsent']], does: 'BROKEN, cut', info: OURS },
  { name: 'no answer comes to a gentle close: what has been read is still delivered', happens: [GENTLY, ['timeout']], does: 'CLOSING_GENTLY, cut', info: GENTLE },
  { name: 'and also if our frame has not left', happens: [GENTLY, ['timeoutUnsent']], does: 'CUT_GENTLY, cut', info: GENTLE },
  { name: 'then the close frame of the peer makes no clean end of it', happens: [GENTLY, ['timeoutUnsent'], THEIRS], does: 'BROKEN', info: GENTLE },
  { name: 'but it does if ours has left', happens: [GENTLY, ['timeout'], THEIRS], does: 'CLEAN, end', info: `${GENTLE}, clean` },
  { name: 'what had been read is not wanted after all', happens: [GENTLY, ['timeoutUnsent'], CLOSE], does: 'BROKEN', info: GENTLE },
  { name: 'the server does not end the transport', role: 'client', happens: [CLOSE, THEIRS, ['timeout']], does: 'CLEAN, cut', info: `${OURS}, clean` },
  { name: 'our answer does not leave: that was no clean end', happens: [THEIRS, ['timeoutUnsent']], does: 'BROKEN, cut', info: "4001 'theirs' by remote" },
  { name: 'a transport that has failed does not go', happens: [FAIL, ['timeout']], does: 'BROKEN, cut', info: BAD },
  // The payload (§5.5).
  { name: 'a reason is cut to 123 bytes', happens: [['close', 1000, 'x'.repeat(200)]], does: `CLOSE_SENT, send 1000 '${'x'.repeat(123)}'`, info: `1000 '${'x'.repeat(123)}' by local` },
  { name: 'that of a violation as well', happens: [['fail', 1007, 'é'.repeat(100)]], does: `BROKEN, send 1007 '${'é'.repeat(61)}', end`, info: `1007 '${'é'.repeat(61)}' by local` }
]

for (const { name, role = 'server', happens, does, info } of rows) {
  test(name, async t => {
    const handshake = new ClosingHandshake(role)
    let todo = 0
    for (const happening of happens) todo = handshake.on(...happening)
    t.equal(tell(handshake, todo), does)
    t.equal(ended(handshake), info)
    t.equal(handshake.state, CLOSED)
  })
}

test('who is told why: whom we have failed, and whom we insist on telling', async t => {
  const owes = (...happens: Happening[]): boolean => {
    const handshake = new ClosingHandshake('server')
    for (const happening of happens) handshake.on(...happening)
    return handshake.owesFrame
  }
  t.strictSame([owes(), owes(CLOSE), owes(GENTLY), owes(THEIRS), owes(['peerEnded']), owes(['cut'])], Array(6).fill(false))
  t.strictSame([owes(FAIL), owes(CLOSE, FAIL), owes(GENTLY, FAIL)], Array(3).fill(true))
  t.strictSame([owes(CLOSE, ['insist']), owes(GENTLY, ['insist'])], [true, true])
  t.equal(owes(GENTLY, ['insist'], THEIRS, CLOSE), true, 'it stays so')
  t.equal(owes(THEIRS, ['insist']), false, 'a peer that has closed was told nothing')
})

const EVENTS: Happening[] = [
  CLOSE, GENTLY, ['insist'], FAIL, THEIRS, ['peerEnded'], ['cut'], ['cutWhenTold'], ['timeout'], ['timeoutUnsent']
]

/** Every way of up to so many events. */
function * ways (longest: number): Generator<Happening[]> {
  yield []
  if (longest === 0) return
  for (const rest of ways(longest - 1)) for (const event of EVENTS) yield [event, ...rest]
}

test('whatever happens, in whatever order', async t => {
  const faults = new Set<string>()
  let count = 0
  for (const role of ['server', 'client'] as const) {
    for (const happens of ways(4)) {
      const handshake = new ClosingHandshake(role)
      const what = `${role}: ${happens.map(([event]) => event).join(', ')}`
      const check = (isRight: boolean, rule: string): void => { if (!isRight) faults.add(`${rule} (${what})`) }
      let sent = 0
      let received = 0
      let broken = false
      count++
      for (const happening of happens) {
        const { state, mayDeliver, isEnding } = handshake
        const todo = handshake.on(...happening)
        if ((todo & SEND) !== 0) sent++
        if (happening[0] === 'closeFrame' && !isEnding) received++
        broken ||= handshake.state === BROKEN
        check(handshake.state >= state, 'the states come in their order')
        check(!(broken && handshake.state === CLEAN), 'what is broken does not become clean')
        check(mayDeliver || !handshake.mayDeliver, 'what is not delivered any more never is')
        check(handshake.maySend === (handshake.state === OPEN) && handshake.mayDeliver === (handshake.state <= CUT_GENTLY), 'predicates')
        check(handshake.isEnding === (handshake.state === CLEAN || handshake.state === BROKEN), 'predicates of the end')
        check((todo & SEND) === 0 || state === OPEN, 'a close frame is the first thing to be sent, or none is')
        check((todo & (END | CUT | CUT_WHEN_WRITTEN)) === 0 || handshake.isEnding || [CLOSING_GENTLY, CUT_GENTLY].includes(handshake.state), 'the transport goes last')
        check(handshake.state !== CLOSE_SENT || sent === 1, 'CLOSE_SENT says what it is')
        check(handshake.socketState === (handshake.state === OPEN ? 'open' : 'closing'), 'for others it is closing')
      }
      check(sent <= 1, 'one close frame is sent at most')
      const { wasClean, initiator, code } = handshake.gone()
      check(!wasClean || (sent === 1 && received === 1), 'clean is an end with both close frames')
      check(wasClean || received === 0 || broken, 'and any end with both is, unless it broke')
      check((code === 1006) === (sent === 0), '1006: no close frame was sent')
      const first = happens.find(([event]) => event !== 'insist')?.[0]
      check((initiator === 'remote') === (first === undefined || first === 'closeFrame' || first === 'peerEnded'), 'who began it')
      check(handshake.socketState === 'closed' && EVENTS.every(event => handshake.on(...event) === 0 && handshake.state === CLOSED), 'closed is closed')
    }
  }
  t.ok(count > 20_000)
  t.strictSame([...faults].slice(0, 5), [])
})
