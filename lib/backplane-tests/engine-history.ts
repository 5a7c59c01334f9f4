import assert from 'node:assert/strict'
import { engineClauses, plain, rises, texts } from './engine-setting.ts'
import { count } from './listening.ts'

/** What is kept, and for how long. */
export const { all: history, clause } = engineClauses()

clause('last() has the last messages, the oldest first, as they were announced', async ({ process, keep }) => {
  const { engine } = process
  await engine.subscribe('a', keep(5))
  assert.deepEqual(texts(await engine.last('a', keep(5), 10)), [])
  await process.publishAll('a', count(3), keep(5))
  assert.deepEqual(plain(await engine.last('a', keep(5), 10)), plain(await process.hears('a', 3)))
  assert.deepEqual(texts(await engine.last('a', keep(5), 2)), ['2', '3'])
  assert.deepEqual(texts(await engine.last('a', keep(5), 1)), ['3'])
  await process.publishAll('a', count(4, 4), keep(5))
  assert.deepEqual(texts(await engine.last('a', keep(5), 10)), ['3', '4', '5', '6', '7'])
  assert.deepEqual(texts(await engine.last('a', keep(5), 5)), ['3', '4', '5', '6', '7'])
  assert.deepEqual(texts(await engine.last('b', keep(5), 10)), [], 'of a topic that nothing was published to')
})

clause('without a retention nothing is kept', async ({ process, keep }) => {
  const { engine } = process
  const { at } = await engine.subscribe('a', null)
  await process.publishAll('a', count(3), null)
  assert.deepEqual(texts(await engine.last('a', keep(5), 10)), [])
  const heard = await process.hears('a', 3)
  for (const position of [at, heard[0]!.at]) {
    const found = await engine.read('a', keep(5), position, 10)
    assert.ok(found === null || found.messages.length === 0, 'no part of it')
  }
})

clause('each topic has a retention of its own', async ({ process, brief: keep, pass, ttl }) => {
  const { engine } = process
  const long = { ...keep(2), ttl: ttl * 10 }
  const all = { one: keep(1), two: keep(2), ten: keep(10), long }
  for (const [name, retention] of Object.entries(all)) await process.publishAll(name, count(4), retention)
  const kept = async () => Object.fromEntries(await Promise.all(Object.entries(all).map(async ([name, retention]) => {
    return [name, texts(await engine.last(name, retention, 10))]
  })))
  assert.deepEqual(await kept(), { one: ['4'], two: ['3', '4'], ten: count(4), long: ['3', '4'] })
  await pass(1.5)
  assert.deepEqual(await kept(), { one: [], two: [], ten: [], long: ['3', '4'] })
})

clause('messages are kept for their ttl, which begins anew for the topic with each of them', async ({ process, brief: keep, pass, ttlPerMessage }) => {
  const { engine } = process
  const [first] = await process.publishAll('a', ['1'], keep(5))
  await pass(0.6)
  assert.deepEqual(texts(await engine.last('a', keep(5), 10)), ['1'])
  await process.publishAll('a', ['2'], keep(5))
  await pass(0.6)
  assert.deepEqual(texts(await engine.last('a', keep(5), 10)), ttlPerMessage ? ['2'] : ['1', '2'])
  assert.deepEqual(texts(await engine.read('a', keep(5), first!.at, 10)), ['2'])
  await pass(0.6)
  assert.deepEqual(texts(await engine.last('a', keep(5), 10)), [])
})

clause('reading and subscribing do not make messages stay longer', async ({ process, brief: keep, pass }) => {
  const { engine } = process
  const { at } = await engine.subscribe('a', keep(5))
  await process.publishAll('a', ['1'], keep(5))
  await pass(0.6)
  await engine.subscribe('a', keep(5))
  assert.deepEqual(texts(await engine.read('a', keep(5), at, 10)), ['1'])
  assert.deepEqual(texts(await engine.last('a', keep(5), 10)), ['1'])
  await pass(0.6)
  assert.deepEqual(texts(await engine.last('a', keep(5), 10)), [])
  assert.equal(await engine.read('a', keep(5), at, 10), null)
})

clause('a topic begins anew when its messages have gone', async ({ process, brief: keep, pass }) => {
  const { engine } = process
  await engine.subscribe('a', keep(5))
  await process.publishAll('a', count(3), keep(5))
  await pass(1.5)
  await process.publishAll('a', count(3, 4), keep(5))
  assert.deepEqual(texts(await engine.last('a', keep(5), 10)), ['4', '5', '6'])
  const heard = await process.hears('a', 6)
  assert.deepEqual(texts(heard), count(6))
  assert.ok(rises(heard), 'the numbers go on')
})
