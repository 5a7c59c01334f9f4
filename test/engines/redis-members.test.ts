import tap, { type Test, test } from 'tap'
import type { RedisClient } from '../../lib/redis/index.mts'
import { Keys, TopicKeys } from '../../lib/redis/keys.ts'
import { Members } from '../../lib/redis/members.ts'
import { until } from '../support/until.ts'
import { clientOf, openNode, RedisNode, spy } from './redis-node.ts'
import { startRedis } from './servers.ts'

const server = await startRedis(tap)
const look = spy(tap, server)

let prefixes = 0
const apart = () => ({ prefix: `test-${prefixes++}`, lease: 600, grace: 300 })

const ann = { id: 'ann', info: '{"name":"Ann"}' }
const bob = { id: 'bob', info: '' }

const members = async (node: RedisNode, topic: string) => (await node.driver.members(topic)).map(({ id }) => id)

/** A client whose connections can be cut for as long as a test wants. */
function cuttable () {
  const client = clientOf(server)
  const copies = new Set<ReturnType<typeof clientOf>>()
  let isCut = false
  return {
    client: {
      callBuffer () {},
      duplicate (options: object) {
        if (isCut) throw new Error('cut')
        const copy = client.duplicate(options)
        copies.add(copy)
        return copy
      }
    } as RedisClient,
    cut () {
      isCut = true
      for (const copy of copies) copy.disconnect()
    },
    mend () {
      isCut = false
    }
  }
}

test('members are in several processes, each told once', async t => {
  const options = apart()
  const [one, two] = [await openNode(t, server, options), await openNode(t, server, options)]
  t.equal(await one.driver.join('a', ann), true)
  t.equal(await two.driver.join('a', { id: 'ann', info: '2' }), false)
  t.equal(await two.driver.join('a', bob), true)
  t.equal(await two.driver.join('b', ann), true)
  t.strictSame(await one.driver.members('a'), [{ id: 'ann', info: '2' }, bob], 'what was told last')
  t.equal(await one.driver.count('a'), 2)
  t.equal(await one.driver.leave('a', 'ann'), false)
  t.equal(await one.driver.leave('a', 'ann'), false)
  t.equal(await one.driver.leave('a', 'bob'), false, 'it is not here')
  t.equal(await two.driver.leave('a', 'ann'), true)
  t.strictSame(await members(one, 'a'), ['bob'])
  t.equal(await two.driver.leave('a', 'bob'), true)
  t.equal(await two.driver.leave('b', 'ann'), true)
  t.equal(await one.driver.count('a'), 0)
  t.strictSame((await look.keys(`${options.prefix}:*`)).filter(key => !key.endsWith(':nodes')), [], 'nothing is left')
})

test('members come in the order in which they joined', async t => {
  const node = await openNode(t, server, apart())
  const ids = Array.from({ length: 30 }, (_, i) => String(30 - i))
  for (const id of ids) await node.driver.join('a', { id, info: '' })
  await node.driver.join('a', { id: '15', info: '1' })
  t.strictSame(await members(node, 'a'), ids)
  await node.driver.leave('a', '30')
  await node.driver.join('a', { id: '30', info: '1' })
  t.strictSame(await members(node, 'a'), [...ids.slice(1), '30'])
})

test('a process that is not heard of any more: its members are gone, told once, and no others', async t => {
  const options = apart()
  const line = cuttable()
  const lost = await openNode(t, server, options, line.client)
  const others = [await openNode(t, server, options), await openNode(t, server, options)]
  for (let i = 0; i < 300; i++) await lost.driver.join(`topic ${i % 100}`, { id: String(i), info: `"${i}"` })
  await lost.driver.join('a', ann)
  await others[0]!.driver.join('a', { ...ann, info: 'here too' })
  await others[1]!.driver.join('topic 1', bob)
  const start = performance.now()
  line.cut()
  const told = () => others.flatMap(({ gone }) => gone)
  await until(() => told().length >= 300)
  t.ok(performance.now() - start > 300, 'not before the lease is over')
  t.equal(new Set(told().map(([topic, { id }]) => `${topic} ${id}`)).size, 300)
  t.strictSame(told().filter(([topic, { id, info }]) => topic !== `topic ${Number(id) % 100}` || info !== `"${id}"`), [])
  t.strictSame(await members(others[0]!, 'a'), ['ann'])
  t.strictSame(await members(others[0]!, 'topic 1'), ['bob'])
  t.equal(await others[0]!.driver.count('topic 2'), 0)

  line.mend()
  await until(() => lost.state === 'up')
  await until(() => lost.back.length >= 300)
  t.strictSame(lost.back.map(([topic, { id }]) => `${topic} ${id}`).sort(), told().map(([topic, { id }]) => `${topic} ${id}`).sort())
  t.equal(await others[0]!.driver.count('topic 2'), 3)
  t.equal(await lost.driver.leave('topic 1', '1'), true)
  t.equal(await lost.driver.leave('a', 'ann'), false)
  t.equal(await others[0]!.driver.leave('a', 'ann'), true)
  await until(async () => await look.zcard(`${options.prefix}:{0}:gone`) === 0, 'nothing is left of the old name')
  t.equal(told().length, 300)
})

test('a process that is cut off for less than its lease loses no member', async t => {
  const options = { ...apart(), lease: 20_000 }
  const line = cuttable()
  const node = await openNode(t, server, options, line.client)
  await node.driver.join('a', ann)
  line.cut()
  await until(() => node.state === 'down')
  await t.rejects(node.driver.leave('a', 'ann'), /not connected/)
  await t.rejects(node.driver.leave('a', 'nobody'), /not connected/)
  await t.rejects(node.driver.join('a', bob), /not connected/)
  line.mend()
  await until(() => node.gone.length === 1, 'who was to leave has left')
  t.strictSame(node.gone, [['a', ann]])
  t.equal(await node.driver.count('a'), 0)
  t.strictSame(node.back, [])
})

test('who leaves during an outage and joins again behind it stays', async t => {
  const options = { ...apart(), lease: 20_000 }
  const line = cuttable()
  const node = await openNode(t, server, options, line.client)
  await node.driver.join('a', ann)
  line.cut()
  await until(() => node.state === 'down')
  await t.rejects(node.driver.leave('a', 'ann'))
  line.mend()
  await until(async () => node.driver.join('a', ann).then(() => true, () => false))
  await until(() => node.state === 'up')
  await node.driver.leave('a', 'nobody')
  t.ok((await members(node, 'a')).includes('ann'))
})

test('FLUSHALL: members join again by themselves', async t => {
  const own = await startRedis(t)
  const node = await openNode(t, own, apart())
  await node.driver.join('a', ann)
  await node.driver.join('b', bob)
  await spy(t, own).flushall()
  await until(() => node.back.length === 2)
  t.strictSame(node.back, [['a', ann], ['b', bob]])
  t.strictSame(await node.driver.members('a'), [ann])
  t.strictSame(node.states, [])
})

test('a process that closes: its members stay for the grace, and those who are elsewhere then do not leave', async t => {
  const options = { ...apart(), lease: 20_000 }
  const [closes, stays] = [await openNode(t, server, options), await openNode(t, server, options)]
  await closes.driver.join('a', ann)
  await closes.driver.join('a', bob)
  await closes.driver.close()
  t.equal(await stays.driver.join('a', ann), false)
  t.equal(await stays.driver.count('a'), 2)
  await until(() => stays.gone.length > 0)
  t.strictSame(stays.gone, [['a', bob]])
  t.strictSame(await members(stays, 'a'), ['ann'])
  t.strictSame(closes.gone, [])
})

test('whoever finds that a process is gone may stop in the middle: somebody else goes on', async t => {
  const options = apart()
  const node = await openNode(t, server, options)
  const { partition } = new TopicKeys(options.prefix, 'a')
  const start = `${options.prefix}:{${partition}}`
  await look.hset(`${start}:p:a`, '#', 1, '+ann', '1 dead\n"x"')
  await look.hset(`${start}:n:dead`, 'a', 1)
  await look.zadd(`${options.prefix}:{0}:gone`, 1, 'dead')
  await until(() => node.gone.length === 1)
  t.strictSame(node.gone, [['a', { id: 'ann', info: '"x"' }]])
  await until(async () => await look.exists(`${options.prefix}:{0}:gone`) === 0)
  t.strictSame((await look.keys(`${options.prefix}:*`)).length, 1)
})

test('what cannot be removed does not keep the rest from working, and is removed later', async t => {
  const options = apart()
  const node = await openNode(t, server, options)
  const { partition, members: key } = new TopicKeys(options.prefix, 'a')
  await node.driver.join('a', ann)
  const value = await look.dumpBuffer(key)
  await look.set(key, 'something else')
  await look.hset(`${options.prefix}:{${partition}}:n:dead`, 'a', 1)
  await look.zadd(`${options.prefix}:{0}:nodes`, 1, 'dead')
  await t.rejects(node.driver.leave('a', 'ann'), /WRONGTYPE/)
  await look.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await until(() => node.state === 'up')
  await until(async () => await look.zscore(`${options.prefix}:{0}:gone`, 'dead') !== null)
  await node.driver.join('b', bob)
  await look.restore(key, 0, value, 'REPLACE')
  await until(() => node.gone.length > 0)
  t.strictSame(node.gone, [['a', ann]])
  await until(async () => await look.exists(`${options.prefix}:{0}:gone`) === 0)
  t.strictSame(await members(node, 'b'), ['bob'])
})

test('taken for gone, and one of its members cannot join again: it is tried once more', async t => {
  const options = apart()
  const node = await openNode(t, server, options)
  const { members: key } = new TopicKeys(options.prefix, 'a')
  await node.driver.join('a', ann)
  await node.driver.join('b', bob)
  const keys = await look.keys(`${options.prefix}:*`)
  await look.multi().del(...keys).set(key, 'something else').exec()
  const start = performance.now()
  await until(() => performance.now() - start > 700)
  await look.del(key)
  await until(() => node.back.length === 2)
  t.strictSame(node.back.map(([topic]) => topic).sort(), ['a', 'b'])
  t.strictSame([await members(node, 'a'), await members(node, 'b')], [['ann'], ['bob']])
  t.strictSame(node.states, [])
})

/** Members whose calls a test answers. */
function answered (t: Test) {
  const calls: Array<{ script: string, answer: (reply: unknown) => void, fail: (error: Error) => void }> = []
  const store = {
    isConnected: true,
    groupOf: () => 0,
    batches: <One>(all: One[]) => all.length === 0 ? [] : [all],
    run: ({ name }: { name: string }) => new Promise((answer, fail) => { calls.push({ script: name, answer, fail }) })
  }
  const told: string[] = []
  const own = new Members(store as never, new Keys('test'), 600, {
    onGone: (topic, { id }) => { told.push(`gone ${topic} ${id}`) },
    onBack: () => {}
  })
  const next = async (script: string) => {
    await until(() => calls.length > 0, script)
    const call = calls.shift()!
    t.equal(call.script, script)
    return call
  }
  const close = async () => {
    const closing = own.close(0)
    ;(await next('retire')).answer(null)
    await closing
  }
  return { own, told, next, close }
}

test('who joins again while it is still being removed is told as gone to nobody', async t => {
  const { own, told, next, close } = answered(t)
  const joining = own.join('a', ann)
  ;(await next('join')).answer([1])
  t.equal(await joining, true)
  const leaving = own.leave('a', 'ann')
  ;(await next('leave')).fail(new Error('lost'))
  await t.rejects(leaving, /lost/)
  const beginning = own.begin()
  ;(await next('beat')).answer([1])
  const removal = await next('leave')
  const again = own.join('a', ann)
  removal.answer([1])
  ;(await next('join')).answer([1])
  t.equal(await again, true)
  await beginning
  t.strictSame(told, [])
  await close()
})

test('what was asked last of a member counts, whichever of its calls fails', async t => {
  const { own, told, next, close } = answered(t)
  const joining = own.join('a', ann)
  ;(await next('join')).answer([1])
  await joining
  const again = own.join('a', { ...ann, info: '2' })
  ;(await next('join')).fail(new Error('lost'))
  await t.rejects(again, /lost/)
  const left = own.leave('a', 'ann')
  const back = own.join('a', ann)
  ;(await next('leave')).fail(new Error('lost'))
  ;(await next('join')).answer([0])
  await t.rejects(left, /lost/)
  t.equal(await back, false)
  const came = own.join('a', bob)
  const went = own.leave('a', 'bob')
  ;(await next('join')).fail(new Error('lost'))
  ;(await next('leave')).answer([1])
  await t.rejects(came, /lost/)
  t.equal(await went, true)
  const beginning = own.begin()
  ;(await next('beat')).answer([1])
  await beginning
  await close()
  t.strictSame(told, [], 'and nobody was left to be removed')
})
