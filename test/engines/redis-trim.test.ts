import tap, { test } from 'tap'
import { openNode, spy, textOf } from './redis-node.ts'
import { startRedis } from './servers.ts'

const server = await startRedis(tap)
const look = spy(tap, server)

const SIZE = 80
const RETENTION = { size: SIZE, ttl: 60_000 }

test('a stream may be longer than the size by an eighth, of which nobody is told', async t => {
  const node = await openNode(t, server, { prefix: 'trim' })
  const positions: string[] = []
  const lengths: number[] = []
  for (let n = 0; n < 3 * SIZE;) {
    // One, two and three at a time, with each remainder of what they are trimmed by.
    const count = 1 + n % 3
    positions.push(...await node.publishAll(Array.from({ length: count }, (_, i) => ['a', String(n + i), RETENTION])))
    n += count
    const [stream] = await look.keys('trim:*:s:a')
    lengths.push(await look.xlen(stream!))
  }
  // Now there are some more than the size.
  while (positions.length % 10 !== 7) positions.push(await node.publish('a', String(positions.length), RETENTION))
  t.ok(Math.max(...lengths) > SIZE + 2, 'it is longer')
  t.ok(Math.max(...lengths) <= SIZE + 1 + SIZE / 8, `${Math.max(...lengths)}`)
  const last = await node.driver.last('a', RETENTION, 1000)
  t.equal(last.length, SIZE)
  t.equal(textOf(last.at(-1)!.bytes), String(positions.length - 1))
  for (const back of [1, 2, SIZE - 1, SIZE]) {
    const found = await node.driver.read('a', RETENTION, positions.at(-1 - back)!, 1000)
    t.equal(found?.messages.length, back, `${back} messages behind it`)
  }
  for (const back of [SIZE + 1, SIZE + 2, SIZE + 5]) {
    t.equal(await node.driver.read('a', RETENTION, positions.at(-1 - back)!, 1000), null, `${back} messages behind it`)
  }
})

test('a stream without an eighth is never longer than what is needed', async t => {
  const node = await openNode(t, server, { prefix: 'short' })
  for (let n = 0; n < 9; n++) await node.publish('a', String(n), { size: 3, ttl: 60_000 })
  const [stream] = await look.keys('short:*:s:a')
  t.equal(await look.xlen(stream!), 4)
})
