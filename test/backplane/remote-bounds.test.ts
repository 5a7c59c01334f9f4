import { test } from 'tap'
import { turns } from '../support/late-engine.ts'
import { until } from '../support/until.ts'
import { FakeStore } from './fake-store.ts'
import { KEPT, numbered, pair, Process, processes, stillClock } from './remote-stage.ts'

test('what one turn publishes is one call, in order, whatever it is published to', async t => {
  const { here, there } = await pair(t)
  void there.publish('m1')
  void there.publish('x', 'b', null)
  void there.publish('m2')
  await there.publish('m3')
  await here.hears(t, numbered(3))
  t.strictSame(there.calls('publish'), ['publish a b a a'])
})

/** What may be under way, in bytes, and what each message costs beside its own. */
const BOUND = 64 * 1024 * 1024
const OVERHEAD = 3000
const LONG = 16 * 1024 * 1024

test('more than 64 MiB under way, counted as what they cost: rejected, until some have arrived', async t => {
  // On a busy machine, making so many takes longer than the engine waits for an answer.
  await stillClock(t)
  const short = Math.ceil(BOUND / (1 + OVERHEAD))
  // Without a history, the message waits twice: for the engine, and to be delivered here.
  for (const [message, most, retention] of [['x', short, KEPT], ['x'.repeat(LONG), 4, KEPT], ['x'.repeat(LONG), 2, null]] as const) {
    const { all: [here] } = await processes(t, 1)
    const letGo = here!.driver.holdAnswers()
    const under = Array.from({ length: most }, () => here!.publish(message, 'a', retention))
    const error = { code: 'FST_ERR_WS_BACKPLANE', message: 'the backplane fake is too slow: too much that was published waits for it' }
    for (const other of [KEPT, null]) await t.rejects(here!.publish('one more', 'a', other), error)
    letGo()
    await Promise.all(under)
    await here!.publish('and now', 'a', retention)
    await here!.engine.close()
  }
})

test('a message that cannot be made bytes is not published', async t => {
  const { here, there } = await pair(t)
  await t.rejects(there.publish('not encodable'), { message: 'not encodable' })
  await t.rejects(there.publish('not encodable', 'a', null), { message: 'not encodable' })
  await there.publish('m1')
  await here.hears(t, ['m1'])
})

test('a refused publish of a topic with a history rejects with the cause, and is not told', async t => {
  const { here, there } = await pair(t)
  there.driver.refuse('publish', new Error('no memory'))
  await t.rejects(there.publish('never'), {
    code: 'FST_ERR_WS_BACKPLANE', message: 'the backplane fake did not take a message', cause: { message: 'no memory' }
  })
  await there.publish('m1')
  await here.hears(t, ['m1'])
})

test('an id that is still kept: nothing is published, and the answer is its position', async t => {
  const { here, there } = await pair(t)
  const first = await there.engine.publish('a', 'm1', KEPT, 'id')
  t.strictSame(await here.engine.publish('a', 'm2', KEPT, 'id'), first)
  await here.hears(t, ['m1'])
})

test('announcements that come while a gap is read: more than are kept are read, and all are told', async t => {
  const retention = { size: 5000, ttl: 60_000 }
  for (const [message, count] of [['', 1500], ['x'.repeat(1024 * 1024), 8]] as const) {
    const { here, there } = await pair(t, retention)
    here.driver.dropping = 1
    await there.publish('m1', 'a', retention)
    const letGo = here.driver.holdAnswers()
    await there.publish('m2', 'a', retention)
    await until(() => here.calls('read').length === 1)
    await turns(5)
    const publishing = []
    for (let i = 0; i < count; i++) publishing.push(there.publish(`${i} ${message}`, 'a', retention))
    await Promise.all(publishing)
    await turns(20)
    t.strictSame(here.texts(), [])
    letGo()
    await until(() => here.texts().length >= count + 2, 'all')
    await turns(30)
    t.strictSame(here.texts().map(text => text.split(' ')[0]), ['m1', 'm2', ...Array.from({ length: count }, (_, i) => `${i}`)])
  }
})

test('a thousand announcements that no history has any more ask for no thousand reads', async t => {
  const { store, here, there } = await pair(t)
  await there.publishAll(numbered(5))
  await here.hears(t, numbered(5))
  here.driver.dropping = 1
  await there.publish('m6')
  here.driver.turns = 40
  await there.publish('m7')
  await until(() => here.calls('read').length === 1)
  await Promise.all(Array.from({ length: 900 }, (_, i) => there.publish(`old ${i}`)))
  store.flush()
  await turns(300)
  const reads = here.calls('read').length
  t.ok(reads < 4, `${reads} reads`)
  await there.publish('end')
  await here.hears(t, [...numbered(5), '(lost)', 'end'])
})

test('an engine that cannot be reached at first does not open; closed meanwhile, it stays closed', async t => {
  const store = new FakeStore()
  const refused = new Process(store)
  refused.driver.refuse('open')
  await t.rejects(refused.engine.open(refused), {
    code: 'FST_ERR_WS_BACKPLANE', message: 'the backplane fake cannot be reached', cause: { message: 'open was refused' }
  })
  t.equal(refused.engine.state, 'down')
  t.equal(refused.engine.name, 'fake')
  t.equal(refused.engine.lag, null)
  await refused.engine.close()

  const closed = new Process(store)
  const letGo = closed.driver.holdAnswers()
  const opening = closed.engine.open(closed).catch(() => {})
  await turns(5)
  const closing = closed.engine.close()
  letGo()
  await Promise.all([opening, closing])
  t.equal(closed.engine.state, 'down')
})

test('an engine that goes down before anybody learns that it was open is down', async t => {
  const process = new Process(new FakeStore())
  const { driver } = process
  const { open } = driver
  driver.open = async events => {
    await open.call(driver, events)
    driver.goDown()
  }
  await process.engine.open(process)
  t.equal(process.engine.state, 'down')
  driver.comeUp()
  await process.isUp()
  t.equal(process.engine.lag, 0)
  await process.engine.close()
})

test('closed at any time: nothing more is told, and whatever was asked is answered', async t => {
  const clock = await stillClock(t)
  for (let i = 0; i < 12; i++) {
    const { all: [here, there] } = await processes(t, 2)
    await here!.engine.subscribe('a', KEPT)
    await here!.engine.subscribe('loose', null)
    here!.driver.dropping = i % 2
    if (i % 3 === 1) here!.driver.goDown()
    const asked = [
      here!.publish('m1'), here!.publish('m1', 'loose', null), here!.engine.subscribe('b', KEPT), here!.engine.subscribe('c', null),
      here!.engine.read('a', KEPT, 'x', 10), here!.engine.read('d', KEPT, 'x', 10), here!.engine.last('a', KEPT, 10),
      here!.engine.join('a', { id: 'ada', info: null }), here!.engine.leave('a', 'ada'), here!.engine.members('a'),
      here!.engine.count('a'), here!.engine.signal(Buffer.from('x')), here!.engine.whenUp(), there!.publishAll(numbered(5)),
      there!.publish('m9', 'loose', null)
    ].map(one => one.then(() => 'ok', ({ code }) => code as string))
    if (i % 3 === 2) here!.driver.refuse('subscribe')
    if (i % 4 === 3) here!.driver.comeUp()
    await turns(i)
    const closing = here!.engine.close()
    const count = here!.told.length
    await closing
    here!.engine.unsubscribe('a')
    asked.push(here!.publish('late').then(() => 'ok', ({ code }) => code), here!.publish('late', 'loose', null).then(() => 'ok'))
    asked.push(here!.engine.subscribe('late', KEPT).then(() => 'ok', ({ code }) => code))
    await here!.engine.subscribe('late too', null)
    await turns(10)
    await clock.tickAsync(10_000)
    const answers = await Promise.all(asked)
    t.ok(answers.every(answer => answer === 'ok' || answer === 'FST_ERR_WS_BACKPLANE'), answers.join())
    t.equal(answers.at(-3), 'FST_ERR_WS_BACKPLANE')
    t.equal(here!.told.length, count)
    t.equal(here!.engine.state, 'down')
    await there!.engine.close()
  }
})

test('subscribed and unsubscribed in every order: at the end it is announced if it is wanted, and once', async t => {
  const plans = [
    'ss', 'su', 'sus', 'susu', 'suwsu', 'swu', 'swus', 'swuws', 'swuwswu', 'sussu', 'suwwsw', 'swsus', 'swwuswus', 'swdus', 'dsuswx',
    'dswx', 'swdux', 'swduxs', 'swdxwus', 'sdxu', 'sdxus', 'sdux', 'dsxus', 'swdxu', 'swdxwws', 'swdwuswx'
  ]
  for (const retention of [KEPT, null]) {
    for (const plan of plans) {
      const clock = await stillClock(t)
      const { all: [here, there] } = await processes(t, 2)
      const { engine, driver } = here!
      let isWanted = false
      const answers: Array<Promise<unknown>> = []
      for (const step of plan) {
        if (step === 's') answers.push(engine.subscribe('a', retention).catch(() => {}))
        else if (step === 'u') engine.unsubscribe('a')
        else if (step === 'd') driver.goDown()
        else if (step === 'x') driver.comeUp()
        else await turns(2)
        if (step === 's') isWanted = true
        if (step === 'u') isWanted = false
        void there!.publish(`during ${step}`, 'a', retention)
      }
      driver.comeUp()
      await here!.isUp()
      await turns(30)
      await Promise.all(answers)
      const before = here!.texts().length
      await there!.publishAll(['end 1', 'end 2'], 'a', retention)
      await turns(30)
      t.strictSame(here!.texts().slice(before), isWanted ? ['end 1', 'end 2'] : [], `${plan}, ${retention === null ? 'without' : 'with'} a history`)
      if (!isWanted) t.ok(driver.calls.every((call, i) => !call.startsWith('subscribe') || driver.calls.indexOf('unsubscribe a', i) > 0 || plan.includes('d')), 'nothing is left')
      clock.uninstall()
    }
  }
})

test('announcements without a place of a topic with a history, and with one of a topic without, are left alone', async t => {
  const { here } = await pair(t)
  await here.engine.subscribe('loose', null)
  const { events } = here.driver
  events.onMessage('a', Buffer.from('x'), null)
  events.onMessage('nobody', Buffer.from('x'), null)
  events.onMessage('loose', Buffer.from('x'), { seq: 1, at: '1', prev: '0' })
  events.onMessage('loose', Buffer.from([0]), null)
  await turns(5)
  t.strictSame(here.told.map(({ topic, message, at }) => [topic, message, at]), [['loose', 'x', '']])
})

test('a driver that says something after it was closed is not listened to', async t => {
  const { here } = await pair(t)
  const { events } = here.driver
  await here.engine.join('a', { id: 'ada', info: null })
  await here.engine.close()
  events.onState('down', new Error('late'))
  events.onState('up', null)
  events.onMessage('a', Buffer.from('x'), { seq: 1, at: '1', prev: '0' })
  events.onSignal(Buffer.alloc(20))
  events.onGone('a', { id: 'ada', info: '' })
  events.onBack('a', { id: 'ada', info: '' })
  await turns(10)
  t.strictSame([here.states, here.told, here.signals, here.members], [[], [], [], []])
  await here.engine.whenUp()
  t.equal(here.engine.state, 'down')
})
