import { test } from 'tap'
import { MemoryEngine } from '../../lib/backplane/memory.ts'
import { fakeClock } from '../support/clock.ts'
import { stall } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'
import { block, type Ends, numbers, stage, text, texts, textsSoFar } from './stage.ts'

const WS = { highWaterMark: 1000, maxBuffered: 100_000 }
const FILLING = 'x'.repeat(1001)

test('a reader that catches up: everything arrives once, in order, while others and direct messages go on', async t => {
  const { app, topics, open } = await stage(t, app => app.topic('/t', { overflow: 'catch-up', history: { size: 10_000, ttl: 60_000 } }), { ws: WS })
  const slow = await open()
  const other = await open()
  for (const { socket } of [slow, other]) await socket.subscribe(topics, { as: socket === slow.socket ? 'slow' : 'other' })
  let release = block(slow.socket)
  let i = 0
  for (let round = 0; round < 20; round++) {
    for (const message of numbers(50, i)) {
      void topics.publish(message)
      if (i % 10 === 0) void topics.publish('not for slow', { except: 'slow' })
      i++
    }
    await turn()
    if (round % 5 === 4) {
      release()
      await turn()
      release = block(slow.socket)
    }
    t.ok(slow.socket.bufferedAmount < 3000)
  }
  release()
  t.strictSame(await texts(slow.client, 1000), numbers(1000))
  t.equal((await texts(other.client, 1100)).filter(message => message !== 'not for slow').length, 1000)
  void topics.publish('live')
  void topics.publish('live, too')
  t.same(await texts(slow.client, 2), ['live', 'live, too'])
  t.same(await textsSoFar(slow), [])
  t.match(app.sockets.stats().topics['/t'], { dropped: 0, lost: 0, recovered: 0 })
})

test('real readers that stop and go: each gets everything', async t => {
  const { topics, open } = await stage(t, app => app.topic('/t', { overflow: 'catch-up', history: { size: 10_000, ttl: 60_000 } }))
  const ends = [await open(), await open(), await open()]
  const sent = []
  for (const { socket, client } of ends) {
    await socket.subscribe(topics)
    sent.push(await stall(client, socket))
  }
  for (const message of numbers(1500)) {
    void topics.publish(message.padEnd(1000))
    if (message.endsWith('00')) await turn()
  }
  for (const [n, { client, socket }] of ends.entries()) {
    client.socket.resume()
    for (let i = 0; i < sent[n]!; i++) await client.frame()
    for (const message of numbers(700)) if ((await text(client)).trim() !== message) t.fail(message)
    client.socket.pause()
    for (const message of numbers(20, 1500)) await topics.publish(message.padEnd(1000))
    client.socket.resume()
    const rest = await texts(client, 820 + 20 * n)
    t.equal(rest[0]!.trim(), 'm700')
    t.same(await textsSoFar({ client, socket }), [])
  }
})

test('leaving, closing and ending while it is behind', async t => {
  const { app, topics, open, failures } = await stage(t, app => app.topic('/t', { overflow: 'catch-up', history: { size: 1000, ttl: 60_000 } }), { ws: WS })
  async function behind (): Promise<Ends & { release: () => void }> {
    const ends = await open()
    await ends.socket.subscribe(topics)
    const release = block(ends.socket)
    ends.socket.send(FILLING)
    for (const message of numbers(300)) void topics.publish(message)
    await turn()
    return { ...ends, release }
  }
  const leaving = await behind()
  t.equal(leaving.socket.unsubscribe(topics), true)
  leaving.release()
  t.same(await textsSoFar(leaving), [FILLING])

  const again = await behind()
  again.socket.unsubscribe(topics)
  await again.socket.subscribe(topics)
  again.release()
  void topics.publish('live')
  await until(() => again.socket.bufferedAmount === 0)
  await turn()
  t.same(await textsSoFar(again), [FILLING, 'live'])
  again.socket.terminate()

  const closing = await behind()
  void closing.socket.close(4000)
  closing.release()
  t.equal(await text(closing.client), FILLING)
  t.match(await closing.client.close(), { code: 4000 })

  const gone = await behind()
  gone.socket.terminate()
  await gone.socket.closed

  const midway = await behind()
  midway.release()
  await text(midway.client)
  await text(midway.client)
  midway.socket.terminate()
  await midway.socket.closed
  await turn()
  t.same(failures, [])
  await until(() => app.sockets.stats().topics['/t']!.subscriptions === 0)
})

/** A subscriber that has missed more than the history has. */
async function gap (t: Parameters<typeof stage>[0], begin?: (beginning: any) => unknown) {
  const staged = await stage(t, app => app.topic('/t', { overflow: 'catch-up', history: { size: 10, ttl: 60_000 } }), { ws: WS })
  const { topics, open } = staged
  const ends = await open()
  const errors: any[] = []
  ends.socket.on('error', error => { errors.push(error) })
  await ends.socket.subscribe(topics, begin === undefined ? {} : { begin })
  const release = block(ends.socket)
  ends.socket.send(FILLING)
  for (const message of numbers(30)) await topics.publish(message)
  await turn()
  release()
  return { ...staged, ...ends, errors }
}

test('a gap that cannot be filled closes with 1013', async t => {
  const { app, client, errors } = await gap(t)
  t.equal(await text(client), FILLING)
  t.equal(await text(client), 'm0', 'what it missed first has waited for it')
  t.match(await client.close(), { code: 1013, reason: 'the peer reads too slowly' })
  t.match(errors, [{ code: 'FST_ERR_WS_LAGGING' }])
  t.match(app.sockets.stats().topics['/t'], { lost: 1, subscriptions: 0 })
})

test('a gap that cannot be filled calls begin again, which holds delivery, and then it goes on', async t => {
  const begun: any[] = []
  let end = (): void => {}
  const { app, topics, socket, client, errors, failures } = await gap(t, beginning => {
    begun.push(beginning)
    return begun.length === 1 ? undefined : new Promise<void>(resolve => { end = resolve })
  })
  await until(() => begun.length === 2)
  socket.send('snapshot')
  await topics.publish('live')
  const { at } = begun[1]
  t.strictSame(begun[1].recovered, false)
  t.not(at, begun[0].at)
  t.same(await texts(client, 3), [FILLING, 'm0', 'snapshot'])
  t.same(await textsSoFar({ socket, client }), [])
  end()
  t.equal(await text(client), 'live')
  await topics.publish('live, too')
  t.equal(await text(client), 'live, too')
  t.same([errors, failures], [[], []])
  t.match(app.sockets.stats().topics['/t'], { lost: 1, subscriptions: 1 })
})

test('begin that fails for a gap: onError is told, and the connection is closed', async t => {
  let calls = 0
  const { client, errors, failures } = await gap(t, () => { if (++calls === 2) throw new Error('mine') })
  t.same(await texts(client, 2), [FILLING, 'm0'])
  t.match(await client.close(), { code: 1013 })
  t.match(failures, [{ message: 'mine' }])
  t.match(errors, [{ code: 'FST_ERR_WS_LAGGING' }])
})

test('begin that unsubscribes for a gap, or closes', async t => {
  let calls = 0
  const left = await gap(t, () => { if (++calls === 2) left.socket.unsubscribe(left.topics) })
  await until(() => calls === 2)
  await left.topics.publish('live')
  t.same(await textsSoFar(left), [FILLING, 'm0'])
  t.same([left.errors, left.failures], [[], []])

  calls = 0
  const closing = await gap(t, () => { if (++calls === 2) void closing.socket.close(4000) })
  t.same(await texts(closing.client, 2), [FILLING, 'm0'])
  t.match(await closing.client.close(), { code: 4000 })
  await closing.topics.publish('live')
  t.same([closing.errors, closing.failures], [[], []])

  calls = 0
  const failing = await gap(t, () => {
    if (++calls === 1) return
    void failing.socket.close(4000)
    throw new Error('mine')
  })
  t.same(await texts(failing.client, 2), [FILLING, 'm0'])
  t.match(await failing.client.close(), { code: 4000 })
  t.match(failing.failures, [{ message: 'mine' }])
  t.same(failing.errors, [])
})

test('a topic that has been idle for longer than its history: falling behind then is no gap', async t => {
  const { app, topics, open } = await stage(t, app => app.topic('/t/:id', { overflow: 'catch-up', history: { size: 10, ttl: 1000 } }), { ws: WS })
  const slow = await open()
  await slow.socket.subscribe(topics, { id: 'a' })
  const clock = fakeClock(t, 'performance')
  await topics.publish({ id: 'a' }, 'old')
  await topics.publish({ id: 'b' }, 'of another')
  t.equal(await text(slow.client), 'old')
  clock.tick(1001)
  const release = block(slow.socket)
  slow.socket.send(FILLING)
  for (const message of numbers(5)) void topics.publish({ id: 'a' }, message)
  await turn()
  release()
  t.same(await texts(slow.client, 6), [FILLING, ...numbers(5)])
  t.match(app.sockets.stats().topics['/t/:id'], { lost: 0 })
})

test('an engine that cannot read a history is asked again, and the reader misses nothing', async t => {
  const { topics, failures, open } = await stage(t, app => app.topic('/t', { overflow: 'catch-up', history: { size: 100, ttl: 60_000 } }), { ws: WS })
  const { socket, client } = await open()
  await socket.subscribe(topics)
  const release = block(socket)
  for (const message of numbers(50)) await topics.publish(message.padEnd(WS.highWaterMark / 10, '.'))
  await until(() => socket.bufferedAmount > WS.highWaterMark)
  const { read } = MemoryEngine.prototype
  let refusals = 0
  t.intercept(MemoryEngine.prototype, 'read', {
    value (this: unknown, ...args: Parameters<typeof read>) {
      return ++refusals === 1 ? Promise.reject(new Error('on purpose')) : read.apply(this as MemoryEngine<unknown>, args)
    }
  })
  release()
  for (const message of numbers(50)) t.equal((await client.frame()).payload.toString(), message.padEnd(WS.highWaterMark / 10, '.'))
  t.ok(refusals > 1)
  t.strictSame(failures, [])
  await client.destroy()
})

test('what is in a history does not change with the value that was published', async t => {
  const { app, topics, open } = await stage(t, app => app.topic('/t', { history: { size: 100, ttl: 60_000 } }))
  const state = { n: 0 }
  const bytes = Buffer.from([0])
  for (; state.n < 3; state.n++, bytes[0]!++) {
    await topics.publish(state)
    await topics.publish(bytes)
  }
  await topics.publish('text')
  await topics.publish(app.sockets.prepare('prepared'))
  t.strictSame((await topics.history()).map(({ message }: any) => message), [
    { n: 0 }, Buffer.from([0]), { n: 1 }, Buffer.from([1]), { n: 2 }, Buffer.from([2]), 'text', 'prepared'
  ])
  const { socket, client } = await open('/values')
  await socket.subscribe(topics)
  state.n = 10
  const published = topics.publish(state)
  state.n = 11
  await published
  t.equal(await text(client), '{"n":10}')
})
