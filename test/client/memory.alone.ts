import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'tap'
import { clientOver } from '../../lib/client/client.ts'
import { ending, FakeLine } from './fake-line.ts'
import { installClock } from '../support/clock.ts'
import { turn } from '../support/until.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What the heap holds beyond what it held before, in KiB: the least of some looks. */
async function grownSince (before: number): Promise<number> {
  let least = Infinity
  for (let i = 0; i < 5; i++) {
    await turn()
    collect()
    least = Math.min(least, process.memoryUsage().heapUsed - before)
  }
  return Math.round(least / 1024)
}

test('a client without a network, whose app goes on sending for a day, stays small', async t => {
  const clock = installClock('performance', 'Date')
  t.teardown(() => clock.uninstall())
  let attempts = 0
  const client = clientOver((target, owner) => {
    attempts++
    void Promise.resolve().then(() => owner.onEnd(ending({ error: new Error('no network') })))
    return new FakeLine(target, owner, {})
  }, 'ws://server.test')
  const socket = client.connect('/', { queue: true, query: ({ attempt }: any) => ({ attempt }) })
  let drops = 0
  socket.on('drop', () => { drops++ })
  const text = 'x'.repeat(1000)
  const round = async (): Promise<void> => {
    socket.send({ text })
    await clock.tickAsync(1000)
  }
  for (let i = 0; i < 1000; i++) await round()
  collect()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 20_000; i++) await round()
  const grown = await grownSince(before)
  t.comment(`${attempts} attempts, ${drops} drops, ${grown} KiB more`)
  t.ok(attempts > 1000)
  t.ok(drops > 10_000)
  t.ok(grown < 300, `${grown} KiB more`)
  await socket.close()
})

test('a thousand sockets that have closed leave nothing', async t => {
  const client = clientOver((target, owner) => {
    void Promise.resolve().then(() => owner.onOpen())
    return new FakeLine(target, owner, {})
  }, 'ws://server.test')
  const { signal } = new AbortController()
  const round = async (): Promise<void> => {
    const socket = client.connect('/', { queue: true, signal, closeTimeout: 1 })
    await socket.opened
    await socket.close()
  }
  const many = (count: number): Promise<unknown> => Promise.all(Array.from({ length: count }, round))
  await many(1000)
  collect()
  const before = process.memoryUsage().heapUsed
  await many(1000)
  const grown = await grownSince(before)
  t.ok(grown < 300, `${grown} KiB more`)
})
