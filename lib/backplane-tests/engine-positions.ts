import assert from 'node:assert/strict'
import { engineClauses, type EngineProcess, plain, texts } from './engine-setting.ts'
import { count } from './listening.ts'
import { mutations, NO_POSITIONS } from './samples.ts'

/** Reading what is behind a position. */
export const { all: positions, clause } = engineClauses()

clause('read() has all that is behind a position, the oldest first, as it was announced', async ({ process, keep }) => {
  const { engine } = process
  const top = await engine.subscribe('a', keep(10))
  const tops = await process.publishAll('a', count(10), keep(10))
  const heard = plain(await process.hears('a', 10))
  for (const [i, { at }] of [top, ...tops].entries()) {
    assert.deepEqual(plain(await engine.read('a', keep(10), at, 100)), heard.slice(i))
  }
})

clause('at the top there is nothing to read', async ({ process, keep }) => {
  const { engine } = process
  const [last] = await process.publishAll('a', ['1'], keep(10))
  assert.deepEqual(texts(await engine.read('a', keep(10), last!.at, 100)), [])
  const top = await engine.subscribe('a', keep(10))
  assert.deepEqual(texts(await engine.read('a', keep(10), top.at, 100)), [], 'as subscribe() tells it')
})

clause('read() has at most as many as it was asked for, and can go on from the last', async ({ process, keep }) => {
  const { engine } = process
  let { at } = await engine.subscribe('a', keep(100))
  await process.publishAll('a', count(100), keep(100))
  await process.hears('a', 100)
  for (const limit of [1, 7, 99, 100]) assert.deepEqual(texts(await engine.read('a', keep(100), at, limit)), count(limit))
  const found = []
  for (;;) {
    const part = (await engine.read('a', keep(100), at, 7))!
    at = part.at
    if (part.messages.length === 0) break
    found.push(...part.messages)
    const last = part.messages.at(-1)!
    assert.ok((part.upTo === last.seq && part.at === last.at) || found.length === 100, 'it says how far it goes')
  }
  assert.deepEqual(texts(found), count(100))
  await process.publishAll('a', ['more'], keep(100))
  await process.hears('a', 101)
  assert.deepEqual(texts(await engine.read('a', keep(100), at, 7)), ['more'], 'also from where nothing was left to read')
})

clause('what is read, and what is announced with larger numbers, is everything, once', async ({ process, keep }) => {
  const { engine } = process
  const { at } = await engine.subscribe('a', keep(100))
  const publishing = process.publishAll('a', count(60), keep(100))
  const parts = []
  for (const limit of [100, 1, 100, 7, 100, 100, 30, 100]) parts.push((await engine.read('a', keep(100), at, limit))!)
  await publishing
  parts.push((await engine.read('a', keep(100), at, 100))!)
  const heard = await process.hears('a', 60)
  for (const { messages, upTo } of parts) {
    assert.deepEqual(texts([...messages, ...heard.filter(({ seq }) => seq > upTo)]), count(60), `${messages.length} were read`)
  }
  const nothing = (await engine.read('a', keep(100), heard[59]!.at, 100))!
  assert.ok(nothing.upTo >= heard[59]!.seq, 'there is no way back')
})

clause('who subscribed to an empty topic can go on from there', async ({ process, keep }) => {
  const { engine } = process
  const { at } = await engine.subscribe('a', keep(10))
  assert.deepEqual(texts(await engine.read('a', keep(10), at, 10)), [])
  await process.publishAll('b', count(3), keep(10))
  assert.deepEqual(texts(await engine.read('a', keep(10), at, 10)), [])
  await process.publishAll('a', count(3), keep(10))
  await process.hears('a', 3)
  assert.deepEqual(texts(await engine.read('a', keep(10), at, 10)), count(3))
  engine.unsubscribe('a')
  await process.settle()
  await process.publishAll('a', count(3, 4), keep(10))
  assert.deepEqual(texts(await engine.read('a', keep(10), at, 10)), count(6), 'and when nobody is subscribed any more')
})

clause('text that is no position is not found', async ({ process, keep }) => {
  const { engine } = process
  for (const text of NO_POSITIONS) assert.equal(await engine.read('a', keep(10), text, 10), null, JSON.stringify(text.slice(0, 20)))
  await engine.subscribe('a', keep(10))
  await process.publishAll('a', count(3), keep(10))
  await process.hears('a', 3)
  for (const text of NO_POSITIONS) assert.equal(await engine.read('a', keep(10), text, 10), null, JSON.stringify(text.slice(0, 20)))
})

clause('whatever is made of a position, there is no answer with a gap', async ({ process, keep }) => {
  const { engine } = process
  await engine.subscribe('a', keep(3))
  const tops = await process.publishAll('a', count(40), keep(3))
  await process.hears('a', 40)
  const right = ['null', '["38","39","40"]', '["39","40"]', '["40"]', '[]']
  const answers = []
  for (const text of mutations(tops[38]!.at)) {
    answers.push({ text, answer: JSON.stringify(texts(await engine.read('a', keep(3), text, 10))) })
  }
  assert.deepEqual(answers.filter(({ answer }) => !right.includes(answer)), [])
})

clause('a position that has not been reached is not found', async ({ process, keep, future }) => {
  const { engine } = process
  const { at } = await engine.subscribe('a', keep(10))
  assert.equal(await engine.read('a', keep(10), future(at), 10), null)
  const [last] = await process.publishAll('a', ['1'], keep(10))
  assert.equal(await engine.read('a', keep(10), future(last!.at), 10), null)
}, { needs: ['future'] })

clause('a position of another store is not found', async ({ process, elsewhere, keep }) => {
  const other = await elsewhere()
  for (const one of [process, other]) await one.engine.subscribe('a', keep(10))
  const [first] = await other.publishAll('a', count(3), keep(10))
  const { at } = await other.engine.subscribe('b', keep(10))
  assert.equal(await process.engine.read('a', keep(10), first!.at, 10), null, 'nothing was published here')
  await process.publishAll('a', count(3), keep(10))
  await process.hears('a', 3)
  assert.equal(await process.engine.read('a', keep(10), first!.at, 10), null, 'something of the same number was')
  assert.equal(await process.engine.read('b', keep(10), at, 10), null)
})

clause('a position is not found when something behind it has made room for others', async ({ process, keep }) => {
  const { engine } = process
  const { at } = await engine.subscribe('a', keep(5))
  const tops = await process.publishAll('a', count(12), keep(5))
  await process.hears('a', 12)
  assert.equal(await engine.read('a', keep(5), at, 100), null)
  for (const one of tops.slice(0, 6)) assert.equal(await engine.read('a', keep(5), one.at, 100), null)
  const border = texts(await engine.read('a', keep(5), tops[6]!.at, 100))
  if (border !== null) assert.deepEqual(border, count(5, 8), 'of the message that went last, nothing behind is missing')
  for (const [i, one] of tops.slice(7).entries()) assert.deepEqual(texts(await engine.read('a', keep(5), one.at, 100)), count(4 - i, 9 + i))
})

clause('a position is not found when something behind it has gone with time', async ({ process, brief: keep, pass }) => {
  const { engine } = process
  const { at } = await engine.subscribe('a', keep(5))
  const tops = await process.publishAll('a', count(3), keep(5))
  const old = [at, ...tops.slice(0, 2).map(top => top.at)]
  await pass(1.5)
  for (const one of old) assert.equal(await engine.read('a', keep(5), one, 100), null)
  assert.deepEqual(texts(await engine.read('a', keep(5), tops[2]!.at, 100)), [], 'nothing behind the last is missing')
  const [fourth] = await process.publishAll('a', count(3, 4), keep(5))
  await process.hears('a', 6)
  for (const one of old) assert.equal(await engine.read('a', keep(5), one, 100), null, 'and not when the topic has begun anew')
  assert.deepEqual(texts(await engine.read('a', keep(5), tops[2]!.at, 100)), count(3, 4))
  assert.deepEqual(texts(await engine.read('a', keep(5), fourth!.at, 100)), ['5', '6'])
})

clause('nor when nobody is subscribed', async ({ process, brief: keep, pass }) => {
  const { engine } = process
  const tops = await process.publishAll('a', count(3), keep(5))
  for (const ttls of [1.5, 1.5, 5]) {
    await pass(ttls)
    for (const { at } of tops.slice(0, 2)) assert.equal(await engine.read('a', keep(5), at, 100), null)
    await process.publishAll('other', ['1'], keep(5))
  }
  await process.publishAll('a', ['4'], keep(5))
  for (const { at } of tops.slice(0, 2)) assert.equal(await engine.read('a', keep(5), at, 100), null)
})

clause('while a topic is subscribed to, its positions stay good, however long it is silent', async ({ process, brief: keep, pass }) => {
  const { engine } = process
  const [last] = (await process.publishAll('a', count(2), keep(5))).slice(1)
  const tops = [last!, await engine.subscribe('a', keep(5)), await engine.subscribe('empty', keep(5))]
  const names = ['a', 'a', 'empty']
  const readAll = async () => Promise.all(tops.map(async ({ at }, i) => texts(await engine.read(names[i]!, keep(5), at, 10))))
  await silence(process)
  assert.deepEqual(await readAll(), [[], [], []])
  for (const name of ['a', 'empty']) engine.unsubscribe(name)
  await pass(0.5)
  assert.deepEqual(await readAll(), [[], [], []], 'and a while longer, for those who come back')
  for (const name of ['a', 'empty']) await engine.subscribe(name, keep(5))
  await silence(process)
  for (const name of ['a', 'empty']) await engine.publish(name, 'new', keep(5), null)
  for (const name of ['a', 'empty']) await process.hears(name, 1)
  assert.deepEqual(await readAll(), [['new'], ['new'], ['new']])

  async function silence (process: EngineProcess): Promise<void> {
    for (const other of count(4)) {
      await process.publishAll(other, ['1'], keep(5))
      await pass(1.5)
    }
  }
})
