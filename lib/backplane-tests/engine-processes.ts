import assert from 'node:assert/strict'
import { engineClauses, type EngineSetting, plain, rises, texts } from './engine-setting.ts'
import { count } from './listening.ts'

/** Several processes that are connected to one store. */
export const { all: processes, clause } = engineClauses()

const several = { needs: ['several'] } as const

async function three ({ process, another }: EngineSetting) {
  return [process, await another(), await another()] as const
}

clause('all processes hear one order, whoever publishes', async setting => {
  const { keep } = setting
  const all = await three(setting)
  await Promise.all(all.map(({ engine }) => engine.subscribe('a', keep(500))))
  const published = await Promise.all(all.map((one, i) => one.publishAll('a', count(100, i * 100), keep(500))))
  const ats = []
  for (const one of all) ats.push((await one.hears('a', 300)).map(({ at }) => at))
  for (const one of ats) assert.deepEqual(one, ats[0])
  assert.deepEqual(new Set(ats[0]), new Set(published.flat().map(({ at }) => at)))
  for (const one of all) {
    assert.deepEqual(plain(await one.engine.last('a', keep(500), 500)), plain(one.heardOf('a')), 'as it is kept')
    assert.ok(rises(one.heardOf('a')), 'with rising numbers')
  }
}, several)

clause('what another process publishes as soon as subscribe() has answered is announced', async setting => {
  const [one, other] = await three(setting)
  for (const retention of [null, setting.keep(5)]) {
    const names = count(200, retention === null ? 1 : 1001)
    for (const name of names) {
      await one.engine.subscribe(name, retention)
      void other.engine.publish(name, 'at once', retention, null)
    }
    for (const name of names) assert.deepEqual(texts(await one.hears(name, 1)), ['at once'])
  }
  assert.deepEqual(other.heardOf('1'), [], 'and who is not subscribed does not hear it')
}, several)

clause('a process that unsubscribes or closes takes nothing from the others', async setting => {
  const [one, two, three_] = await three(setting)
  for (const { engine } of [one, two, three_]) await engine.subscribe('a', null)
  one.engine.unsubscribe('a')
  await one.settle()
  await one.engine.publish('a', '1', null, null)
  for (const process of [two, three_]) assert.deepEqual(texts(await process.hears('a', 1)), ['1'])
  await two.engine.close()
  await one.engine.publish('a', '2', null, null)
  assert.deepEqual(texts(await three_.hears('a', 2)), ['1', '2'])
  assert.deepEqual([texts(one.heardOf('a')), texts(two.heardOf('a'))], [[], ['1']])
}, several)

clause('a position is good in each process, also in one that comes later', async setting => {
  const { process, another, keep } = setting
  const { at } = await process.engine.subscribe('a', keep(20))
  const [first] = await process.publishAll('a', count(10), keep(20))
  const other = await another()
  assert.deepEqual(texts(await other.engine.read('a', keep(20), at, 100)), count(10))
  assert.deepEqual(texts(await other.engine.read('a', keep(20), first!.at, 100)), count(9, 2))
  assert.deepEqual(texts(await other.engine.last('a', keep(20), 2)), ['9', '10'])
  await process.engine.close()
  await other.publishAll('a', count(2, 11), keep(20))
  assert.deepEqual(texts(await other.engine.read('a', keep(20), first!.at, 100)), count(11, 2), 'also when the process has gone that told it')
}, several)

clause('positions stay good as long as the topic is subscribed to in one process', async setting => {
  const { brief: keep, pass } = setting
  const [one, two, three_] = await three(setting)
  await one.engine.subscribe('a', keep(5))
  const { at } = await two.engine.subscribe('a', keep(5))
  two.engine.unsubscribe('a')
  await two.settle()
  for (const other of count(4)) {
    await three_.publishAll(other, ['1'], keep(5))
    await pass(1.5)
  }
  await three_.publishAll('a', ['1'], keep(5))
  assert.deepEqual(texts(await two.engine.read('a', keep(5), at, 10)), ['1'])
}, several)

clause('a signal reaches all other processes, once', async setting => {
  const all = await three(setting)
  await all[1].engine.signal(Buffer.from('ä❤'))
  await all[2].engine.signal(Buffer.from('last'))
  await setting.until(() => all[0].signals.length === 2 && all[1].signals.length === 1 && all[2].signals.length === 1, 'the signals')
  for (const one of all) await one.settle()
  assert.deepEqual(all.map(({ signals }) => signals.toSorted()), [['last', 'ä❤'], ['last'], ['ä❤']])
}, several)

clause('an id is one in all processes', async setting => {
  const { keep } = setting
  const all = await three(setting)
  const tops = await Promise.all(all.flatMap(({ engine }) => count(5).map(message => engine.publish('a', message, keep(50), 'id'))))
  assert.equal(new Set(tops.map(({ at }) => at)).size, 1)
  assert.equal((await all[0].engine.last('a', keep(50), 50)).length, 1)
}, several)

clause('a member is new in the first process, and gone when it has left the last', async setting => {
  const { listed } = setting
  const [one, two, three_] = await three(setting)
  assert.equal(await one.engine.join('a', { id: 'ann', info: 1 }), true)
  assert.equal(await two.engine.join('a', { id: 'bob', info: 2 }), true)
  assert.equal(await two.engine.join('a', { id: 'ann', info: 3 }), false)
  assert.equal(await two.engine.join('a', { id: 'ann', info: 4 }), false)
  for (const { engine } of [one, two, three_]) {
    assert.deepEqual(listed(await engine.members('a')).map(({ id }) => id), ['ann', 'bob'])
    assert.equal(await engine.count('a'), 2)
  }
  assert.equal(await three_.engine.leave('a', 'ann'), false, 'it was not there')
  assert.equal(await one.engine.leave('a', 'ann'), false)
  assert.deepEqual(listed(await three_.engine.members('a')), [{ id: 'ann', info: 4 }, { id: 'bob', info: 2 }])
  assert.equal(await two.engine.leave('a', 'ann'), true)
  assert.deepEqual(await one.engine.members('a'), [{ id: 'bob', info: 2 }])
}, several)

clause('of processes that bring or take a member at the same time, one is told so', async setting => {
  const all = await three(setting)
  for (let round = 0; round < 10; round++) {
    const joined = await Promise.all(all.map(({ engine }) => engine.join('a', { id: 'ann', info: null })))
    assert.equal(joined.filter(isNew => isNew).length, 1)
    const left = await Promise.all(all.map(({ engine }) => engine.leave('a', 'ann')))
    assert.equal(left.filter(isGone => isGone).length, 1)
    assert.equal(await all[0].engine.count('a'), 0)
  }
}, several)

clause('the members of a process that closes stay for a moment, and are then gone, unless they are in another as well', async setting => {
  const { listed, until, passTime, lease, grace } = setting
  const [one, two, three_] = await three(setting)
  for (const id of ['ann', 'bob', 'cat']) await one.engine.join('a', { id, info: 1 })
  await two.engine.join('a', { id: 'bob', info: 2 })
  await one.engine.close()
  assert.equal(await three_.engine.count('a'), 3, 'they may be on their way')
  assert.equal(await three_.engine.join('a', { id: 'cat', info: 3 }), false, 'and have then never been gone')
  await passTime(grace + lease)
  await until(async () => await two.engine.count('a') === 2, 'a member to be gone')
  for (const { engine } of [two, three_]) {
    assert.deepEqual(listed(await engine.members('a')), [{ id: 'bob', info: 2 }, { id: 'cat', info: 3 }])
  }
  await passTime(grace + lease)
  await two.settle()
  assert.deepEqual([...one.gone, ...two.gone, ...three_.gone], ['a ann'], 'one process is told so, once')
  assert.equal(await two.engine.join('a', { id: 'ann', info: 3 }), true)
}, several)
