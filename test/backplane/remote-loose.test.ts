import { test } from 'tap'
import { turns } from '../support/late-engine.ts'
import { until } from '../support/until.ts'
import { numbered, pair, processes, stillClock } from './remote-stage.ts'

/*
 * Topics without a history: delivered here when they are announced, and at once while the engine cannot be reached.
 */

test('topics without a history: delivered here at once, in order; what comes back of it is left out; others get it', async t => {
  const { here, there } = await pair(t, null)
  await there.engine.subscribe('a', null)
  await here.publishAll(['m1', 'm2'], 'a', null)
  await here.hears(t, ['m1', 'm2'])
  await there.hears(t, ['m1', 'm2'])
  const letGo = here.driver.holdAnnouncements()
  const third = here.publish('m3', 'a', null)
  await turns(10)
  t.strictSame(here.texts(), ['m1', 'm2'], 'it is delivered when it is announced')
  here.driver.goDown()
  t.strictSame(here.texts(), ['m1', 'm2', 'm3'], 'or when that cannot be')
  letGo()
  await third
  void here.publish('m4', 'a', null)
  t.strictSame(here.texts(), numbered(4), 'and then at once')
  here.driver.comeUp()
  await here.isUp()
  await here.publishAll(['m5'], 'a', null)
  await here.hears(t, ['m1', 'm2', 'm3', 'm4', '(lost)', 'm5'])
  await there.hears(t, ['m1', 'm2', 'm3', 'm5'])
})

test('without a history, between an outage and the subscription: delivered here at once, and once', async t => {
  const { here, there } = await pair(t, null)
  here.driver.goDown()
  await turns(5)
  const letGo = here.driver.holdAnswers()
  here.driver.comeUp()
  await until(() => here.calls('subscribe').length === 2)
  void here.publish('m1', 'a', null)
  t.strictSame(here.texts(), ['m1'])
  await turns(10)
  letGo()
  await here.isUp()
  await there.publish('m2', 'a', null)
  await here.hears(t, ['m1', '(lost)', 'm2'])
})

test('without a history, a call that fails: delivered here, though others may not have it', async t => {
  const { here } = await pair(t, null)
  here.driver.refuse('publish')
  const { at } = await here.publish('m1', 'a', null)
  t.match(at, /^[0-9a-f]{16}-/)
  await here.publish('m2', 'a', null)
  await here.hears(t, ['m1', 'm2'])
  t.strictSame(here.states, [])
})

test('without a history, announcements that are lost on the way: this process has what it published, before what it publishes next', async t => {
  const { here, there } = await pair(t, null)
  here.driver.dropping = 2
  await here.publishAll(['m1', 'm2', 'm3'], 'a', null)
  await here.hears(t, ['m1', 'm2', 'm3'])
  here.driver.doubling = 1
  await here.publish('m4', 'a', null)
  await here.hears(t, numbered(4))
  here.driver.dropping = 1
  await there.publishAll(['x1', 'x2'], 'a', null)
  await here.hears(t, [...numbered(4), 'x2'])
})

test('without a history, of several that one turn publishes each is delivered when it is announced', async t => {
  const { here, there } = await pair(t, null)
  await there.engine.subscribe('a', null)
  for (const message of numbered(3)) void here.publish(message, 'a', null)
  await here.hears(t, numbered(3))
  await there.hears(t, numbered(3))
  const letGo = here.driver.holdAnnouncements()
  await here.publishAll(['m4', 'm5'], 'a', null)
  await there.publish('x', 'a', null)
  letGo()
  await here.hears(t, [...numbered(5), 'x'])
})

test('without a history, more than 16 MiB that do not come back: delivered here all the same', async t => {
  const { here } = await pair(t, null)
  const long = (n: number) => `m${n} ${'x'.repeat(1024 * 1024)}`
  const numbers = (all: readonly (string | null)[]) => all.map(text => text!.split(' ')[0])
  for (let round = 0; round < 2; round++) {
    const first = 17 * round
    const letGo = here.driver.holdAnnouncements()
    for (let i = 1; i <= 15; i++) await here.publish(long(first + i), 'a', null)
    await turns(10)
    t.strictSame(numbers(here.texts()), numbered(first))
    await here.publish(long(first + 16), 'a', null)
    t.strictSame(numbers(here.texts()), numbered(first + 16))
    letGo()
    await turns(10)
    await here.publish(long(first + 17), 'a', null)
    await here.hears(t, Array.from({ length: first + 17 }, (_, i) => long(i + 1)))
  }
})

test('without a history, an engine that does not answer is an outage before it says so', async t => {
  const clock = await stillClock(t)
  const { all: [here, there] } = await processes(t, 2, { deadline: 4900 })
  const letGo = here!.driver.holdAnswers()
  const subscribed = here!.engine.subscribe('a', null)
  await turns(5)
  await clock.tickAsync(4000)
  await subscribed
  void here!.publish('m1', 'a', null)
  t.strictSame(here!.texts(), ['m1'])
  letGo()
  await turns(10)
  await there!.publish('m2', 'a', null)
  await here!.hears(t, ['m1', '(lost)', 'm2'])
})
