import { test } from 'tap'
import { turn } from '../support/until.ts'
import { block, type Ends, numbers, stage, text } from './stage.ts'

const LENGTH = 40_000

/** Messages of which two are more than `maxBuffered`, and one less than the default `highWaterMark`. */
const MESSAGES = numbers(30).map(text => text.padEnd(LENGTH))

for (const overflow of ['drop', 'close'] as const) {
  test(`a reader that catches up misses nothing where maxBuffered is hardly larger than a message, overflow '${overflow}'`, async t => {
    const { topics, open } = await stage(t, app => app.topic('/a', { history: { size: 100, ttl: 60_000 }, overflow: 'catch-up' }), {
      ws: { maxBuffered: LENGTH * 1.5, overflow }
    })
    const ends = await open()
    await ends.socket.subscribe(topics)
    const release = block(ends.socket)
    for (const message of MESSAGES) {
      await topics.publish(message)
      await turn()
    }
    t.ok(ends.socket.bufferedAmount < 3 * LENGTH)
    release()
    t.same(await textsUpToLast(ends), MESSAGES)
    t.equal(ends.socket.dropped, 0)
  })

  test(`a resume misses nothing there, overflow '${overflow}'`, async t => {
    const { topics, open } = await stage(t, app => app.topic('/a', { history: { size: 100, ttl: 60_000 } }), {
      ws: { maxBuffered: LENGTH * 1.5, overflow }
    })
    const { at: since } = await topics.publish('first')
    for (const message of MESSAGES) await topics.publish(message)
    const ends = await open()
    t.match(await ends.socket.subscribe(topics, { since }), { recovered: true })
    t.same(await textsUpToLast(ends), MESSAGES)
    t.equal(ends.socket.dropped, 0)
  })
}

/** What a client gets up to the last of the messages. */
async function textsUpToLast (ends: Ends): Promise<string[]> {
  const all = []
  do all.push(await text(ends.client))
  while (all.at(-1) !== MESSAGES.at(-1))
  return all
}
