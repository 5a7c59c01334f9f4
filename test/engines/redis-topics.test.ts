import tap, { test } from 'tap'
import type { Retention } from '../../types/backplane.ts'
import { TopicKeys } from '../../lib/redis/keys.ts'
import { until } from '../support/until.ts'
import { singles } from './links.ts'
import { openNode, type RedisNode, spy, textOf } from './redis-node.ts'
import { startRedis } from './servers.ts'

const server = await startRedis(tap)
const look = spy(tap, server)

let prefixes = 0
/** Tests share a server, and nothing in it. */
const apart = () => ({ prefix: `test-${prefixes++}` })

const keep = (size: number, ttl = 60_000): Retention => ({ size, ttl })
const numbers = (count: number, from = 1) => Array.from({ length: count }, (_, i) => String(from + i))

async function read (node: RedisNode, topic: string, after: string, limit = 1000): Promise<string[] | null> {
  const found = await node.driver.read(topic, keep(5), after, limit)
  return found?.messages.map(({ bytes }) => textOf(bytes)) ?? null
}

async function last (node: RedisNode, topic: string, size: number, limit = 1000): Promise<string[]> {
  return (await node.driver.last(topic, keep(size), limit)).map(({ bytes }) => textOf(bytes))
}

for (const kind of singles) {
  test(`${kind.name}: what one process publishes, another one hears, and finds later`, async t => {
    const prefix = apart()
    const [one, two] = await Promise.all([0, 1].map(() => openNode(t, server, prefix, kind.make([server.port], { keyPrefix: 'not:', database: 3 }))))
    const places = await two!.driver.subscribe([{ topic: 'a', retention: keep(10) }, { topic: 'b', retention: null }])
    t.strictSame(places.map(place => place?.seq), [0, undefined])
    const positions = await one!.publishAll([['a', '1', keep(10)], ['b', 'x'], ['a', '2', keep(10)], ['c', '3', keep(10)]])
    t.strictSame(await two!.hears('a', 2), ['1', '2'])
    t.strictSame(await two!.hears('b', 1), ['x'])
    t.strictSame(two!.texts('c'), [])
    t.strictSame(two!.heard.map(({ place }) => place?.at ?? ''), [positions[0], positions[2], ''])
    t.strictSame(await last(one!, 'a', 10), ['1', '2'])
    t.strictSame(await read(one!, 'a', places[0]!.at), ['1', '2'])
    t.strictSame(await read(one!, 'a', positions[0]!), ['2'])
    t.strictSame(two!.states, [], 'the first up is the answer of open')
    await one!.driver.signal(Buffer.from('hello'))
    await until(() => one!.signals.length + two!.signals.length === 2)
  })
}

test('whether one message follows another', async t => {
  const node = await openNode(t, server, apart())
  const [start] = await node.driver.subscribe([{ topic: 'a', retention: keep(10) }])
  await node.publish('a', '1', keep(10))
  await node.publishAll([['a', '2', keep(10)], ['a', '3', keep(10)]])
  await node.hears('a', 3)
  const [one, two, three] = node.heard.map(({ place }) => place!)
  t.ok(node.driver.isNext(start!, one!))
  t.ok(node.driver.isNext(one!, two!))
  t.ok(node.driver.isNext(two!, three!))
  t.notOk(node.driver.isNext(one!, three!))
  t.notOk(node.driver.isNext(start!, two!))
})

test('a position stays good as long as all that follows it is kept, and no longer', async t => {
  const node = await openNode(t, server, apart())
  const [start] = await node.driver.subscribe([{ topic: 'a', retention: keep(5) }])
  t.strictSame(await read(node, 'a', start!.at), [])
  const positions = await node.publishAll(numbers(5).map(text => ['a', text, keep(5)]))
  t.strictSame(await read(node, 'a', start!.at), numbers(5), 'everything that was ever published')
  positions.push(await node.publish('a', '6', keep(5)))
  t.equal(await read(node, 'a', start!.at), null)
  t.strictSame(await read(node, 'a', positions[0]!), numbers(5, 2))
  positions.push(await node.publish('a', '7', keep(5)))
  t.equal(await read(node, 'a', positions[0]!), null)
  for (let i = 1; i < 7; i++) t.strictSame(await read(node, 'a', positions[i]!), numbers(6 - i, i + 2))
  t.strictSame(await read(node, 'a', positions[1]!, 2), ['3', '4'])
  t.strictSame(await last(node, 'a', 5), numbers(5, 3), 'never more than the size')
  t.strictSame(await last(node, 'a', 5, 2), ['6', '7'])
  const { upTo } = (await node.driver.read('a', keep(5), positions[1]!, 2))!
  t.strictSame(upTo, { seq: 4, at: positions[3] })
  t.strictSame((await node.driver.read('a', keep(5), positions[6]!, 2))!.upTo, { seq: 7, at: positions[6] })
})

test('what is no position is not found', async t => {
  const node = await openNode(t, server, apart())
  await node.driver.subscribe([{ topic: 'a', retention: keep(5) }])
  const at = await node.publish('a', '1', keep(5))
  const [epoch, seq, tag] = at.split('-')
  const wrong = [
    '', '-', '--', `${at} `, `${epoch}-${seq}`, `${epoch}-0${seq}-${tag}`, `${epoch}-2-${tag}`, `${epoch}-${seq}-1`, `${epoch}x-${seq}-${tag}`, `${epoch}-0-1`,
    `${epoch}-${seq}-${'z'.repeat(7)}`, `${epoch}-${'z'.repeat(11)}-1`, '*'
  ]
  for (const text of wrong) t.equal(await read(node, 'a', text), null, text)
  t.equal(await read(node, 'b', at), null, 'of a topic that has never been')
  t.strictSame(await last(node, 'b', 5), [])
})

test('a position outlives the messages, and is still known when others follow', async t => {
  const node = await openNode(t, server, apart())
  const first = await node.publish('a', '1', keep(3, 100))
  const second = await node.publish('a', '2', keep(3, 100))
  await until(async () => (await last(node, 'a', 3)).length === 0)
  t.strictSame(await read(node, 'a', second), [])
  t.equal(await read(node, 'a', first), null)
  await node.publishAll([['a', '3', keep(3)], ['a', '4', keep(3)]])
  t.strictSame(await read(node, 'a', second), ['3', '4'])
  t.equal(await read(node, 'a', first), null)
  t.strictSame(await last(node, 'a', 3), ['3', '4'], 'what stands for the last message is none')
  await node.publishAll([['a', '5', keep(3)], ['a', '6', keep(3)]])
  t.equal(await read(node, 'a', second), null)
})

test('messages expire with their ttl, what is known of the topic later', async t => {
  const prefix = apart()
  const node = await openNode(t, server, prefix)
  await node.publish('a', '1', keep(3, 10_000), 'id')
  const [meta, stream, ids] = await Promise.all(['m', 's', 'i'].map(async kind => {
    const [key] = await look.keys(`${prefix.prefix}:*:${kind}:a`)
    return key!
  }))
  const between = async (key: string, low: number, high: number) => {
    const ttl = await look.pttl(key)
    t.ok(ttl > low && ttl <= high, `${key} ${ttl}`)
  }
  await between(stream!, 5000, 10_000)
  await between(ids!, 5000, 10_000)
  await between(meta!, 14 * 60_000, 15 * 60_000 + 10_000)
  await node.publish('a', '2', keep(3, 3_600_000))
  for (const key of [stream!, ids!]) await between(key, 3_590_000, 3_600_000)
  await between(meta!, 74 * 60_000, 75 * 60_000)
  await look.hset(meta!, 'x', 0)
  await look.pexpire(meta!, 1000)
  await node.driver.subscribe([{ topic: 'a', retention: keep(3, 3_600_000) }])
  await between(meta!, 74 * 60_000, 75 * 60_000)
})

test('what was published with an id is not published again while it is kept', async t => {
  const node = await openNode(t, server, apart())
  await node.driver.subscribe([{ topic: 'a', retention: keep(3) }])
  const [one, again, two, empty, empty2] = await node.publishAll([
    ['a', '1', keep(3), 'id'], ['a', 'again', keep(3), 'id'], ['a', '2', keep(3)], ['a', '3', keep(3), ''], ['a', 'again', keep(3), '']
  ])
  t.equal(again, one)
  t.equal(empty2, empty)
  t.not(two, one)
  t.equal(await node.publish('a', 'again', keep(3), 'id'), one)
  t.strictSame(await last(node, 'a', 3), ['1', '2', '3'])
  await node.publish('a', '4', keep(3))
  t.not(await node.publish('a', '5', keep(3), 'id'), one, 'the first has made room')
  t.strictSame(await node.hears('a', 5), numbers(5))
  const five = await node.publish('a', 'again', keep(3), 'id')
  await node.publishAll([['a', '6', keep(3)], ['a', '7', keep(3)]])
  t.equal(await node.publish('a', 'again', keep(3), 'id'), five, 'an id belongs to the last message that has it')
  await node.publish('a', '8', keep(3))
  t.not(await node.publish('a', '9', keep(3), 'id'), five)
  t.strictSame(await last(node, 'a', 3), ['7', '8', '9'])
})

test('ids whose messages have been lost are of no use', async t => {
  const prefix = apart()
  const node = await openNode(t, server, prefix)
  await node.publish('a', '1', keep(3), 'id')
  await look.del(...await look.keys(`${prefix.prefix}:*:s:a`))
  await node.publish('a', '2', keep(3), 'id')
  t.strictSame(await last(node, 'a', 3), ['2'])
})

test('what is known of a topic is lost alone: its messages go too', async t => {
  const prefix = apart()
  const node = await openNode(t, server, prefix)
  const before = await node.publishAll(numbers(3).map(text => ['a', text, keep(5), text]))
  await look.del(...await look.keys(`${prefix.prefix}:*:m:a`))
  t.strictSame(await last(node, 'a', 5), [])
  t.equal(await read(node, 'a', before[2]!), null)
  const [place] = await node.driver.subscribe([{ topic: 'a', retention: keep(5) }])
  t.equal(place!.seq, 0)
  const after = await node.publishAll(numbers(3, 4).map(text => ['a', text, keep(5), '1']))
  t.equal(new Set(after).size, 1)
  t.strictSame(await last(node, 'a', 5), ['4'])
  for (const at of before) t.equal(await read(node, 'a', at), null)
  t.strictSame(await read(node, 'a', place!.at), ['4'])
})

test('its messages are lost alone: only the last position is still good', async t => {
  const prefix = apart()
  const node = await openNode(t, server, prefix)
  const before = await node.publishAll(numbers(3).map(text => ['a', text, keep(5)]))
  await look.del(...await look.keys(`${prefix.prefix}:*:s:a`))
  t.equal(await read(node, 'a', before[1]!), null)
  t.strictSame(await read(node, 'a', before[2]!), [])
  await node.publish('a', '4', keep(5))
  t.equal(await read(node, 'a', before[1]!), null)
  t.strictSame(await read(node, 'a', before[2]!), ['4'])
})

test('an entry is lost: nothing is told with a gap', async t => {
  const prefix = apart()
  const node = await openNode(t, server, prefix)
  const positions = await node.publishAll(numbers(3).map(text => ['a', text, keep(5)]))
  const [stream] = await look.keys(`${prefix.prefix}:*:s:a`)
  const entries = await look.xrange(stream!, '-', '+')
  await look.xdel(stream!, entries[2]![0])
  t.equal(await read(node, 'a', positions[0]!), null)
  t.strictSame(await read(node, 'a', positions[0]!, 1), ['2'])
})

test('an older state uses numbers again: no position of the lost ones is good', async t => {
  const prefix = apart()
  const node = await openNode(t, server, prefix)
  await node.driver.subscribe([{ topic: 'a', retention: keep(10) }])
  const kept = await node.publishAll(numbers(3).map(text => ['a', text, keep(10)]))
  const keys = await look.keys(`${prefix.prefix}:*:a`)
  const dumps = await Promise.all(keys.map(key => look.dumpBuffer(key)))
  const lost = await node.publishAll(numbers(3, 4).map(text => ['a', text, keep(10)]))
  for (const [i, key] of keys.entries()) await look.restore(key, 60_000, dumps[i]!, 'REPLACE')
  for (const at of lost) t.equal(await read(node, 'a', at), null)
  t.strictSame(await read(node, 'a', kept[2]!), [])
  const again = await node.publishAll(['A', 'B', 'C'].map(text => ['a', text, keep(10)]))
  for (const at of lost) t.equal(await read(node, 'a', at), null)
  t.strictSame(await read(node, 'a', kept[2]!), ['A', 'B', 'C'])
  await node.hears('a', 9)
  const heard = node.heard.map(({ place }) => place!)
  t.equal(heard[6]!.seq, heard[3]!.seq)
  t.notOk(node.driver.isNext(heard[5]!, heard[6]!))
  t.ok(node.driver.isNext(heard[2]!, heard[6]!))
  t.strictSame(again.map(at => at.split('-')[1]), lost.map(at => at.split('-')[1]))
})

test('numbers become large', async t => {
  const prefix = apart()
  const node = await openNode(t, server, prefix)
  await node.driver.subscribe([{ topic: 'a', retention: keep(3) }])
  const [meta] = await look.keys(`${prefix.prefix}:*:m:a`)
  const seq = Number.MAX_SAFE_INTEGER - 5
  await look.hset(meta!, 's', String(seq), 't', '7')
  const positions = await node.publishAll(numbers(3).map(text => ['a', text, keep(3)]))
  t.strictSame(positions.map(at => parseInt(at.split('-')[1]!, 36)), [1, 2, 3].map(i => seq + i))
  await node.hears('a', 3)
  t.strictSame(node.heard.map(({ place }) => place!.seq), [1, 2, 3].map(i => seq + i))
  t.strictSame(await read(node, 'a', positions[0]!), ['2', '3'])
  t.strictSame((await node.driver.last('a', keep(3), 3)).map(({ seq }) => seq), [1, 2, 3].map(i => seq + i))
})

test('names are any text, and topics are apart', async t => {
  const names = [
    'a', 'A', ' ', '\n', '\0', '*', '{a}', '{1}', ':', 'c:a', '~', '~YQA', '\ud800', '\udc00', 'a\ud800', '\ufffd', 'ä', '❤', '😀', '__proto__',
    'x'.repeat(255), '❤'.repeat(255), '\ud800'.repeat(255)
  ]
  const node = await openNode(t, server, apart())
  await node.driver.subscribe(names.map(topic => ({ topic, retention: keep(2) })))
  await node.publishAll(names.map(name => [name, `to ${escape(name)}`, keep(2), name]))
  await until(() => node.heard.length === names.length)
  t.strictSame(node.heard.map(({ topic }) => topic), names)
  for (const name of names) {
    t.equal(await node.driver.join(name, { id: name, info: '1' }), true)
    t.strictSame(await last(node, name, 2), [`to ${escape(name)}`])
    t.strictSame(await node.driver.members(name), [{ id: name, info: '1' }])
  }
  node.driver.unsubscribe(names)
  await node.publishAll(names.map(name => [name, 'not heard']))
  t.equal(node.heard.length, names.length)
})

test('messages are any bytes, none or many', async t => {
  const node = await openNode(t, server, apart())
  await node.driver.subscribe([{ topic: 'a', retention: keep(10) }, { topic: 'b', retention: null }])
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  const messages = [Buffer.alloc(0), all, new Uint8Array(all).subarray(5, 15), Buffer.alloc(6 * 1024 * 1024, 'x'), Buffer.from('1 - 1\nx')]
  const heard: Buffer[] = []
  node.onMessage = (_, bytes) => { heard.push(Buffer.from(bytes)) }
  for (const retention of [keep(10), null]) {
    for (const bytes of messages) await node.publish(retention === null ? 'b' : 'a', bytes, retention)
    await until(() => heard.length === messages.length)
    t.ok(messages.every((bytes, i) => heard[i]!.equals(bytes)))
    heard.length = 0
  }
  const kept = await node.driver.last('a', keep(10), 10)
  t.ok(messages.every((bytes, i) => Buffer.from(kept[i]!.bytes).equals(bytes)))
})

test('one order, however many are published at once and in which topics', async t => {
  const node = await openNode(t, server, apart())
  await node.driver.subscribe(['a', 'b', 'c'].map(topic => ({ topic, retention: topic === 'c' ? null : keep(5000) })))
  const calls = []
  for (let i = 0; i < 20; i++) {
    calls.push(node.publishAll(numbers(150, 1 + i * 150).map(text => {
      const topic = ['a', 'b', 'c'][Number(text) % 3]!
      return [topic, text, topic === 'c' ? null : keep(5000), Number(text) % 7 === 0 ? text : null]
    })))
  }
  const positions = (await Promise.all(calls)).flat()
  for (const [i, topic] of ['a', 'b', 'c'].entries()) {
    const expected = numbers(3000).filter(text => Number(text) % 3 === i)
    t.strictSame(await node.hears(topic, 1000), expected)
    const heard = node.heard.filter(one => one.topic === topic)
    t.strictSame(heard.map(({ place }) => place?.at ?? ''), positions.filter((_, j) => (j + 1) % 3 === i))
    if (topic !== 'c') t.strictSame(await last(node, topic, 5000, 5000), expected)
  }
})

test('another retention for the same topic, in the same call', async t => {
  const node = await openNode(t, server, apart())
  await node.driver.subscribe([{ topic: 'a', retention: keep(3) }])
  await node.publishAll([['a', '1', keep(3)], ['a', '2', null], ['a', '3', keep(3)], ['a', '4', keep(2)], ['a', '5', keep(2)], ['a', '6', null]])
  t.strictSame(await node.hears('a', 6), numbers(6))
  t.strictSame(await last(node, 'a', 10), ['3', '4', '5'])
})

test('ten thousand topics are subscribed to at once, and left', async t => {
  const prefix = { ...apart(), deadline: 4900 }
  const node = await openNode(t, server, prefix)
  const topics = numbers(10_000).map(topic => ({ topic, retention: Number(topic) % 2 === 0 ? keep(3) : null }))
  const places = await node.driver.subscribe(topics)
  t.ok(places.every((place, i) => (place === null) === (topics[i]!.retention === null)))
  for (let i = 0; i < 10_000; i += 500) {
    await node.publishAll(topics.slice(i, i + 500).map(({ topic, retention }) => [topic, 'hi', retention]))
  }
  await until(() => node.heard.length === 10_000)
  t.equal(new Set(node.heard.map(({ topic }) => topic)).size, 10_000)
  const channels = async () => (await look.pubsub('CHANNELS', `${prefix.prefix}:*:c:*`) as string[]).length
  t.equal(await channels(), 10_000)
  node.driver.unsubscribe(topics.map(({ topic }) => topic))
  await until(async () => await channels() === 0)
})

test('unsubscribed and subscribed at once: nothing is missed from there on', async t => {
  const [node, other] = [await openNode(t, server, { prefix: 'race' }), await openNode(t, server, { prefix: 'race' })]
  await node.driver.subscribe([{ topic: 'a', retention: null }])
  for (const text of numbers(200)) {
    node.driver.unsubscribe(['a', 'never subscribed'])
    if (Number(text) % 2 === 0) await Promise.all([0, 1].map(() => node.driver.subscribe([{ topic: 'a', retention: null }])))
    else await node.driver.subscribe([{ topic: 'a', retention: null }])
    await other.publish('a', text)
  }
  t.strictSame(await node.hears('a', 200), numbers(200))
})

test('a topic that is subscribed to twice is told where it stands, and announced once', async t => {
  const node = await openNode(t, server, apart())
  const topic = { topic: 'a', retention: keep(3) }
  const [first] = await node.driver.subscribe([topic])
  await node.publish('a', '1', keep(3))
  const [second] = await node.driver.subscribe([topic])
  t.strictSame([first!.seq, second!.seq], [0, 1])
  await node.publish('a', '2', keep(3))
  t.strictSame(await node.hears('a', 2), ['1', '2'])
})

test('announcements of other versions, and what is none, are not heard', async t => {
  const prefix = apart()
  const node = await openNode(t, server, prefix)
  await node.driver.subscribe([{ topic: 'a', retention: null }])
  const [channel] = await look.pubsub('CHANNELS', `${prefix.prefix}:*:c:a`) as string[]
  for (const payload of ['', '\n', '2 - 1\nx', '1 - 2\nx', '1 - x\nx', 'hello', '1 -\n', '1 - 1\nx']) await look.publish(channel!, payload)
  await look.publish(`${prefix.prefix}:{0}:signals`, 'nonsense')
  t.strictSame(await node.hears('a', 1), ['x'])
  t.strictSame(node.signals, [])
})

test('what is known of topics that are subscribed to is renewed, although nothing is published', async t => {
  const { setInterval } = globalThis
  let renew: (() => void) | null = null
  globalThis.setInterval = ((run: () => void, milliseconds: number) => {
    if (milliseconds === 300_000) renew = run
    return setInterval(run, milliseconds)
  }) as typeof setInterval
  t.teardown(() => { globalThis.setInterval = setInterval })
  const prefix = apart()
  const node = await openNode(t, server, prefix)
  await node.driver.subscribe([{ topic: 'a', retention: keep(3) }, { topic: 'b', retention: keep(3) }, { topic: 'c', retention: null }])
  node.driver.unsubscribe(['b'])
  const [a, b] = ['a', 'b'].map(topic => new TopicKeys(prefix.prefix, topic).meta)
  for (const key of [a!, b!]) await look.pexpire(key, 10_000)
  renew!()
  await until(async () => await look.pttl(a!) > 900_000)
  t.ok(await look.pttl(b!) <= 10_000, 'but not of others')
  await node.driver.close()
  renew!()
})
