import { test } from 'tap'
import { turns } from '../support/late-engine.ts'
import { numbered, pair, processes, stillClock, textsOf } from './remote-stage.ts'

/*
 * Reading a history: from what a process keeps of it, and once for all who ask.
 */

const KEPT = { size: 100, ttl: 60_000 }

test('a thousand readers cost one call, wherever each of them stands', async t => {
  const { there } = await pair(t)
  const positions = await there.publishAll(numbered(50), 'b')
  const { here } = await pair(t)
  t.strictSame(here.calls('read'), [])
  await there.engine.subscribe('b', KEPT)
  there.driver.calls.length = 0
  const parts = await Promise.all(Array.from({ length: 1000 }, (_, i) => there.engine.read('b', KEPT, positions[i % 50]!, 1000)))
  for (const [i, part] of parts.entries()) {
    t.equal(part!.messages.length, 49 - i % 50, `behind ${i}`)
    t.equal(part!.at, positions.at(-1))
  }
  t.strictSame(there.driver.calls, ['last b'])
  await there.engine.read('b', KEPT, positions[10]!, 5)
  t.strictSame(there.driver.calls, ['last b'], 'it is kept')
})

test('what has been announced here is read without a call, in parts as large as asked for', async t => {
  const { here, there } = await pair(t)
  const { at } = await here.engine.subscribe('a', KEPT)
  const positions = await there.publishAll(numbered(10))
  await here.hears(t, numbered(10))
  here.driver.calls.length = 0
  const first = (await here.engine.read('a', KEPT, at, 4))!
  t.strictSame([textsOf(first), first.at, first.upTo], [numbered(4), positions[3], here.told[3]!.seq])
  const rest = (await here.engine.read('a', KEPT, first.at, 100))!
  t.strictSame([textsOf(rest), rest.at, rest.upTo], [numbered(6, 5), positions[9], here.told[9]!.seq])
  t.strictSame((await here.engine.read('a', KEPT, rest.at, 100)), { ...rest, messages: [] })
  t.strictSame(here.driver.calls, [])
})

test('what lies further back than what is kept here is read from the engine, with the numbers of this process', async t => {
  const { all: [here, there] } = await processes(t, 2)
  const retention = { size: 1000, ttl: 60_000 }
  const positions = await there!.publishAll(numbered(300), 'a', retention)
  await here!.engine.subscribe('a', retention)
  const parts = await Promise.all([0, 0, 0].map(() => here!.engine.read('a', retention, positions[0]!, 20)))
  for (const part of parts) t.strictSame(textsOf(part), numbered(20, 2))
  t.strictSame(here!.calls('last').length + here!.calls('read').length, 2, 'once for all')
  t.strictSame(textsOf(await here!.engine.read('a', retention, positions[280]!, 100)), numbered(19, 282))
  t.equal(here!.calls('last').length + here!.calls('read').length, 2)
  await there!.publish('m301', 'a', retention)
  await here!.hears(t, ['m301'])
  const last = await here!.engine.read('a', retention, positions[299]!, 100)
  t.equal(last!.upTo, here!.told[0]!.seq)
})

test('more than it keeps: the oldest are forgotten here, and read from the engine', async t => {
  const { here, there } = await pair(t, { size: 1000, ttl: 60_000 })
  const retention = { size: 1000, ttl: 60_000 }
  const positions = await there.publishAll(numbered(300), 'a', retention)
  await here.hears(t, numbered(300))
  here.driver.calls.length = 0
  t.strictSame(textsOf(await here.engine.read('a', retention, positions[43]!, 1000)), numbered(256, 45))
  t.strictSame(here.driver.calls, [])
  t.strictSame(textsOf(await here.engine.read('a', retention, positions[42]!, 1000)), numbered(257, 44))
  t.strictSame(here.driver.calls, ['last a', 'read a'])
})

test('what is no position is answered with null, and so is a position that is not known any more', async t => {
  const retention = { size: 3, ttl: 60_000 }
  const { here, there } = await pair(t, retention)
  const positions = await there.publishAll(numbered(5), 'a', retention)
  await here.hears(t, numbered(5))
  for (const after of ['', 'x', '\0', positions[0]!, `${positions[4]!}0`]) {
    t.equal(await here.engine.read('a', retention, after, 10), null, JSON.stringify(after))
  }
  t.strictSame(textsOf(await here.engine.read('a', retention, positions[1]!, 10)), numbered(3, 3))
})

test('what cannot be read is left out wherever it is', async t => {
  const { here, there } = await pair(t)
  const positions = await there.publishAll(['m1', '\0', 'm2', '\0', '\0'], 'b')
  await here.engine.subscribe('b', KEPT)
  t.strictSame(textsOf(await here.engine.read('b', KEPT, positions[0]!, 10)), ['m2'])
  const part = await here.engine.read('b', KEPT, positions[1]!, 10)
  t.strictSame([textsOf(part), part!.at], [['m2'], positions[4]])
  t.strictSame(textsOf(await here.engine.read('b', KEPT, positions[3]!, 10)), [])
  t.strictSame((await here.engine.last('b', KEPT, 10)).map(({ message }) => message), ['m1', 'm2'])
  await there.publishAll(['\0', 'm3'], 'b')
  await here.hears(t, ['m3'], 'b')
  t.strictSame(textsOf(await here.engine.read('b', KEPT, positions[4]!, 10)), ['m3'])
})

test('a topic that nobody here is subscribed to is read from the engine', async t => {
  const { here, there } = await pair(t)
  const positions = await there.publishAll(numbered(3), 'b')
  const part = await here.engine.read('b', KEPT, positions[0]!, 10)
  t.strictSame([textsOf(part), part!.at], [['m2', 'm3'], positions[2]])
  t.equal(await here.engine.read('b', KEPT, 'x', 10), null)
})

test('what is kept here is over when the engine has forgotten it', async t => {
  const clock = await stillClock(t)
  const retention = { size: 10, ttl: 1000 }
  const { here, there } = await pair(t, retention)
  const { at } = await here.engine.subscribe('a', retention)
  const positions = await there.publishAll(numbered(3), 'a', retention)
  await here.hears(t, numbered(3))
  await clock.tickAsync(999)
  t.strictSame(textsOf(await here.engine.read('a', retention, at, 10)), numbered(3))
  await clock.tickAsync(1)
  t.equal(await here.engine.read('a', retention, at, 10), null)
  t.equal(await here.engine.read('a', retention, positions[1]!, 10), null)
  t.strictSame(textsOf(await here.engine.read('a', retention, positions[2]!, 10)), [])
})

test('what was read, whose age is not known, is read again after 10 s, or half its ttl', async t => {
  for (const [ttl, after] of [[60_000, 10_000], [6000, 3000]] as const) {
    const clock = await stillClock(t)
    const retention = { size: 10, ttl }
    const { all: [here, there] } = await processes(t, 2)
    const positions = await there!.publishAll(numbered(3), 'a', retention)
    await here!.engine.subscribe('a', retention)
    for (const [pass, calls] of [[0, 1], [after - 1, 1], [1, 2]]) {
      await clock.tickAsync(pass!)
      t.strictSame(textsOf(await here!.engine.read('a', retention, positions[0]!, 10)), numbered(2, 2))
      t.equal(here!.calls('last').length, calls, `${pass} ms later`)
    }
    clock.uninstall()
  }
})

test('a topic that has begun anew meanwhile is asked once more: nobody gets messages of both histories', async t => {
  const { store, here, there } = await pair(t)
  const positions = await there.publishAll(numbered(3), 'b')
  await here.engine.subscribe('b', KEPT)
  const letGo = here.driver.holdAnswers()
  const asked = here.engine.read('b', KEPT, positions[0]!, 10)
  await turns(5)
  store.flush()
  await there.publish('x1', 'b')
  await turns(5)
  letGo()
  t.equal(await asked, null)
  t.equal(await here.engine.read('b', KEPT, positions[0]!, 10), null)
  t.equal(here.texts('b')[0], '(lost)')
})

test('numbers rise over all histories, of what is read as of what is announced', async t => {
  const { store, here, there } = await pair(t)
  await there.publishAll(numbered(30))
  await here.hears(t, numbered(30))
  for (let i = 0; i < 3; i++) {
    store.flush()
    await there.publishAll(['x', 'y'])
    await turns(30)
  }
  const { told } = here
  t.ok(told.every(({ seq }, j) => j === 0 || seq > told[j - 1]!.seq))
  const { at } = told.at(-1)!
  await there.publishAll(['z1', 'z2'])
  await turns(30)
  const part = await here.engine.read('a', KEPT, at, 10)
  t.strictSame(part!.messages.map(({ seq }) => seq), told.slice(-2).map(({ seq }) => seq))
  const directly = await here.engine.read('a', KEPT, 'x', 10)
  t.equal(directly, null)
})

test('whoever reads while what is missing is read waits for it; if nobody is subscribed any more, there is nothing', async t => {
  const { here, there } = await pair(t)
  const { at } = await here.engine.subscribe('a', KEPT)
  here.driver.dropping = 1
  await there.publish('m1')
  const letGo = here.driver.holdAnswers()
  await there.publish('m2')
  await turns(10)
  const reading = here.engine.read('a', KEPT, at, 10)
  await turns(10)
  letGo()
  t.strictSame(textsOf(await reading), ['m1', 'm2'])
  here.driver.goDown()
  const never = here.engine.read('a', KEPT, at, 10)
  here.engine.unsubscribe('a')
  t.equal(await never, null)
})

test('many who read a topic that begins anew, and read nothing: each gets an answer', async t => {
  const { store, here, there } = await pair(t)
  const positions = await there.publishAll(numbered(20))
  await here.hears(t, numbered(20))
  store.flush()
  void there.publish('x')
  const answers = await Promise.all(positions.flatMap(at => [here.engine.read('a', KEPT, at, 3), here.engine.read('a', KEPT, `${at}?`, 3)]))
  await turns(30)
  t.equal(answers.length, 40)
  for (const at of positions) t.equal(await here.engine.read('a', KEPT, at, 3), null)
})

test('last messages: many who ask in one turn cost one call; whoever asks later has what was announced by then', async t => {
  const { here, there } = await pair(t)
  await there.publish('m1')
  await here.hears(t, ['m1'])
  const letGo = here.driver.holdAnswers()
  const first = Promise.all(Array.from({ length: 100 }, () => here.engine.last('a', KEPT, 10)))
  await turns(10)
  await there.publish('m2')
  await here.hears(t, ['m1', 'm2'])
  const later = here.engine.last('a', KEPT, 10)
  letGo()
  for (const messages of await first) t.strictSame(messages.map(({ message }) => message), ['m1'])
  t.strictSame((await later).map(({ message }) => message), ['m1', 'm2'])
  t.equal(here.calls('last').length, 2)
})
