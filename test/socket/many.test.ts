import { test } from 'tap'
import type { Test } from 'tap'
import { masked } from '../support/frames.ts'
import { inside } from '../support/inside.ts'
import { CLOSE, PING, PONG, TEXT } from '../support/opcodes.ts'
import { CHUNK, pair, stall } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

/** More than are kept in an array. */
const MANY = 50

/** How many are added where each would cost a look at all others: that takes ten seconds, and a tenth of one otherwise. */
const CROWD = 20_000
const MOST_MS = 1000

/** What else the machine does may disturb it once or twice. */
function isFast (t: Test, what: string, work: () => void): void {
  let time = timeOf(work)
  for (let tries = 1; time >= MOST_MS && tries < 3; tries++) time = timeOf(work)
  t.ok(time < MOST_MS, `${what}: ${time.toFixed(1)} ms`)
}

/** Milliseconds. What else the machine does may disturb one or the other. */
function best (work: () => void): number {
  return Math.min(timeOf(work), timeOf(work), timeOf(work))
}

function timeOf (work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

function functions (count: number): Array<() => void> {
  return Array.from({ length: count }, () => () => {})
}

for (const how of ['on', 'once'] as const) {
  test(`adding and removing listeners costs the same for each, however many there are: ${how}()`, async t => {
    const { socket } = await pair(t)
    isFast(t, 'oldest first', () => {
      const listeners = functions(CROWD)
      for (const listener of listeners) socket[how]('pong', listener)
      for (const listener of listeners) socket.off('pong', listener)
    })
    isFast(t, 'newest first', () => {
      const listeners = functions(CROWD)
      for (const listener of listeners) socket[how]('pong', listener)
      for (const listener of listeners.toReversed()) socket.off('pong', listener)
    })
    isFast(t, 'the same one', () => {
      const [listener] = functions(1)
      for (let i = 0; i < CROWD; i++) socket[how]('pong', listener!)
      for (let i = 0; i < CROWD; i++) socket.off('pong', listener!)
    })
    t.equal(socket.listenerCount('pong'), 0)
  })
}

for (const { name, made } of [
  { name: 'each of its own', made: functions }, { name: 'all the same', made: (count: number) => Array(count).fill(() => {}) }
]) {
  test(`listeners that are called once leave at the same cost, however many there are: ${name}`, async t => {
    const { client, socket } = await pair(t)
    let start = 0
    let end = 0
    socket.once('ping', () => { start = performance.now() })
    for (const listener of made(CROWD)) socket.once('ping', listener)
    socket.once('ping', () => { end = performance.now() })
    client.send(PING)
    await client.frame()
    t.equal(socket.listenerCount('ping'), 0)
    t.ok(end - start < MOST_MS, `${(end - start).toFixed(1)} ms`)
  })
}

test('a pong costs the same, however many pings wait for theirs', async t => {
  const { socket } = await pair(t, { maxBuffered: 10_000_000 })
  socket.ping()
  // As a peer may send them: over the network most of the time would be that of others.
  const pong = Buffer.from('ffffffff', 'hex')
  const pongs = (): void => { for (let i = 0; i < CROWD; i++) inside(socket).onPong(pong) }
  const few = best(pongs)
  for (let i = 0; i < CROWD; i++) socket.ping()
  const many = best(pongs)
  t.ok(many < 20 * few, `${few.toFixed(1)} ms with one, ${many.toFixed(1)} ms with ${CROWD}`)
})

test('ten thousand pings are settled by their pongs, in their order', async t => {
  const { client, socket } = await pair(t, { maxBuffered: 10_000_000 })
  const settled: number[] = []
  for (let i = 0; i < 10_000; i++) socket.ping().then(() => { settled.push(i) })
  const pongs: Buffer[] = []
  for (let i = 0; i < 10_000; i++) pongs.push(masked(PONG, (await client.frame()).payload))
  client.write(Buffer.concat(pongs))
  await until(() => settled.length === 10_000)
  t.strictSame(settled, Array.from({ length: 10_000 }, (_, i) => i))
})

test('ten thousand that wait for drained() or for the end are all told', async t => {
  const { client, socket } = await pair(t)
  await stall(client, socket)
  let drained = 0
  for (let i = 0; i < 10_000; i++) socket.drained().then(() => { drained++ })
  client.socket.resume()
  await until(() => drained === 10_000)
  await stall(client, socket, CHUNK)
  let failed = 0
  let closed = 0
  for (let i = 0; i < 10_000; i++) {
    socket.drained().catch(() => { failed++ })
    socket.closed.then(() => { closed++ })
    socket.on('close', () => { closed++ })
  }
  socket.terminate()
  await until(() => closed === 20_000 && failed === 10_000)
  t.pass('all of them')
})

test('many listeners are called in their order, for every event', async t => {
  const { client, socket } = await pair(t)
  const found: Record<string, number[]> = {}
  for (const event of ['message', 'ping', 'pong', 'close', 'error', 'drain'] as const) {
    for (let i = 0; i < MANY; i++) socket.on(event, () => { (found[event] ??= []).push(i) })
    t.equal(socket.listenerCount(event), MANY)
  }
  await stall(client, socket)
  client.socket.resume()
  // Over TLS it may drain more than once.
  await until(() => (found.drain?.length ?? 0) >= MANY)
  client.write(Buffer.concat([masked(TEXT, 'x'), masked(PING), masked(PONG), masked(3)]))
  await socket.closed
  await until(() => found.close?.length === MANY)
  const wanted = Array.from({ length: MANY }, (_, i) => i)
  for (const [event, order] of Object.entries(found)) t.strictSame(order.slice(0, MANY), wanted, event)
  t.equal(Object.keys(found).length, 6)
})

test('of many listeners off() takes out one, the one that was added last', async t => {
  const { client, socket } = await pair(t)
  const found: string[] = []
  const twice = (): void => { found.push('twice') }
  const once = (): void => { found.push('once') }
  socket.on('message', twice).once('message', once)
  for (let i = 0; i < MANY; i++) socket.on('message', () => { if (i === 0) found.push('many') })
  socket.once('message', once).on('message', twice).once('message', once)
  t.equal(socket.listenerCount('message'), MANY + 5)
  socket.off('message', twice).off('message', once).off('message', () => {})
  t.equal(socket.listenerCount('message'), MANY + 3)
  await turn()
  client.send(TEXT, 'x')
  await until(() => found.length === 4)
  t.strictSame(found, ['twice', 'once', 'many', 'once'])
  t.equal(socket.listenerCount('message'), MANY + 1)
  socket.off('message', once).off('message', twice).off('message', twice)
  client.send(TEXT, 'y')
  await until(() => found.length === 5)
  t.equal(found[4], 'many')
})

test('one in the middle of those that are the same leaves the others', async t => {
  const { client, socket } = await pair(t)
  const found: string[] = []
  const same = (): void => { found.push('same') }
  // The one that is called once is neither the first nor the last of them, and goes by itself.
  socket.on('ping', same).once('ping', same).on('ping', same)
  for (const listener of functions(MANY)) socket.on('ping', listener)
  client.send(PING)
  await client.frame()
  t.equal(found.length, 3)
  client.send(PING)
  await client.frame()
  t.equal(found.length, 5)
  socket.off('ping', same).off('ping', same)
  t.equal(socket.listenerCount('ping'), MANY)
})

test('when the last of many message listeners goes, messages wait for the next one', async t => {
  const { client, socket, app } = await pair(t)
  const listeners = functions(MANY)
  for (const listener of listeners) socket.on('message', listener)
  await turn()
  for (const listener of listeners) socket.off('message', listener)
  t.equal(socket.listenerCount('message'), 0)
  client.send(TEXT, 'kept')
  await until(() => app.sockets.stats().messagesIn === 1)
  const message = new Promise(resolve => { socket.on('message', resolve) })
  t.equal(await message, 'kept')
})

for (const count of [1, MANY]) {
  test(`listeners that come while an event is delivered wait for the next, those that go are still called: ${count}`, async t => {
    const { client, socket } = await pair(t)
    const found: string[] = []
    const goes = (): void => { found.push('goes') }
    socket.on('ping', () => {
      socket.off('ping', goes)
      socket.on('ping', () => { found.push('came') })
    })
    for (const listener of functions(count - 1)) socket.on('ping', listener)
    socket.on('ping', goes)
    client.send(PING)
    await client.frame()
    t.strictSame(found, ['goes'])
    client.send(PING)
    await client.frame()
    t.strictSame(found, ['goes', 'came'])
  })

  test(`a listener for one call gets one, though an event comes from inside its own delivery: ${count}`, async t => {
    const { client, socket } = await pair(t)
    let calls = 0
    let nested = false
    socket.on('ping', payload => {
      if (nested) return
      nested = true
      inside(socket).onPing(payload)
    })
    for (const listener of functions(count - 1)) socket.on('ping', listener)
    socket.once('ping', () => { calls++ })
    client.send(PING)
    await client.frame()
    t.equal(calls, 1)
  })
}

test('a close frame ends it all the same', async t => {
  const { client, socket } = await pair(t)
  for (const listener of functions(MANY)) socket.once('close', listener)
  client.send(CLOSE)
  await socket.closed
  await turn()
  t.equal(socket.listenerCount('close'), 0)
})
