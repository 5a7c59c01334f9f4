import { test } from 'tap'
import type { Engine } from '../../lib/backplane/engine.ts'
import { CatchUp, type Reading } from '../../lib/topics/catch-up.ts'
import type { Publication } from '../../lib/topics/publication.ts'

/** As a subscription that reads, and an engine that cannot be reached until nobody reads any more. */
function scene () {
  const sent: string[] = []
  const reading = {
    isBehind: true,
    name: null,
    channel: { name: 'a', policy: { retention: { size: 1, ttl: 1000 } } },
    waitsIfCongested: () => false,
    receiver: {
      transmit ({ at }: { at: string }) {
        sent.push(at)
        reading.isBehind = false
      }
    }
  }
  let reads = 0
  const engine = {
    async read () {
      reads++
      throw new Error('on purpose')
    },
    async whenUp () {
      reading.isBehind = false
    }
  }
  const catchUp = new CatchUp(reading as unknown as Reading, engine as unknown as Engine<Publication>)
  return { catchUp, sent, reads: () => reads }
}

test('whoever waits for an engine that cannot be reached stops waiting when nobody reads any more', async t => {
  // The wait itself does not keep a process alive.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
  const { catchUp, reads } = scene()
  await catchUp.read()
  t.equal(reads(), 1)
})

test('what is sent may end the reading: then nothing more is sent', async t => {
  const { catchUp, sent, reads } = scene()
  const messages = ['1', '2'].map((at, i) => ({ at, seq: i + 1, message: { except: null } as Publication }))
  catchUp.begin({ messages, upTo: 2, at: '2' })
  await catchUp.read()
  t.strictSame(sent, ['1'])
  t.equal(reads(), 0)
})
