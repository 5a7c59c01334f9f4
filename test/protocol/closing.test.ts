import { test } from 'tap'
import {
  CLOSED, type ClosingEvent, type ClosingState, Closing, CLOSE_SENT, CUT_BY_PEER, ENDING, GOING_AWAY, isEnding, mayDeliver, OPEN, TRANSITIONS
} from '../../lib/protocol/closing.ts'

const NAMES = ['OPEN', 'GOING_AWAY', 'CLOSE_SENT', 'ENDING', 'CLOSED']
const STATES: ClosingState[] = [OPEN, GOING_AWAY, CLOSE_SENT, ENDING, CLOSED]

/** Each state and event: the next state, what is sent, who ends the transport. What is not named changes nothing. */
const ROWS = `
  OPEN        close   CLOSE_SENT  close   -
  OPEN        goAway  GOING_AWAY  close   -
  OPEN        closed  ENDING      answer  server
  OPEN        fail    ENDING      close   we
  OPEN        end     ENDING      -       we
  OPEN        cut     ENDING      -       -
  OPEN        gone    CLOSED      -       -
  GOING_AWAY  close   CLOSE_SENT  -       -
  GOING_AWAY  closed  ENDING      -       server
  GOING_AWAY  fail    ENDING      -       we
  GOING_AWAY  end     ENDING      -       we
  GOING_AWAY  cut     ENDING      -       -
  GOING_AWAY  gone    CLOSED      -       -
  CLOSE_SENT  closed  ENDING      -       server
  CLOSE_SENT  fail    ENDING      -       we
  CLOSE_SENT  end     ENDING      -       we
  CLOSE_SENT  cut     ENDING      -       -
  CLOSE_SENT  gone    CLOSED      -       -
  ENDING      fail    ENDING      -       we
  ENDING      end     ENDING      -       we
  ENDING      cut     ENDING      -       -
  ENDING      gone    CLOSED      -       -
`.trim().split('\n').map(row => row.trim().split(/ +/))

test('each event leads on from each state, or changes nothing', async t => {
  for (const event of Object.keys(TRANSITIONS) as ClosingEvent[]) {
    for (const state of STATES) {
      const transition = TRANSITIONS[event][state]
      const row = ROWS.find(([from, name]) => from === NAMES[state] && name === event)
      const found = transition && [NAMES[state], event, NAMES[transition.to], transition.sends ?? '-', transition.ends ?? '-']
      t.strictSame(found, row ?? null, `${NAMES[state]} ${event}`)
    }
  }
})

test('no event leads back, and a close frame of ours is sent once only', async t => {
  for (const row of Object.values(TRANSITIONS)) {
    row.forEach((transition, state) => {
      if (transition === null) return
      t.ok(transition.to >= state)
      if (state !== OPEN) t.equal(transition.sends, undefined)
    })
  }
})

test('messages are handed on up to our own close; only then does the end begin', async t => {
  t.strictSame(STATES.map(mayDeliver), [true, true, false, false, false])
  t.strictSame(STATES.map(isEnding), [false, false, false, true, true])
})

test('the first close frame says how it ended', async t => {
  const ours = new Closing()
  ours.sent(1001, 'bye')
  t.strictSame(ours.info, { code: 1001, reason: 'bye', wasClean: false, initiator: 'local' })
  ours.received(1000, 'too', false)
  t.strictSame(ours.info, { code: 1001, reason: 'bye', wasClean: true, initiator: 'local' })
  ours.unsent()
  t.equal(ours.info.wasClean, false)

  const theirs = new Closing()
  theirs.received(4000, 'bye', true)
  t.strictSame(theirs.info, { code: 4000, reason: 'bye', wasClean: true, initiator: 'remote' })

  const cut = new Closing()
  t.strictSame(cut.info, CUT_BY_PEER)
  cut.cut()
  t.strictSame(cut.info, { ...CUT_BY_PEER, initiator: 'local' })
})
