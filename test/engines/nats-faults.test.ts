import type { Msg } from '@nats-io/transport-node'
import { type Test, test } from 'tap'
import { sleep } from '../../lib/backplane-tests/waiting.ts'
import { Clock } from '../../lib/nats/clock.ts'
import { encode, MESSAGE } from '../../lib/nats/frame.ts'
import { History } from '../../lib/nats/history.ts'
import { readBehind, readLast } from '../../lib/nats/reading.ts'
import { type Entry, Stream } from '../../lib/nats/stream.ts'
import { until } from '../support/until.ts'
import { type Answer, created, fakeLink, message, refused, settings, stored, subjects } from './nats-fake-link.ts'

const KEEP = { size: 3, ttl: 400 }

function history (t: Test, answer: Answer, clock = new Clock(4000)) {
  const fake = fakeLink((subject, body) => subject.includes('STREAM.CREATE') ? created(body) : answer(subject, body))
  const one = new History({ link: fake.link, settings, subjects, clock, events: { onMessage () {} } }, KEEP)
  const hold = setInterval(() => {}, 1000)
  t.teardown(() => {
    clearInterval(hold)
    one.close()
  })
  const publish = (id: string | null = null) => new Promise<string>((done, failed) => {
    one.publish({ topic: 'a', bytes: Buffer.from('x'), retention: KEEP, id, done, failed })
  })
  return { ...fake, history: one, publish }
}

/** A clock by which every deadline is over. */
class LateClock extends Clock {
  override isBefore (): boolean {
    return false
  }
}

test('an answer that comes too late is none', async t => {
  const { publish } = history(t, () => message({ seq: 1 }), new LateClock(4000))
  await t.rejects(publish(), { message: /too late/ })
  const again = history(t, subject => subject.includes('CONSUMER.CREATE') ? message({ name: 'c', num_pending: 0 }) : message({ seq: 1, duplicate: true }), new LateClock(4000))
  await t.rejects(again.publish('id'), { message: /too late/ })
})

test('a stream that has gone, or is refused, is no place for a message', async t => {
  const gone = history(t, () => message('', {}, 503))
  await t.rejects(gone.publish(), { message: /no such stream/ })
  t.equal(gone.lost.length, 1)
  const full = history(t, subject => subject.includes('CONSUMER') ? refused(10_023, 'insufficient resources') : message({ seq: 1, duplicate: true }))
  await t.rejects(full.publish('id'), { message: /insufficient/ })
  t.equal(full.lost.length, 0)
})

test('a stream that is found too late takes nothing', async t => {
  const short = { ...settings, deadline: 100 }
  const { link } = fakeLink(async (_, body) => {
    await sleep(60)
    return created(body)
  })
  const one = new History({ link, settings: short, subjects, clock: new Clock(100), events: { onMessage () {} } }, KEEP)
  t.teardown(() => one.close())
  await t.rejects(new Promise((done, failed) => {
    one.publish({ topic: 'a', bytes: Buffer.from('x'), retention: KEEP, id: null, done, failed })
  }), { message: /too long/ })
})

test('something old that is announced makes it look whether the stream is the same', async t => {
  const answers: Array<Msg | Error> = [stored(9, encode(MESSAGE, 1, 2e12, Buffer.from('x')))]
  const { history: one, lost, subscribed } = history(t, () => answers[0]!)
  await one.subscribe('a')
  const say = async () => {
    const announced = message(encode(MESSAGE, 1, 2e12, Buffer.from('x')), { 'Nats-Sequence': '4', 'Nats-Last-Sequence': '3' })
    subscribed.get('p.out.3-400.a')!(announced)
    await sleep(0)
  }
  await Promise.all([say(), say()])
  t.equal(lost.length, 0, 'the stream is where it was')
  answers[0] = stored(4, Buffer.from('x'))
  await say()
  t.equal(lost.length, 0, 'it does not look all the time')
  for (const answer of [new Error('lost'), message('', {}, 404), answers[0]]) {
    await sleep(1010)
    answers[0] = answer
    await say()
  }
  t.equal(lost.length, 2)
  subscribed.get('$JS.EVENT.ADVISORY.STREAM.DELETED.p-3-400')!(message(''))
  t.match(lost[2], /was deleted/)
})

test('a mark that is refused makes it look whether something has got lost', async t => {
  const state = { puts: 0, last: stored(9, Buffer.from('x'), Date.now() - 5000) as Msg | Error }
  const { history: one, lost } = history(t, subject => {
    if (!subject.startsWith('p.in')) return state.last
    state.puts++
    return refused(10_071, 'wrong last sequence')
  })
  await one.subscribe('a')
  const more = async () => {
    const { puts } = state
    await until(() => state.puts > puts + 1)
  }
  await more()
  t.equal(lost.length, 0, 'nothing has')
  state.last = stored(10, Buffer.from('x'))
  await more()
  t.equal(lost.length, 0, 'what has just been published is on its way')
  state.last = new Error('lost')
  await more()
  t.equal(lost.length, 0)
  state.last = stored(10, Buffer.from('x'), Date.now() - 5000)
  await until(() => lost.length > 0)
  t.match(lost[0], /announcements/)
  one.unsubscribe('a')
  one.unsubscribe('a')
})

test('of two processes that begin a topic, the second takes the position of the first', async t => {
  const answers = [message('', {}, 404), refused(10_071, 'wrong last sequence'), stored(1, encode(MESSAGE, 5, 2e12, Buffer.from('x')))]
  const { history: one } = history(t, () => answers.shift()!)
  t.match(await one.subscribe('a'), { seq: 1 })
})

const entry = (seq: number, tag = seq, time = Date.now()): Entry => {
  return { subject: 's', seq, time, data: encode(MESSAGE, tag, 2e12, Buffer.from(String(seq))) }
}

test('what is taken away while it is read is not taken for whole', async t => {
  const here = new Set<number>()
  let reads = 0
  const stream = {
    epoch: 'e',
    lastOf: async () => entry(4),
    has: async (seq: number) => here.has(seq),
    async * from () {
      if (++reads === 2) here.add(1).add(3)
      yield * [entry(1), entry(3), entry(4)]
    }
  } as unknown as Stream
  const read = () => readBehind(stream, 's', { size: 5, ttl: 1000 }, 'e-1-1', 5, Date.now)
  t.equal(await read(), null)
  t.equal((await read())!.messages.length, 2)
  here.clear()
  reads = 0
  t.equal((await readLast(stream, 's', { size: 5, ttl: 1000 }, 2, Date.now)).length, 2)
  t.equal(reads, 2)
  const empty = { ...stream, async * from () {} } as unknown as Stream
  t.equal(await readBehind(empty, 's', { size: 5, ttl: 1000 }, 'e-1-1', 5, Date.now), null)
})

test('lists in which something was replaced are read once more, but not for ever', async t => {
  let lists = 0
  const delivered = message(Buffer.from('x'), {}, 0, '$JS.ACK.d.h.p.c.1.7.1.1000000.0.r')
  const { link } = fakeLink(subject => {
    if (subject.includes('CONSUMER.CREATE')) return message({ name: 'c', num_pending: ++lists < 3 ? 2 : 1 })
    return subject.includes('NEXT') ? delivered : message({})
  })
  const stream = new Stream(link, settings, 'p')
  // The server ends the second batch.
  const converse = link.converse.bind(link)
  link.converse = (subject, bytes, call) => converse(subject, bytes, {
    ...call,
    onReply: found => call.onReply(found) && call.onReply(message('', {}, 408))
  })
  t.strictSame((await stream.all('s')).map(({ seq, time }) => [seq, time]), [[7, 1]], 'with a domain in the reply, as newer servers have it')
  t.equal(lists, 3)
  lists = -10
  t.equal((await stream.all('s')).length, 1)
  t.equal(lists, -6)
})

test('what the server refuses is told', async t => {
  const answers: Msg[] = []
  const { link } = fakeLink(() => answers[0]!)
  const stream = new Stream(link, settings, 'p')
  answers[0] = refused(10_037, 'no message found')
  t.equal(await stream.remove(1), false)
  answers[0] = refused(1, 'no')
  const calls: Array<() => Promise<unknown>> = [
    () => stream.remove(1), () => stream.put('s', Buffer.from(''), 0), () => stream.ensure({ subjects: [], max_msgs_per_subject: 1 })
  ]
  for (const call of calls) await t.rejects(call(), { code: 1 })
  answers[0] = message('', {}, 503)
  await t.rejects(stream.lastOf('s'), { code: 0 })
  await t.rejects(stream.count('s'), { code: 0 })
  const copied = new Stream(fakeLink(subject => {
    if (subject.includes('STREAM.CREATE')) return created({ subjects: [], max_msgs_per_subject: 1, num_replicas: 3 })
    return answers[0]!
  }).link, settings, 'p')
  await copied.ensure({ subjects: [], max_msgs_per_subject: 1 })
  answers[0] = message({ message: { subject: 's', seq: 1, time: new Date().toISOString() } })
  t.equal((await copied.lastOf('s'))!.data.length, 0)
  answers[0] = refused(1, 'no')
  await t.rejects(copied.lastOf('s'), { code: 1 })
  const pulled = fakeLink(subject => subject.includes('CREATE') ? message({ name: 'c', num_pending: 1 }) : message('', {}, 503))
  await t.rejects(async () => { for await (const one of new Stream(pulled.link, settings, 'p').from('s', 1)) t.fail(String(one)) }, { code: 0 })
})
