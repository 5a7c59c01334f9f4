import { nats } from 'fastify-sockets/nats'
import { type Test, test } from 'tap'
import { Clock } from '../../lib/nats/clock.ts'
import { FollowedTopic } from '../../lib/nats/followed.ts'
import { decode, encode, MARK, MESSAGE, newTag, positionOf, tagOf, textOf } from '../../lib/nats/frame.ts'
import { entryOf } from '../../lib/nats/member-entry.ts'
import { kindOf, Subjects, token } from '../../lib/nats/subjects.ts'
import { within } from '../../lib/nats/within.ts'
import { until } from '../support/until.ts'

test('any text is one token, and another text another one', async t => {
  const texts = [
    '', ' ', '=', '==', '=0020', 'a', 'A', 'a.b', 'a*', '*', '>', '$', '/rooms/a', 'ä', '\ud800', '\ud801', '\udc00', '\0', '\r\n', 'x'.repeat(2000), 'x'.repeat(2001),
    '❤'.repeat(255), '❤'.repeat(260), 'constructor', '%2F'
  ]
  for (const text of texts) {
    t.match(token(text), /^[^\s.*>\0-\x20\x7f]+$/)
    t.ok(token(text).length <= 1300)
  }
  t.equal(new Set(texts.map(token)).size, texts.length)
  t.equal(token('/rooms/a-b_1:2'), '/rooms/a-b_1:2', 'most can be read')
  const subjects = new Subjects('p')
  t.equal(subjects.announced(kindOf({ size: 5, ttl: 1000 }), token('a b')), 'p.out.5-1000.a=0020b')
})

test('a frame is what it was, and other versions are ignored', async t => {
  const bytes = Buffer.from('hello')
  for (const kind of [MESSAGE, MARK] as const) {
    t.match(decode(encode(kind, 2 ** 48 - 1, 1234.5, bytes)), { kind, tag: 2 ** 48 - 1, deadline: 1235, bytes })
  }
  const frame = encode(MESSAGE, 1, 1, bytes)
  t.equal(decode(frame.subarray(0, 13)), null)
  frame[0] = 2
  t.equal(decode(frame), null)
  frame[0] = 1
  frame[1] = 2
  t.equal(decode(frame), null)
  t.ok(Number.isSafeInteger(tagOf(frame)))
  const tags = Array.from({ length: 5000 }, newTag)
  t.equal(new Set(tags).size, 5000)
})

test('a position is only its own text', async t => {
  const at = textOf('e1', { seq: 46, tag: 2 ** 48 - 1 })
  t.strictSame(positionOf(at, 'e1'), { seq: 46, tag: 2 ** 48 - 1 })
  for (const text of ['', 'e1', 'e1-', 'e1-1', 'e1-1-', 'e1-1-1-1', 'e1-01-1', 'e1-1-1 ', 'e1-1.5-1', 'e1-zzzzzzzzzzzzz-1', 'e2-1-1', `e1-1-${'1'.repeat(64)}`]) {
    t.equal(positionOf(text, 'e1'), null, text)
  }
})

test('options are checked', async t => {
  t.throws(() => nats({ publish () {} } as {}), { message: /opens a connection of its own/ })
  for (const connection of [null, 'nats://localhost', 1]) t.throws(() => nats(connection as unknown as {}), TypeError)
  const wrong = [
    { prefix: '' }, { prefix: 'a.b' }, { prefix: 'a b' }, { prefix: 'x'.repeat(65) }, { prefix: 1 }, { deadline: 0 }, { deadline: 4001 }, { deadline: 1.5 }, { lease: 0 },
    { lease: '1000' }, { grace: NaN }, { margin: -1 }, { storage: 'disk' }, { replicas: 0 }, { replicas: 6 }, { apiPrefix: '' }, { apiPrefix: '$JS.>' }, { apiPrefix: 1 }
  ]
  for (const options of wrong) t.throws(() => nats({}, options as {}), { message: new RegExp(Object.keys(options)[0]!) }, JSON.stringify(options))
  const backplane = nats(() => ({}), { prefix: 'a-b_1', deadline: 100, lease: 100, grace: 100, margin: 100, storage: 'memory', replicas: 3, apiPrefix: '$JS.hub.API' })
  t.equal(backplane.name, 'nats')
  t.not(backplane.create(), backplane.create())
})

test('what is no entry of a member is ignored', async t => {
  for (const text of ['', '{', '1', 'null', '{"v":2}', '{"v":1,"topic":"a","id":"b","nodes":[]}', '{"v":1}']) {
    t.strictSame(entryOf({ subject: 'a', seq: 1, time: 1, data: Buffer.from(text) }), [], text)
  }
})

test('a call ends in time', async t => {
  t.equal(await within(1000, async () => 1), 1)
  const hold = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(hold))
  await t.rejects(within(10, () => new Promise(() => {})), { message: /too long/ })
})

function followed (t: Test) {
  // Its timers do not keep the process alive.
  const hold = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(hold))
  const clock = new Clock(4000)
  const told: string[] = []
  const topic = new FollowedTopic('s', 'e', clock, {
    onMessage: (bytes, { seq, prev }) => { told.push(`${Buffer.from(bytes)} ${seq} ${prev}`) },
    onGap: () => { told.push('gap') },
    onOld: () => { told.push('old') }
  })
  const say = (seq: number, prev: number, data: Uint8Array = encode(MESSAGE, seq, clock.deadline(), Buffer.from(`m${seq}`))) => {
    const values: Record<string, string> = { 'Nats-Sequence': String(seq), 'Nats-Last-Sequence': String(prev) }
    topic.onAnnounced({ headers: { last: (name: string) => values[name] ?? '' }, data } as never)
  }
  const mark = (seq: number, prev: number, stands: string) => say(seq, prev, encode(MARK, seq, 0, Buffer.from(stands)))
  return { topic, told, say, mark }
}

test('what is announced in another order is told in the order of the stream', async t => {
  const { topic, told, say, mark } = followed(t)
  say(12, 11)
  say(9, 8)
  t.strictSame(told, [], 'nothing before it is known where the topic stands')
  topic.begin(9, { seq: 9, tag: 9 }, 0)
  t.strictSame(told, [])
  say(13, 12)
  say(11, 9)
  t.strictSame(told, ['m11 11 e-9-9', 'm12 12 e-b-b', 'm13 13 e-c-c'])
  say(12, 11)
  t.equal(told.pop(), 'old')
  mark(20, 13, textOf('', { seq: 13, tag: 13 }))
  mark(25, 20, textOf('', { seq: 13, tag: 13 }))
  say(30, 25)
  t.equal(told.pop(), 'm30 30 e-d-d', 'a mark stands for the message before it')
  topic.begin(20, { seq: 20, tag: 20 }, 0)
  t.equal(topic.last, 30, 'there is no way back')
})

test('what does not come is a gap', async t => {
  const { topic, told, say, mark } = followed(t)
  topic.begin(1, { seq: 1, tag: 1 }, 0)
  say(5, 4)
  say(3, 2)
  await until(() => told.length === 2)
  t.strictSame(told, ['m3 3 ', 'm5 5 '])
  say(6, 5, Buffer.from('another version'))
  say(7, 6)
  t.match(told.pop(), /^m7 7 e-6-/)
  mark(8, 7, textOf('', { seq: 6, tag: 6 }))
  t.equal(told.pop(), 'gap', 'a mark that stands for something else')
  mark(9, 8, 'nonsense')
  t.equal(topic.place?.seq, 9)
  for (let i = 0; i <= 1000; i++) say(100 + 2 * i, 99 + 2 * i)
  t.equal(told.filter(one => one.endsWith(' ')).length, 1003, 'only so many wait')
  say(5000, 4998)
  topic.close()
})

test('what comes very late must be read', async t => {
  const { topic, told, say } = followed(t)
  topic.begin(1, { seq: 1, tag: 1 }, 0)
  say(2, 1, encode(MESSAGE, 2, Date.now() - 1000, Buffer.from('late')))
  t.strictSame(told, ['late 2 '])
  topic.onAnnounced({ data: Buffer.from('x') } as never)
  t.equal(told.length, 1, 'what has no numbers is none of ours')
})
