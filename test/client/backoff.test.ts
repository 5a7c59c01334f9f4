import { jitter } from '../../lib/client/backoff.ts'
import { test } from 'tap'
import type { Attempt } from '../../lib/client/types.ts'
import { BUILDS, connect } from './builds.ts'
import { type FakeLine, stage, type StageOptions } from './fake-line.ts'
import { rawServer } from '../support/raw-server.ts'
import { serve } from './serve.ts'
import { watch } from './watch.ts'
import { until } from '../support/until.ts'

/** One step below 1: as late as a window allows. */
const LATEST = 1 - 2 ** -53

/** The delays after so many attempts that fail, rounded. */
async function delays (t: any, count: number, options: StageOptions, fail: (line: FakeLine) => void = line => line.end()): Promise<number[]> {
  const { line, next, changes, lines, clock, ...all } = stage(t, options)
  Object.defineProperty(Math, 'random', { value: () => LATEST, configurable: true, writable: true })
  const found: number[] = []
  fail(await line(0))
  for (let i = 0; i < count; i++) {
    await all.settle()
    const { delay, attempt } = changes.at(-1)!
    found.push(Math.round(delay))
    t.equal(attempt, i + 1)
    const before = lines.length
    await clock.tickAsync(Math.floor(delay) - 1)
    t.equal(lines.length, before, 'not earlier than it said')
    fail(await next())
  }
  return found
}

test('windows double from two seconds to half a minute', async t => {
  t.strictSame(await delays(t, 7, {}), [2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
})

test('min and max are the user\'s', async t => {
  t.strictSame(await delays(t, 5, { reconnect: { min: 10, max: 100 } }), [20, 40, 80, 100, 100])
})

test('a minimum above the maximum is the maximum', async t => {
  t.strictSame(await delays(t, 2, { reconnect: { min: 1000, max: 100 } }), [100, 100])
})

for (const code of [1001, 1012, 1013]) {
  test(`after ${code} the window is 15 s at least`, async t => {
    t.strictSame(await delays(t, 5, {}, line => { line.open().end({ code }) }), [15_000, 15_000, 15_000, 16_000, 30_000])
  })
}

test('spread is the user\'s, and may be above max', async t => {
  t.strictSame(await delays(t, 2, { reconnect: { spread: 50_000 } }, line => { line.open().end({ code: 1012 }) }), [50_000, 50_000])
})

test('a thousand failures are no overflow', async t => {
  const found = await delays(t, 1100, { reconnect: { min: 1, max: 20 } })
  t.equal(found.at(-1), 20)
})

test('delays are spread evenly over the window, from its beginning on', async t => {
  const stageOf = stage(t, { reconnect: { min: 1000, max: 2000 } })
  stageOf.random = 0
  ;(await stageOf.line(0)).end()
  for (const random of [0.25, 0.5, 0.75]) {
    const line = await stageOf.next()
    stageOf.random = random
    line.end()
  }
  await stageOf.settle()
  t.strictSame(stageOf.changes.filter(({ delay }, i) => delay > 0 || i === 0).map(({ delay }) => delay), [0, 500, 1000, 1500])
})

test('Retry-After comes before the window, and is a day at most', async t => {
  t.strictSame(await delays(t, 2, {}, line => line.end({ status: 503, retryAfter: 60_000 })), [62_000, 64_000])
})

test('a connection that lasted makes attempts count anew, one that did not counts itself', async t => {
  const asked: number[] = []
  const { line, next, clock, changes, settle } = stage(t, { query: ({ attempt }: Attempt) => { asked.push(attempt) } })
  ;(await line(0)).end()
  ;(await next()).end()
  const short = (await next()).open()
  await clock.tickAsync(9999)
  short.end()
  const long = (await next()).open()
  await clock.tickAsync(10_000)
  long.end()
  await settle()
  t.equal(changes.at(-1)!.attempt, 0)
  t.equal(changes.at(-1)!.delay, 500, 'half of the first window')
  await next()
  t.strictSame(asked, [0, 1, 2, 3, 0])
})

test('stable is the user\'s', async t => {
  const asked: number[] = []
  const { opened, next, clock } = stage(t, { reconnect: { stable: 50 }, query: ({ attempt }: Attempt) => { asked.push(attempt) } })
  const first = await opened()
  await clock.tickAsync(49)
  first.end()
  const second = (await next()).open()
  await clock.tickAsync(50)
  second.end()
  await next()
  t.strictSame(asked, [0, 1, 0])
})

test('the first attempt of all comes at once', async t => {
  const { line, clock } = stage(t)
  const begin = clock.now
  await line(0)
  t.equal(clock.now, begin)
})

test('it never gives up', async t => {
  const { line, next, socket } = stage(t)
  let last = await line(0)
  for (let i = 0; i < 200; i++) {
    last.end({ error: new Error('no network') })
    last = await next()
  }
  last.open()
  t.equal(socket.state, 'open')
})

for (const build of BUILDS) {
  test(`${build.name}: a server that accepts and then closes is left alone for longer and longer`, async t => {
    const { url } = await serve(t, socket => { void socket.close(1011) })
    const socket = connect(t, build, url, { reconnect: { min: 2, max: 1e6 } })
    const { changes } = watch(socket)
    t.intercept(Math, 'random', { value: () => LATEST })
    await until(() => changes.filter(({ delay }) => delay > 0).length === 4)
    t.strictSame(changes.map(({ delay }) => Math.round(delay)).filter(delay => delay > 0), [4, 8, 16, 32])
  })

  test(`${build.name}: clients of a server that restarts come back over all of the time that they have`, async t => {
    const { url, connections } = await rawServer(t, ({ socket, accepted }) => {
      socket.write(accepted)
      socket.write(Buffer.from([0x88, 2, 1012 >> 8, 1012 & 255]))
    })
    const all = Array.from({ length: 100 }, () => watch(connect(t, build, url, { reconnect: { spread: 1e6 } })))
    await until(() => all.every(({ changes }) => changes.some(({ delay }) => delay > 0)))
    const delays = all.map(({ changes }) => changes.find(({ delay }) => delay > 0)!.delay)
    for (let i = 0; i < 4; i++) {
      const count = delays.filter(delay => Math.floor(delay / 250_000) === i).length
      t.ok(count >= 5 && count <= 50, `${count} in quarter ${i}`)
    }
    // A busy machine may cut one that was not open yet.
    t.ok(connections.length < 110, `${connections.length} connections`)
  })
}

test('a client that need not wait does not, however often it has failed', async t => {
  t.equal(jitter(5000, 1006, { min: 0 }), 0)
})
