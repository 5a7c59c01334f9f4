import { type Test, test } from 'tap'
import { Deadlines } from '../../lib/backplane/deadlines.ts'
import { fakeClock } from '../support/clock.ts'

const DELAY = 1000

/** Deadlines, and a list of what was over: the key and when. */
function watched (t: Test) {
  const clock = fakeClock(t, 'performance')
  const over: string[] = []
  const started = performance.now()
  const deadlines = new Deadlines<string>(DELAY, key => { over.push(`${key} ${performance.now() - started}`) })
  return { clock, deadlines, over }
}

test('each is told once, when its own delay is over', async t => {
  const { clock, deadlines, over } = watched(t)
  deadlines.start('a')
  clock.tick(300)
  deadlines.start('b')
  clock.tick(DELAY - 301)
  t.strictSame(over, [])
  clock.tick(10_000)
  t.strictSame(over, ['a 1000', 'b 1300'])
})

test('what is started again begins anew, and is told behind the others', async t => {
  const { clock, deadlines, over } = watched(t)
  deadlines.start('a')
  deadlines.start('b')
  clock.tick(400)
  deadlines.start('a')
  clock.tick(10_000)
  t.strictSame(over, ['b 1000', 'a 1400'])
})

test('what is stopped is not told, and stop() says whether it was running', async t => {
  const { clock, deadlines, over } = watched(t)
  deadlines.start('a')
  deadlines.start('b')
  t.equal(deadlines.stop('a'), true)
  t.equal(deadlines.stop('a'), false)
  t.equal(deadlines.stop('never started'), false)
  clock.tick(10_000)
  t.strictSame(over, ['b 1000'])
  t.equal(deadlines.stop('b'), false, 'it is over')
})

test('it has one timer for all, and none for nothing', async t => {
  const { clock, deadlines, over } = watched(t)
  t.equal(clock.countTimers(), 0)
  for (let i = 0; i < 100; i++) deadlines.start(`key ${i}`)
  t.equal(clock.countTimers(), 1)
  clock.tick(DELAY)
  t.equal(over.length, 100)
  t.equal(clock.countTimers(), 0)
  deadlines.start('later')
  t.equal(clock.countTimers(), 1)
  deadlines.stop('later')
  clock.tick(DELAY)
  t.equal(clock.countTimers(), 0, 'when all have been stopped, it ends at its time')
  deadlines.start('last')
  clock.tick(DELAY)
  t.equal(over.at(-1), 'last 3000')
})

test('a fraction of a millisecond does not make it early', async t => {
  const clock = fakeClock(t, 'performance')
  const over: string[] = []
  const deadlines = new Deadlines<string>(0.5, key => { over.push(key) })
  deadlines.start('a')
  clock.tick(0)
  t.strictSame(over, [])
  clock.tick(1)
  t.strictSame(over, ['a'])
})

test('without a delay, it is later all the same', async t => {
  const clock = fakeClock(t, 'performance')
  const over: string[] = []
  const deadlines = new Deadlines<string>(0, key => { over.push(key) })
  deadlines.start('a')
  t.strictSame(over, [])
  clock.tick(0)
  t.strictSame(over, ['a'])
})

test('at most a thousand are told in one turn, the others in the next ones', async t => {
  const { clock, deadlines, over } = watched(t)
  for (let i = 0; i < 2500; i++) deadlines.start(`key ${i}`)
  clock.tick(DELAY - 1)
  const steps = []
  while (clock.countTimers() > 0) {
    clock.next()
    steps.push(over.length)
  }
  t.strictSame(steps, [1000, 2000, 2500])
  t.match(over[999], 'key 999 1000')
  t.match(over[2499], 'key 2499 1002', 'a millisecond apart')
})

test('what is started while others are told does not make those behind it late', async t => {
  const clock = fakeClock(t, 'performance')
  const over: string[] = []
  const started = performance.now()
  const deadlines = new Deadlines<string>(DELAY, key => {
    over.push(`${key} ${performance.now() - started}`)
    if (over.length === 1) deadlines.start('new')
  })
  deadlines.start('a')
  clock.tick(5)
  deadlines.start('b')
  clock.tick(10_000)
  t.strictSame(over, ['a 1000', 'b 1005', 'new 2000'])
})

test('what is stopped while others are told is not told', async t => {
  const clock = fakeClock(t, 'performance')
  const over: string[] = []
  const deadlines = new Deadlines<string>(DELAY, key => {
    over.push(key)
    if (key === 'a') t.equal(deadlines.stop('b'), true)
  })
  for (const key of ['a', 'b', 'c']) deadlines.start(key)
  clock.tick(10_000)
  t.strictSame(over, ['a', 'c'])
  t.equal(clock.countTimers(), 0)
})

test('closed, it tells nothing and has no timer, whatever is started', async t => {
  const { clock, deadlines, over } = watched(t)
  deadlines.start('a')
  deadlines.close()
  t.equal(clock.countTimers(), 0)
  t.equal(deadlines.stop('a'), false)
  deadlines.start('b')
  t.equal(clock.countTimers(), 0)
  deadlines.close()
  clock.tick(10_000)
  t.strictSame(over, [])
})

test('closed while it tells, it tells no more', async t => {
  const clock = fakeClock(t, 'performance')
  const over: string[] = []
  const deadlines = new Deadlines<string>(DELAY, key => {
    over.push(key)
    deadlines.start('again')
    deadlines.close()
  })
  deadlines.start('a')
  deadlines.start('b')
  clock.tick(10_000)
  t.strictSame(over, ['a'])
  t.equal(clock.countTimers(), 0)
})

test('its timer does not keep the process alive', async t => {
  const refs = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
  const before = refs()
  const deadlines = new Deadlines<string>(600_000, () => {})
  deadlines.start('a')
  t.teardown(() => { deadlines.close() })
  t.equal(refs(), before)
})
