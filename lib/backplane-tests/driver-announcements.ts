import assert from 'node:assert/strict'
import type { AnnouncedPlace, OutgoingMessage, Place } from '../../types/backplane.ts'
import { bytesOf, driverClauses, type DriverProcess, texts } from './driver-setting.ts'
import { count } from './listening.ts'
import { BYTES, NAMES } from './samples.ts'

/** What is announced, where it stands, and whether something is missing in front of it. */
export const { all: driverAnnouncements, clause } = driverClauses()

/** Each is next to the one before it, and to no other. */
function isChain (process: DriverProcess, places: ReadonlyArray<Place | AnnouncedPlace>): void {
  for (const [i, place] of places.entries()) {
    for (const [j, other] of places.entries()) {
      if ('prev' in other) assert.equal(process.driver.isNext(place, other), j === i + 1, `number ${j} behind number ${i}`)
    }
  }
}

function placesOf (process: DriverProcess, topic: string): AnnouncedPlace[] {
  return process.heardOf(topic).map(({ place }) => place!)
}

clause('isNext() tells gaps, whichever way messages were published', async ({ process, keep }) => {
  const retention = keep(100)
  const top = await process.subscribe('a', retention)
  const message = (text: string) => ({ topic: 'a', text, retention })
  await process.publish('a', '1', retention)
  await process.publishAll(count(3, 2).map(message))
  await Promise.all(count(5, 5).map(text => process.publish('a', text, retention)))
  await process.publishAll(count(6, 10).flatMap(text => [message(text), { ...message(text), topic: 'b' }, { ...message(text), retention: null, topic: 'c' }]))
  const heard = await process.hears('a', 15)
  assert.deepEqual(heard.map(({ text }) => text), count(15))
  isChain(process, [top!, ...placesOf(process, 'a')])
})

clause('isNext() takes places as whatever told them', async ({ process, keep }) => {
  const { driver } = process
  const top = (await process.subscribe('a', keep(10)))!
  await process.publishAll(count(6).map(text => ({ topic: 'a', text, retention: keep(10) })))
  await process.hears('a', 6)
  const part = (await driver.read('a', keep(10), top.at, 4))!
  const rest = (await driver.read('a', keep(10), part.upTo.at, 10))!
  const last = await driver.last('a', keep(10), 2)
  const again = (await process.subscribe('a', keep(10)))!
  await process.publish('a', '7', keep(10))
  await process.hears('a', 7)
  const places = placesOf(process, 'a')
  const isNext = (place: Place) => places.findIndex(one => driver.isNext(place, one)) + 1
  assert.deepEqual(part.messages.map(isNext), [2, 3, 4, 5], 'those of read()')
  assert.equal(isNext(part.upTo), 5, 'how far it has come')
  assert.equal(isNext(rest.upTo), 7, 'and that this was all')
  assert.deepEqual(last.map(isNext), [6, 7], 'those of last()')
  assert.equal(isNext(again), 7, 'that of subscribe()')
})

clause('isNext() holds when the messages of a topic that is subscribed to have gone with time', async ({ process, brief: keep, ttl, pass }) => {
  const top = await process.subscribe('a', keep(5))
  await process.publish('a', '1', keep(5))
  await pass(1.5 * ttl)
  await process.publish('a', '2', keep(5))
  await process.hears('a', 2)
  isChain(process, [top!, ...placesOf(process, 'a')])
})

clause('isNext() holds in all processes, whoever publishes', async ({ process, another, keep }) => {
  const all = [process, await another(), await another()]
  const tops = await Promise.all(all.map(one => one.subscribe('a', keep(100))))
  await Promise.all(all.flatMap((one, i) => count(20, 100 * i).map(text => one.publish('a', text, keep(100)))))
  for (const [i, one] of all.entries()) {
    await one.hears('a', 60)
    isChain(one, [tops[i]!, ...placesOf(all[(i + 1) % 3]!, 'a')])
  }
}, { needs: ['several'] })

clause('numbers and positions are the same in answers, announcements, and what is read', async ({ process, keep }) => {
  const { driver } = process
  const top = (await process.subscribe('a', keep(10)))!
  const answers = await process.publishAll(count(10).map(text => ({ topic: 'a', text, retention: keep(10) })))
  await process.hears('a', 10)
  const announced = placesOf(process, 'a').map(({ seq, at }) => ({ seq, at }))
  assert.deepEqual(announced.map(({ at }) => at), answers)
  const places = (messages: readonly Place[]) => messages.map(({ seq, at }) => ({ seq, at }))
  const read = (await driver.read('a', keep(10), top.at, 10))!
  assert.deepEqual(places(read.messages), announced)
  assert.deepEqual(places(await driver.last('a', keep(10), 10)), announced)
  for (const [i, { seq }] of announced.entries()) assert.ok(seq > (announced[i - 1] ?? top).seq, 'numbers rise')
})

clause('topics without a retention have no places', async ({ process }) => {
  assert.equal(await process.subscribe('a', null), null)
  assert.deepEqual(await process.publishAll(count(3).map(text => ({ topic: 'a', text, retention: null }))), ['', '', ''])
  assert.deepEqual(await process.hears('a', 3), count(3).map(text => ({ topic: 'a', text, place: null })))
})

clause('one call publishes to many topics, each in its order, and each message has one answer', async ({ process, until, keep }) => {
  const { driver } = process
  const topics = NAMES.map((topic, i) => ({ topic, retention: i % 3 === 0 ? null : keep(50) }))
  await driver.subscribe(topics)
  const answers: string[] = []
  const outgoing: OutgoingMessage[] = count(40).flatMap(text => topics.map(({ topic, retention }) => {
    const answered = (outcome: string | Error) => { answers.push(`${topic} ${text}: ${typeof outcome}`) }
    return { topic, retention, bytes: bytesOf(text), id: null, done: answered, failed: answered }
  }))
  driver.publish(outgoing)
  for (const topic of NAMES) assert.deepEqual((await process.hears(topic, 40)).map(({ text }) => text), count(40), JSON.stringify(topic))
  await until(() => answers.length >= outgoing.length, 'the answers')
  await process.settle()
  assert.deepEqual(answers.toSorted(), NAMES.flatMap(topic => count(40).map(text => `${topic} ${text}: string`)).toSorted())
})

clause('one call publishes thousands of messages', async ({ process, keep }) => {
  await process.subscribe('a', keep(100))
  const answers = await process.publishAll(count(3000).map(text => ({ topic: 'a', text, retention: keep(100) })))
  assert.equal(new Set(answers).size, 3000)
  assert.deepEqual((await process.hears('a', 3000)).map(({ text }) => text), count(3000))
  assert.deepEqual(texts(await process.driver.last('a', keep(100), 100)), count(100, 2901))
})

clause('of messages with the same id in one call, the first is published', async ({ process, keep }) => {
  await process.subscribe('a', keep(10))
  const message = { topic: 'a', retention: keep(10), id: 'id' }
  const answers = await process.publishAll([{ ...message, text: '1' }, { ...message, text: '2', id: 'other' }, { ...message, text: '3' }])
  assert.equal(answers[2], answers[0])
  assert.notEqual(answers[1], answers[0])
  assert.deepEqual((await process.hears('a', 2)).map(({ text }) => text), ['1', '2'])
})

clause('any bytes are announced and kept as they are', async ({ process, keep }) => {
  const { driver } = process
  const top = (await process.subscribe('kept', keep(100)))!
  await process.subscribe('not kept', null)
  for (const text of BYTES) await process.publish('kept', text, keep(100))
  await process.publishAll(BYTES.flatMap(text => [{ topic: 'kept', text, retention: keep(100) }, { topic: 'not kept', text, retention: null }]))
  const twice = [...BYTES, ...BYTES]
  const found = [
    (await process.hears('kept', twice.length)).map(({ text }) => text),
    texts((await driver.read('kept', keep(100), top.at, 100))!.messages),
    texts(await driver.last('kept', keep(100), 100))
  ]
  for (const one of found) assert.ok(one.length === twice.length && one.every((text, i) => text === twice[i]))
  const others = await process.hears('not kept', BYTES.length)
  assert.ok(others.every(({ text }, i) => text === BYTES[i]))
})

clause('subscribing again tells where the topic stands, and announces nothing twice', async ({ process, keep }) => {
  const tops = [await process.subscribe('a', keep(5)), await process.subscribe('a', keep(5))]
  await process.publishAll(count(3).map(text => ({ topic: 'a', text, retention: keep(5) })))
  assert.deepEqual((await process.hears('a', 3)).map(({ text }) => text), count(3))
  for (const top of tops) isChain(process, [top!, ...placesOf(process, 'a')])
  const top = (await process.subscribe('a', keep(5)))!
  assert.deepEqual((await process.driver.read('a', keep(5), top.at, 5))!.messages, [])
  await process.publish('a', '4', keep(5))
  assert.deepEqual((await process.hears('a', 4)).map(({ text }) => text), count(4))
  isChain(process, [top, placesOf(process, 'a')[3]!])
})

clause('one call subscribes to many topics, and is answered in its order', async ({ process, keep }) => {
  const { driver } = process
  const topics = count(500).map((topic, i) => ({ topic, retention: i % 5 === 0 ? null : keep(5) }))
  await process.publishAll(topics.map(({ topic, retention }) => ({ topic, text: 'before', retention })))
  const places = await driver.subscribe(topics)
  await process.publishAll(topics.map(({ topic, retention }) => ({ topic, text: 'behind', retention })))
  for (const { topic } of [topics[499]!, ...topics.slice(0, 20)]) await process.hears(topic, 1)
  for (const [i, { topic, retention }] of topics.entries()) {
    const heard = process.heardOf(topic)
    assert.deepEqual(heard.map(({ text }) => text), ['behind'], topic)
    if (retention === null) assert.equal(places[i], null)
    else assert.ok(driver.isNext(places[i]!, heard[0]!.place!), topic)
  }
  driver.unsubscribe([...count(250), 'never subscribed'])
  await process.settle()
  await process.publishAll(topics.map(({ topic, retention }) => ({ topic, text: 'after', retention })))
  await process.hears('500', 2)
  for (const [i, { topic }] of topics.entries()) assert.equal(process.heardOf(topic).length, i < 250 ? 1 : 2, topic)
})

clause('a signal reaches every process once, as it is, that from which it comes too', async ({ process, another, until }) => {
  const all = [process, await another(), await another()]
  for (const one of all) await one.driver.subscribe(NAMES.map(topic => ({ topic, retention: null })))
  for (const text of BYTES) await process.driver.signal(bytesOf(text))
  await all[1]!.driver.signal(bytesOf('the last'))
  for (const one of all) {
    await until(() => one.signals.length > BYTES.length, 'the signals')
    await one.settle()
    assert.equal(one.signals.length, BYTES.length + 1)
    for (const text of [...BYTES, 'the last']) assert.ok(one.signals.includes(text), JSON.stringify(text.slice(0, 20)))
    assert.deepEqual(NAMES.flatMap(topic => one.heardOf(topic)), [], 'and is no message')
  }
}, { needs: ['several'] })

clause('nothing is told until open() has resolved', async ({ process, unopened, keep }) => {
  await process.driver.signal(bytesOf('before'))
  const late = await unopened()
  const opening = late.open()
  for (let i = 0; i < 100; i++) {
    await process.driver.signal(bytesOf('meanwhile'))
    await process.publish('a', 'meanwhile', keep(5))
  }
  await opening
  await process.driver.signal(bytesOf('behind'))
}, { needs: ['several'] })

clause('the lag is unknown, or a number of milliseconds', async ({ process, pass }) => {
  for (let i = 0; i < 5; i++) {
    const { lag } = process.driver
    assert.ok(lag === null || (Number.isFinite(lag) && lag >= 0), String(lag))
    await pass(300)
  }
})
