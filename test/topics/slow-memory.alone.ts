import { test } from 'tap'
import { held } from '../support/garbage.ts'
import { turn, until } from '../support/until.ts'
import { block, stage } from './stage.ts'

test('the memory of a reader that catches up does not grow with what is published', async t => {
  const { topics, open } = await stage(t, app => app.topic('/t', { overflow: 'catch-up', history: { size: 100, ttl: 60_000 } }), { ws: { highWaterMark: 64_000 } })
  const slow = []
  for (let i = 0; i < 20; i++) {
    const ends = await open()
    await ends.socket.subscribe(topics, { begin: () => {} })
    block(ends.socket)
    slow.push(ends)
  }
  const message = Buffer.alloc(10_000)
  async function publish (megabytes: number): Promise<number> {
    for (let i = 0; i < megabytes * 100; i++) {
      void topics.publish(message)
      if (i % 10 === 0) await turn()
    }
    await turn()
    return held()
  }
  const before = await publish(3)
  await publish(20)
  // Memory of buffers may be given back a little later than it is collected.
  await until(() => held() - before < 2_000_000, 'less than 2 MB more than before, with 20 MB published to 20 readers')
  for (const { socket } of slow) {
    t.ok(socket.bufferedAmount < 64_000 + 20_000, `${socket.bufferedAmount}`)
    socket.terminate()
  }
})
