import type { Msg } from '@nats-io/transport-node'
import { type Test, test } from 'tap'
import { DriverProcess } from '../../lib/backplane-tests/driver-setting.ts'
import { sleep } from '../../lib/backplane-tests/waiting.ts'
import { Clock } from '../../lib/nats/clock.ts'
import { encode, MESSAGE } from '../../lib/nats/frame.ts'
import { History } from '../../lib/nats/history.ts'
import { Leases } from '../../lib/nats/leases.ts'
import type { Call, Link } from '../../lib/nats/link.ts'
import { add, remove } from '../../lib/nats/member-entry.ts'
import { Members } from '../../lib/nats/members.ts'
import { nats } from '../../lib/nats/index.ts'
import { settle } from '../../lib/nats/options.ts'
import { readBehind, readLast } from '../../lib/nats/reading.ts'
import { type Entry, Stream } from '../../lib/nats/stream.ts'
import { Subjects } from '../../lib/nats/subjects.ts'
import { until } from '../support/until.ts'
import { startNats } from './servers.ts'

const settings = settle({}, { prefix: 'p', margin: 400 })
const subjects = new Subjects('p')
const KEEP = { size: 3, ttl: 400 }

/** A message as the server sends it. */
function message (data: unknown, values: Record<string, string> = {}, code = 0, reply = ''): Msg {
  const bytes = data instanceof Uint8Array ? data : Buffer.from(data === '' ? '' : JSON.stringify(data))
  return { data: bytes, subject: 's', reply, headers: { code, last: (name: string) => values[name] } } as unknown as Msg
}

const created = (config: object) => message({ created: '2026-11-30T00:00:00Z', config: { num_replicas: 1, ...config } })
const refused = (code: number, description: string) => message({ error: { err_code: code, description } })
const stored = (seq: number, data: Uint8Array, time = Date.now()) => {
  return message(data, { 'Nats-Subject': 's', 'Nats-Sequence': String(seq), 'Nats-Time-Stamp': new Date(time).toISOString() })
}

type Answer = (subject: string, body: Record<string, never>) => Msg | Error | Promise<Msg>

/** A connection whose server answers as a test says. */
function fakeLink (answer: Answer) {
  const lost: Error[] = []
  const subscribed = new Map<string, (message: Msg) => void>()
  const request = async (subject: string, bytes: Uint8Array = new Uint8Array(0)) => {
    const found = await answer(subject, bytes[0] === 123 ? JSON.parse(Buffer.from(bytes).toString()) as Record<string, never> : {})
    if (found instanceof Error) throw found
    return found
  }
  const publish = async (subject: string, bytes: Uint8Array, call: Call | null) => {
    try {
      const reply = await request(subject, bytes)
      call?.onReply(reply)
    } catch (error) {
      call?.onFailed(error as Error)
    }
  }
  const link = {
    request,
    publish: (subject: string, bytes: Uint8Array, call: Call | null = null) => { void publish(subject, bytes, call) },
    converse: (subject: string, bytes: Uint8Array, call: Call) => { void publish(subject, bytes, call) },
    subscribe: (subject: string, onMessage: (message: Msg) => void) => {
      subscribed.set(subject, onMessage)
      return { unsubscribe () {} }
    },
    lose: (error: Error) => { lost.push(error) }
  }
  return { link: link as unknown as Link, lost, subscribed }
}

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

test('a member that others change all the time is given up in time', async t => {
  const { link } = fakeLink(subject => subject.startsWith('p.') ? refused(10_071, 'wrong last sequence') : message('', {}, 404))
  const stream = new Stream(link, settings, 'p')
  await t.rejects(add(stream, 'p.member.a.b', 'a', { id: 'b', info: '' }, 'n', performance.now() + 20), { message: /too many/ })
  const busy = {
    lastOf: async () => ({ ...entry(1), data: Buffer.from('{"v":1,"topic":"a","id":"b","nodes":[["n",""]]}') }), remove: async () => false
  } as unknown as Stream
  await t.rejects(remove(busy, 's', () => true, performance.now() + 20), { message: /too many/ })
  const leases = new Leases({ put: async () => null } as unknown as Stream, subjects, settings, new Clock(4000))
  await t.rejects(leases.renew(null), { message: /only just/ })
  const strange = new Leases({ all: async () => [{ ...entry(1), subject: 'p.node.x' }] } as unknown as Stream, subjects, settings, new Clock(4000))
  t.match(await strange.all(), [{ node: 'x', milliseconds: Infinity }], 'what is no lease is never over')
})

test('a driver that is closed before it is open, or while it opens, stays closed', async t => {
  const driver = nats(async () => {
    await driver.close()
    return { servers: '127.0.0.1:1' }
  }).create()
  await t.rejects(driver.open(new DriverProcess(driver, sleep, KEEP)))
  await t.rejects(driver.count('a'), { message: /closed/ })
  await t.rejects(nats({}).create().count('a'), { message: /new/ })
  const members = new Members(settings, subjects, new Clock(4000))
  await members.close()
  await t.rejects(members.list('a'), { message: /no connection/ })
})

/** Members of a process whose server answers as a test says. */
async function members (t: Test, answer: Answer) {
  const fake = fakeLink((subject, body) => subject.includes('STREAM.CREATE') ? created(body) : answer(subject, body))
  const one = new Members({ ...settings, lease: 150 }, subjects, new Clock(4000))
  const hold = setInterval(() => {}, 1000)
  t.teardown(() => {
    clearInterval(hold)
    one.detach()
  })
  await one.attach(fake.link)
  return { ...fake, members: one }
}

test('a heartbeat that fails is no secret', async t => {
  const state = { isFull: false }
  const { lost } = await members(t, subject => {
    if (subject.includes('CONSUMER.CREATE')) return state.isFull ? refused(10_023, 'insufficient resources') : message({ name: 'c', num_pending: 0 })
    return subject.includes('DIRECT') ? stored(1, Buffer.from('x')) : message({ seq: 1 })
  })
  t.equal(lost.length, 0)
  state.isFull = true
  await until(() => lost.length > 0)
  t.match(lost[0], /insufficient/)
})

for (const isForgotten of [false, true]) test(`who leaves while its process ${isForgotten ? 'joins it again' : 'looks after it'} is left alone`, async t => {
  const state = { isForgotten: false, fails: false }
  const held: Array<() => void> = []
  const { members: one, lost } = await members(t, (subject, body) => {
    if (subject.includes('CONSUMER.CREATE')) return message({ name: 'c', num_pending: 0 })
    if (subject.includes('DIRECT')) return String(body.last_by_subj).includes('.member.') ? message('', {}, 404) : stored(1, Buffer.from('x'))
    if (!subject.startsWith('p.member.')) {
      const isForgotten = state.isForgotten
      state.isForgotten = false
      return isForgotten ? refused(10_071, 'wrong last sequence') : message({ seq: 1 })
    }
    if (state.fails) return new Error('lost')
    return held.length === 0 ? message({ seq: 1 }) : new Promise(resolve => { held.push(() => resolve(message({ seq: 1 }))) })
  })
  await one.join('a', { id: 'ann', info: '1' })
  state.fails = true
  await t.rejects(one.join('a', { id: 'bob', info: '1' }), { message: 'lost' })
  state.fails = false
  // From now on, what is said of members waits; then the process is taken for gone.
  held.push(() => {})
  const joining = one.join('a', { id: 'ann', info: '2' })
  const again = one.join('a', { id: 'bob', info: '2' })
  const leaving = [one.leave('a', 'ann'), one.leave('a', 'bob')]
  state.isForgotten = isForgotten
  await until(() => !state.isForgotten)
  await sleep(200)
  for (const go of held) go()
  await Promise.all([joining, again, ...leaving])
  await sleep(100)
  t.strictSame(lost, [])
})

test('a connection that is lost while it is opened is none', async t => {
  const { attach } = Members.prototype
  t.teardown(() => { Members.prototype.attach = attach })
  Members.prototype.attach = async link => link.lose(new Error('lost'))
  const server = await startNats(t, { jetStream: false })
  const driver = nats({ servers: `127.0.0.1:${server.port}` }).create()
  await t.rejects(driver.open(new DriverProcess(driver, sleep, KEEP)), { message: /was lost/ })
})
