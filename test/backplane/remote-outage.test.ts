import { test } from 'tap'
import { turns } from '../support/late-engine.ts'
import { until } from '../support/until.ts'
import { KEPT, numbered, pair, processes, stillClock } from './remote-stage.ts'

/*
 * The engine cannot be reached for a while.
 */

test('topics with a history: publish() rejects, and what others published meanwhile comes when it can be reached', async t => {
  const { here, there } = await pair(t)
  await there.publish('m1')
  await here.hears(t, ['m1'])
  await here.cut(async () => {
    t.equal(here.engine.state, 'down')
    await t.rejects(here.publish('never'), {
      code: 'FST_ERR_WS_BACKPLANE', message: 'the backplane fake cannot be reached'
    })
    await there.publishAll(numbered(3, 2))
    await turns(30)
    t.strictSame(here.texts(), ['m1'])
  })
  await here.hears(t, numbered(4))
  await there.publish('m5')
  await here.hears(t, numbered(5))
  t.strictSame(here.states, ['down: the connection was cut', 'up'])
})

test('more than the history keeps: lost, and then what comes', async t => {
  const retention = { size: 3, ttl: 60_000 }
  const { here, there } = await pair(t, retention)
  await there.publish('m1', 'a', retention)
  await here.hears(t, ['m1'])
  await here.cut(() => there.publishAll(numbered(5, 2), 'a', retention))
  await there.publish('m7', 'a', retention)
  await here.hears(t, ['m1', '(lost)', 'm7'])
})

for (const what of ['flush', 'older state', 'older state, and as many messages as before'] as const) {
  test(`a store that comes back with another history (${what}): lost`, async t => {
    const { store, here, there } = await pair(t)
    await there.publishAll(numbered(2))
    const restore = store.save()
    await there.publishAll(numbered(2, 3))
    await here.hears(t, numbered(4))
    await here.cut(async () => {
      if (what === 'flush') store.flush()
      else restore()
      if (what.includes('as many')) await there.publishAll(['x1', 'x2'])
    })
    await there.publish('x3')
    await here.hears(t, [...numbered(4), '(lost)', 'x3'])
  })
}

test('idle topics are not read, and all of them are subscribed to again in batches', async t => {
  const { all: [here, there] } = await processes(t, 2)
  const names = Array.from({ length: 450 }, (_, i) => `topic ${i}`)
  await Promise.all(names.map(name => here!.engine.subscribe(name, KEPT)))
  t.strictSame(here!.calls('subscribe').map(call => call.split('topic').length - 1), [200, 200, 50])
  here!.driver.calls.length = 0
  await here!.cut(() => there!.publish('missed', 'topic 300'))
  await here!.hears(t, ['missed'], 'topic 300')
  t.strictSame(here!.calls('subscribe').map(call => call.split('topic').length - 1), [200, 200, 50])
  t.strictSame(here!.calls('read'), ['read topic 300'])
})

test('what is announced between the subscription and its answer is not missed, though nothing comes after it', async t => {
  const { here, there } = await pair(t)
  await there.publish('m1')
  await here.hears(t, ['m1'])
  here.driver.goDown()
  await turns(5)
  const letGo = here.driver.holdAnswers()
  here.driver.calls.length = 0
  here.driver.comeUp()
  await until(() => here.calls('subscribe').length === 1)
  await turns(5)
  await there.publish('m2')
  await turns(10)
  letGo()
  await here.hears(t, ['m1', 'm2'])
})

test('what is announced between a second try to subscribe and its answer is not missed either', async t => {
  const { all: [here, there] } = await processes(t, 2)
  here!.driver.refuse('subscribe')
  const subscribed = here!.engine.subscribe('a', KEPT)
  await until(() => here!.calls('subscribe').length === 2)
  await there!.publish('m1')
  const { at } = await subscribed
  await there!.publish('m2')
  const told = await here!.engine.read('a', KEPT, at, 10)
  await until(() => here!.texts().at(-1) === 'm2')
  t.ok(told !== null)
})

test('unsubscribed from while the topics are subscribed to again: it is not subscribed to any more', async t => {
  const { all: [here, there] } = await processes(t, 2)
  const names = Array.from({ length: 401 }, (_, i) => `topic ${i}`)
  await Promise.all(names.map(name => here!.engine.subscribe(name, KEPT)))
  here!.driver.goDown()
  await turns(3)
  here!.driver.calls.length = 0
  here!.driver.comeUp()
  await until(() => here!.calls('subscribe').length === 1)
  here!.engine.unsubscribe('topic 400')
  here!.engine.unsubscribe('topic 0')
  await here!.isUp()
  t.notOk(here!.calls('subscribe').some(call => call.includes('topic 400')), 'it has not been asked for again')
  await there!.publishAll(['x'], 'topic 400')
  await there!.publishAll(['x'], 'topic 0')
  await turns(20)
  t.strictSame(here!.told, [])
})

test('cut again and again, in the midst of everything: nothing is missed, nothing comes twice', async t => {
  const { here, there } = await pair(t)
  for (let i = 0; i < 30; i++) {
    here.driver.goDown()
    await there.publish(`m${2 * i + 1}`)
    await turns(i % 3)
    here.driver.comeUp()
    await there.publish(`m${2 * i + 2}`)
    await turns(i % 7)
  }
  await here.isUp()
  await here.hears(t, numbered(60))
})

test('subscribing in an outage: without a history at once, with one FST_ERR_WS_BACKPLANE in less than 5 s', async t => {
  const clock = await stillClock(t)
  const { all: [here, there] } = await processes(t, 2)
  here!.driver.goDown()
  await here!.engine.subscribe('loose', null)
  void here!.publish('m1', 'loose', null)
  t.strictSame(here!.texts('loose'), ['m1'])
  const refused = t.rejects(here!.engine.subscribe('a', KEPT), {
    code: 'FST_ERR_WS_BACKPLANE', message: 'the backplane fake does not announce a topic'
  })
  await clock.tickAsync(4000)
  await refused
  here!.driver.comeUp()
  await here!.isUp()
  await there!.publish('m2', 'loose', null)
  await here!.hears(t, ['m1', '(lost)', 'm2'], 'loose')
  await there!.publish('m1')
  await here!.hears(t, ['m1'])
})

test('a subscription that waits goes on when the engine can be reached', async t => {
  const { all: [here, there] } = await processes(t, 2)
  here!.driver.goDown()
  const subscribed = here!.engine.subscribe('a', KEPT)
  await turns(5)
  here!.driver.comeUp()
  const { at } = await subscribed
  await there!.publish('m1')
  await here!.hears(t, ['m1'])
  t.equal((await here!.engine.read('a', KEPT, at, 10))!.messages.length, 1)
})

test('reading in an outage rejects in less than 5 s, and so does what else asks the engine', async t => {
  const clock = await stillClock(t)
  const { here } = await pair(t)
  const begun = performance.now()
  here.driver.goDown()
  const code = { code: 'FST_ERR_WS_BACKPLANE' }
  const all = Promise.all([
    t.rejects(here.engine.read('a', KEPT, '', 10), code),
    t.rejects(here.engine.read('b', KEPT, '', 10), code),
    t.rejects(here.engine.last('a', KEPT, 10), code),
    t.rejects(here.engine.members('a'), code),
    t.rejects(here.engine.count('a'), code),
    t.rejects(here.engine.join('a', { id: '1', info: undefined }), code),
    t.rejects(here.engine.leave('a', '1'), code),
    t.rejects(here.engine.signal(Buffer.from('x')), { ...code, cause: { message: 'not connected' } })
  ])
  await clock.tickAsync(4000)
  await all
  t.ok(performance.now() - begun < 5000)
})

test('a store that stands still: what is asked is rejected in less than 5 s, is not carried out later, and all goes on', async t => {
  const clock = await stillClock(t)
  const { store, here, there } = await pair(t)
  await here.engine.subscribe('loose', null)
  store.stop()
  const rejected = t.rejects(here.publish('never'), { code: 'FST_ERR_WS_BACKPLANE' })
  const lost = here.publish('here only', 'loose', null)
  await turns(5)
  t.strictSame(here.texts('loose'), [])
  await clock.tickAsync(4000)
  await rejected
  await lost
  t.strictSame(here.texts('loose'), ['here only'])
  t.equal(here.engine.state, 'down')
  store.resume()
  await here.isUp()
  await there.publish('m1')
  await here.hears(t, ['m1'])
})

test('whenUp() resolves when the engine announces everything, or is closed', async t => {
  const { all: [here, other] } = await processes(t, 2)
  await here!.engine.whenUp()
  here!.driver.goDown()
  let isUp = false
  const up = here!.engine.whenUp().then(() => { isUp = true })
  await turns(10)
  t.equal(isUp, false)
  here!.driver.comeUp()
  await up
  other!.driver.goDown()
  const closed = other!.engine.whenUp()
  await other!.engine.close()
  await closed
})

test('an engine that says twice that it cannot be reached, and comes back while topics are subscribed to again', async t => {
  const { here, there } = await pair(t)
  here.driver.goDown()
  here.driver.events.onState('down', new Error('again'))
  await turns(3)
  here.driver.comeUp()
  await turns(2)
  here.driver.goDown()
  here.driver.comeUp()
  await here.isUp()
  await there.publish('m1')
  await here.hears(t, ['m1'])
  t.equal(here.states.filter(state => state === 'up').length, 1)
})

test('a batch that cannot be subscribed to after an outage is tried again, and the others go on', async t => {
  const { all: [here, there] } = await processes(t, 2)
  const names = Array.from({ length: 201 }, (_, i) => `topic ${i}`)
  await Promise.all(names.map(name => here!.engine.subscribe(name, KEPT)))
  await here!.cut(async () => {
    here!.driver.refuse('subscribe')
    await there!.publish('m1', 'topic 0')
    await there!.publish('m1', 'topic 200')
  })
  await here!.hears(t, ['m1'], 'topic 200')
  t.strictSame(here!.texts('topic 0'), [])
  await here!.hears(t, ['m1'], 'topic 0')
})

test('an outage between a try and the next: everything is subscribed to once', async t => {
  const clock = await stillClock(t)
  const { all: [here, there] } = await processes(t, 2)
  here!.driver.refuse('subscribe')
  const subscribed = here!.engine.subscribe('a', KEPT)
  await until(() => here!.calls('subscribe').length === 1)
  await turns(10)
  await here!.cut()
  await subscribed
  here!.driver.calls.length = 0
  await clock.tickAsync(2000)
  t.strictSame(here!.calls('subscribe'), [])
  await there!.publish('m1')
  await here!.hears(t, ['m1'])
})
