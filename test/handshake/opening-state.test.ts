import { test } from 'tap'
import { OpeningState } from '../../lib/handshake/opening-state.ts'

class Handshake extends OpeningState {
  /** What happens to it, in this order; returns which of it was ignored. */
  after (...events: Array<Parameters<OpeningState['go']>[0]>): string[] {
    return events.filter(event => !this.go(event))
  }

  get shown (): string {
    const { isAsked, isTheirs, isAccepted, isAbandoned, isDone } = this
    return Object.entries({ isAsked, isTheirs, isAccepted, isAbandoned, isDone }).flatMap(([name, is]) => is ? name : []).join(' ')
  }
}

type Events = Parameters<Handshake['after']>

const ROWS: Array<[what: string, events: Events, ignored: string[], shown: string]> = [
  ['it is new', [], [], ''],
  ['another listener is asked first', ['ask'], [], 'isAsked'],
  ['it is another listener\'s', ['ask', 'disown', 'begin', 'accept', 'abandon'], ['begin', 'accept', 'abandon'], 'isTheirs'],
  ['its transport cannot be had', ['begin', 'disown', 'written'], ['written'], 'isTheirs'],
  ['answered at once', ['begin', 'accept', 'written'], [], 'isAccepted isDone'],
  ['asked first, and ours', ['ask', 'begin', 'accept', 'written'], [], 'isAccepted isDone'],
  ['refused by a hook', ['begin', 'written', 'accept', 'abandon'], ['accept', 'abandon'], 'isDone'],
  ['accepted, and then refused by a hook', ['begin', 'accept', 'refuse'], [], ''],
  ['accepted again', ['begin', 'accept', 'refuse', 'accept'], [], 'isAccepted'],
  ['nothing to take back', ['begin', 'refuse'], ['refuse'], ''],
  ['a hook passes when its time is up', ['begin', 'expire', 'accept', 'written'], ['accept'], 'isDone'],
  ['accepted, but its time is up before that is written', ['begin', 'accept', 'expire', 'refuse', 'written'], ['refuse'], 'isDone'],
  ['the client leaves', ['begin', 'abandon', 'accept', 'written', 'expire'], ['accept', 'written', 'expire'], 'isAbandoned isDone'],
  ['the client leaves before the 101 is written', ['begin', 'accept', 'abandon', 'written'], ['written'], 'isAbandoned isDone'],
  ['the client leaves before our refusal is written', ['begin', 'expire', 'abandon', 'abandon'], ['abandon'], 'isAbandoned isDone'],
  ['it is open: what happens on the transport is no more its matter',
    ['begin', 'accept', 'written', 'abandon', 'refuse', 'expire', 'written'], ['abandon', 'refuse', 'expire', 'written'], 'isAccepted isDone'],
  ['only a new one is asked about', ['begin', 'ask'], ['ask'], ''],
  ['it begins once', ['begin', 'accept', 'begin'], ['begin'], 'isAccepted']
]

for (const [what, events, ignored, shown] of ROWS) {
  test(`${what}: ${events.join(', ') || 'nothing'}`, async t => {
    const handshake = new Handshake()
    t.same(handshake.after(...events), ignored)
    t.equal(handshake.shown, shown)
  })
}
