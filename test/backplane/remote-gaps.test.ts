import { test } from 'tap'
import { turns } from '../support/late-engine.ts'
import { numbered, pair, processes } from './remote-stage.ts'

/*
 * Topics with a history, while the engine can be reached: what is missing is read before anything later is told.
 */

test('what is announced is told once, in order, with its position and numbers that rise', async t => {
  const { here, there } = await pair(t)
  const positions = await there.publishAll(numbered(20))
  await here.hears(t, numbered(20))
  t.strictSame(here.told.map(({ at }) => at), positions)
  t.strictSame(here.calls('read'), [], 'nothing had to be read')
})

test('messages that were not announced are read before the next one is told', async t => {
  const { here, there } = await pair(t)
  await there.publishAll(numbered(3))
  await here.hears(t, numbered(3))
  here.driver.dropping = 2
  await there.publishAll(numbered(2, 4))
  await turns(30)
  t.strictSame(here.texts(), numbered(3), 'nobody can know yet')
  await there.publish('m6')
  await here.hears(t, numbered(6))
  t.equal(here.calls('read').length, 1)
})

test('a gap is filled in parts, and what is announced meanwhile comes behind it', async t => {
  const { all: [here, there] } = await processes(t, 2)
  const retention = { size: 1000, ttl: 60_000 }
  await here!.engine.subscribe('a', retention)
  here!.driver.dropping = 300
  await there!.publishAll(numbered(300), 'a', retention)
  await there!.publish('m301', 'a', retention)
  void there!.publishAll(numbered(20, 302), 'a', retention)
  await here!.hears(t, numbered(321))
  t.ok(here!.calls('read').length <= 5, `${here!.calls('read').length} reads`)
})

test('messages that come twice are told once', async t => {
  const { here, there } = await pair(t)
  await there.publish('m1')
  here.driver.doubling = 4
  await there.publishAll(numbered(4, 2))
  await there.publishAll(numbered(2, 6))
  await here.hears(t, numbered(7))
  t.strictSame(here.calls('read'), [], 'it is known that they were told')
})

test('whoever subscribes while others publish is told everything behind the answer', async t => {
  const { all: [here, there] } = await processes(t, 2)
  for (let i = 0; i < 12; i++) {
    const topic = `topic ${i}`
    const publishing = there!.publishAll(numbered(20), topic)
    await turns(i * 2)
    const { at } = await here!.engine.subscribe(topic, { size: 100, ttl: 60_000 })
    const positions = await publishing
    await here!.hears(t, numbered(20).slice(positions.indexOf(at) + 1), topic)
  }
})

for (const before of [0, 1, 5]) {
  for (const after of [1, 3, 9]) {
    test(`a store that has forgotten ${before} messages, and was given ${after} since: lost, and then those`, async t => {
      const { store, here, there } = await pair(t)
      await there.publishAll(numbered(before))
      await here.hears(t, numbered(before))
      store.flush()
      await there.publishAll(numbered(after, 10))
      await turns(30)
      const texts = here.texts().slice(before)
      t.equal(texts[0], '(lost)')
      t.strictSame(texts.slice(1), numbered(after, 10).slice(after - texts.length + 1), 'everything behind it')
      const soFar = here.texts()
      await there.publish('end')
      await here.hears(t, [...soFar, 'end'])
    })
  }
}

test('a store that forgets everything before anything is published to a topic with a history', async t => {
  const { all: [here, there], store } = await processes(t, 2)
  await there!.publishAll(numbered(50))
  await here!.engine.subscribe('a', { size: 100, ttl: 60_000 })
  store.flush()
  await there!.publishAll(['x', 'y'])
  await turns(30)
  t.equal(here!.texts()[0], '(lost)')
  const soFar = here!.texts()
  await there!.publish('z')
  await here!.hears(t, [...soFar, 'z'])
})

test('a store that comes back with an older state, under a connection that stays: lost, and no mixture', async t => {
  for (const between of [1, 2, 5]) {
    const { store, here, there } = await pair(t)
    await there.publishAll(numbered(3))
    const restore = store.save()
    await there.publishAll(numbered(between, 4))
    await here.hears(t, numbered(3 + between))
    restore()
    await there.publishAll(['x1', 'x2'])
    await turns(40)
    const texts = here.texts().slice(3 + between)
    t.equal(texts[0], '(lost)', `${between} messages were lost`)
    const soFar = here.texts()
    await there.publish('x3')
    await here.hears(t, [...soFar, 'x3'])
  }
})

test('announcements of a state that is gone end no check, and begin no endless one', async t => {
  const { store, here, there } = await pair(t)
  await there.publishAll(numbered(20))
  await here.hears(t, numbered(20))
  here.driver.dropping = 1
  await there.publish('m21')
  // It is announced, and is not in the store any more when what is in front of it is asked for.
  const letGo = here.driver.holdAnnouncements()
  await there.publish('m22')
  store.flush()
  letGo()
  await turns(60)
  t.strictSame(here.texts().slice(20), ['(lost)'])
  t.ok(here.calls('read').length <= 3, `${here.calls('read').length} reads`)
  await there.publishAll(['x1', 'x2'])
  await here.hears(t, [...numbered(20), '(lost)', 'x1', 'x2'])
})

test('bytes that cannot be read are left out: nothing is missing, and nothing is read again and again', async t => {
  const { here, there } = await pair(t)
  await there.publishAll(['m1', '\0 of another version', 'm2'])
  await here.hears(t, ['m1', 'm2'])
  t.strictSame(here.calls('read'), [])
  here.driver.dropping = 3
  await there.publishAll(['\0', 'm3', '\0', '\0', 'm4'])
  await here.hears(t, ['m1', 'm2', 'm3', 'm4'])
  t.equal(here.calls('read').length, 1)
})

test('only bytes that cannot be read: a gap of them is a gap all the same', async t => {
  const { here, there } = await pair(t)
  here.driver.dropping = 1
  await there.publishAll(['\0', '\0', '\0'])
  await turns(30)
  t.strictSame(here.texts(), [])
  t.equal(here.calls('read').length, 1)
  await there.publish('m1')
  await here.hears(t, ['m1'])
})

test('a check that fails is tried again, and until then nothing later is told', async t => {
  const { here, there } = await pair(t)
  await there.publish('m1')
  await here.hears(t, ['m1'])
  here.driver.dropping = 1
  here.driver.refuse('read')
  await there.publishAll(['m2', 'm3'])
  await turns(30)
  t.strictSame(here.texts(), ['m1'])
  await there.publish('m4')
  await here.hears(t, numbered(4))
  t.equal(here.calls('subscribe').length, 2)
})

test('where the topic stands now cannot be asked either: tried again', async t => {
  const { store, here, there } = await pair(t)
  await there.publish('m1')
  await here.hears(t, ['m1'])
  store.flush()
  here.driver.refuse('subscribe')
  await there.publish('x1')
  await here.hears(t, ['m1', '(lost)'])
  await there.publish('x2')
  await here.hears(t, ['m1', '(lost)', 'x2'])
})
