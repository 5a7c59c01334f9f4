import assert from 'node:assert/strict'
import { engineClauses, rises, texts } from './engine-setting.ts'
import { count } from './listening.ts'
import { IDS } from './samples.ts'

/** Publishing the same message again. */
export const { all: ids, clause } = engineClauses()

clause('while a message is kept, publishing its id again publishes nothing, and has its answer', async ({ process, keep }) => {
  const { engine } = process
  await engine.subscribe('a', keep(5))
  const first = await engine.publish('a', '1', keep(5), 'id')
  await process.publishAll('a', count(3, 2), keep(5))
  const again = await engine.publish('a', 'other', keep(5), 'id')
  assert.equal(again.at, first.at)
  const heard = await process.hears('a', 4)
  assert.deepEqual(texts(heard), count(4))
  assert.equal(heard[0]!.at, first.at)
  assert.deepEqual(texts(await engine.last('a', keep(5), 10)), count(4))
})

clause('of many at the same time, one is published', async ({ process, keep }) => {
  const { engine } = process
  await engine.subscribe('a', keep(50))
  const answers = await Promise.all(count(20).map(message => engine.publish('a', message, keep(50), 'id')))
  assert.equal(new Set(answers.map(({ at }) => at)).size, 1)
  assert.equal((await process.hears('a', 1)).length, 1)
  assert.equal((await engine.last('a', keep(50), 50)).length, 1)
})

clause('ids are of their topic, and any text will do', async ({ process: { engine }, keep }) => {
  for (const topic of ['a', 'b']) {
    for (const id of IDS) await engine.publish(topic, `${topic} ${id}`, keep(50), id)
    for (const id of IDS) await engine.publish(topic, 'again', keep(50), id)
    assert.deepEqual(texts(await engine.last(topic, keep(50), 50)), IDS.map(id => `${topic} ${id}`))
  }
})

clause('messages without an id, and topics that keep nothing, are published each time', async ({ process, keep }) => {
  const { engine } = process
  await engine.subscribe('a', keep(5))
  await engine.subscribe('b', null)
  await process.publishAll('a', ['1', '1'], keep(5))
  for (let i = 0; i < 2; i++) await engine.publish('b', '1', null, 'id')
  assert.deepEqual(texts(await process.hears('a', 2)), ['1', '1'])
  assert.deepEqual(texts(await process.hears('b', 2)), ['1', '1'])
})

clause('an id is published again when its message has made room for others', async ({ process, keep }) => {
  const { engine } = process
  await engine.subscribe('a', keep(3))
  const first = await engine.publish('a', '1', keep(3), 'id')
  await process.publishAll('a', ['2', '3'], keep(3))
  assert.equal((await engine.publish('a', 'again', keep(3), 'id')).at, first.at)
  await process.publishAll('a', ['4'], keep(3))
  const second = await engine.publish('a', 'again', keep(3), 'id')
  assert.notEqual(second.at, first.at)
  assert.deepEqual(texts(await engine.last('a', keep(3), 10)), ['3', '4', 'again'])
  await process.publishAll('a', ['5', '6'], keep(3))
  assert.equal((await engine.publish('a', 'once more', keep(3), 'id')).at, second.at, 'and is then that one\'s')
  const heard = await process.hears('a', 7)
  assert.deepEqual(texts(heard), ['1', '2', '3', '4', 'again', '5', '6'])
  assert.ok(rises(heard))
}, { unless: 'idsByTime' })

clause('an id is published again when its message has gone with time', async ({ process, brief: keep, pass }) => {
  const { engine } = process
  await engine.subscribe('a', keep(5))
  const first = await engine.publish('a', '1', keep(5), 'id')
  await pass(1.5)
  const second = await engine.publish('a', '2', keep(5), 'id')
  assert.notEqual(second.at, first.at)
  assert.deepEqual(texts(await engine.last('a', keep(5), 10)), ['2'])
  assert.ok(rises(await process.hears('a', 2)))
}, { unless: 'idsByTime' })
