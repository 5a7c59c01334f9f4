import { clause, count, type Driver, plain, type Setting, texts } from './driver.ts'

async function three ({ process, another }: Setting) {
  return [process, await another(), await another()] as const
}

/** Several processes that are connected to one store. */
export function processes (driver: Driver): void {
  clause(driver, 'all processes hear one order, whoever publishes', async setting => {
    const { t, keep } = setting
    const all = await three(setting)
    await Promise.all(all.map(({ engine }) => engine.subscribe('a', keep(500))))
    const published = await Promise.all(all.map((one, i) => one.publishAll('a', count(100, i * 100), keep(500))))
    const ats = []
    for (const one of all) ats.push((await one.hears('a', 300)).map(({ at }) => at))
    for (const one of ats) t.strictSame(one, ats[0])
    t.strictSame(new Set(ats[0]), new Set(published.flat().map(({ at }) => at)))
    for (const one of all) {
      t.strictSame(plain(await one.engine.last('a', keep(500), 500)), plain(one.heardOf('a')), 'as it is kept')
      for (const [i, { seq }] of one.heardOf('a').entries()) t.ok(i === 0 || seq > one.heardOf('a')[i - 1]!.seq)
    }
  })

  clause(driver, 'what another process publishes as soon as subscribe() has answered is announced', async setting => {
    const { t } = setting
    const [one, other] = await three(setting)
    for (const name of count(200)) {
      await one.engine.subscribe(name, null)
      void other.engine.publish(name, 'at once', null, null)
    }
    for (const name of count(200)) t.strictSame(texts(await one.hears(name, 1)), ['at once'])
    t.strictSame(other.heardOf('1'), [], 'and who is not subscribed does not hear it')
  })

  clause(driver, 'a process that unsubscribes or closes takes nothing from the others', async setting => {
    const { t } = setting
    const [one, two, three_] = await three(setting)
    for (const { engine } of [one, two, three_]) await engine.subscribe('a', null)
    one.engine.unsubscribe('a')
    await one.settle()
    await one.engine.publish('a', '1', null, null)
    for (const process of [two, three_]) t.strictSame(texts(await process.hears('a', 1)), ['1'])
    await two.engine.close()
    await one.engine.publish('a', '2', null, null)
    t.strictSame(texts(await three_.hears('a', 2)), ['1', '2'])
    t.strictSame([texts(one.heardOf('a')), texts(two.heardOf('a'))], [[], ['1']])
  })

  clause(driver, 'a position is good in each process, also in one that comes later', async setting => {
    const { t, process, another, keep } = setting
    const { at } = await process.engine.subscribe('a', keep(20))
    const [first] = await process.publishAll('a', count(10), keep(20))
    const other = await another()
    t.strictSame(texts(await other.engine.read('a', keep(20), at, 100)), count(10))
    t.strictSame(texts(await other.engine.read('a', keep(20), first!.at, 100)), count(9, 2))
    t.strictSame(texts(await other.engine.last('a', keep(20), 2)), ['9', '10'])
    await process.engine.close()
    await other.publishAll('a', count(2, 11), keep(20))
    t.strictSame(texts(await other.engine.read('a', keep(20), first!.at, 100)), count(11, 2), 'also when the process has gone that told it')
  })

  clause(driver, 'positions stay good as long as the topic is subscribed to in one process', async setting => {
    const { t, keep, pass } = setting
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
    t.strictSame(texts(await two.engine.read('a', keep(5), at, 10)), ['1'])
  })

  clause(driver, 'an id is one in all processes', async setting => {
    const { t, keep } = setting
    const all = await three(setting)
    const tops = await Promise.all(all.flatMap(({ engine }) => count(5).map(message => engine.publish('a', message, keep(50), 'id'))))
    t.equal(new Set(tops.map(({ at }) => at)).size, 1)
    t.equal((await all[0].engine.last('a', keep(50), 50)).length, 1)
  })

  clause(driver, 'a member is new in the first process, and gone when it has left the last', async setting => {
    const { t } = setting
    const [one, two, three_] = await three(setting)
    t.equal(await one.engine.join('a', { id: 'ann', info: 1 }), true)
    t.equal(await two.engine.join('a', { id: 'bob', info: 2 }), true)
    t.equal(await two.engine.join('a', { id: 'ann', info: 3 }), false)
    t.equal(await two.engine.join('a', { id: 'ann', info: 4 }), false)
    for (const { engine } of [one, two, three_]) {
      t.strictSame((await engine.members('a')).map(({ id }) => id), ['ann', 'bob'])
      t.equal(await engine.count('a'), 2)
    }
    t.equal(await three_.engine.leave('a', 'ann'), false, 'it was not there')
    t.equal(await one.engine.leave('a', 'ann'), false)
    t.strictSame(await three_.engine.members('a'), [{ id: 'ann', info: 4 }, { id: 'bob', info: 2 }])
    t.equal(await two.engine.leave('a', 'ann'), true)
    t.strictSame(await one.engine.members('a'), [{ id: 'bob', info: 2 }])
  })

  clause(driver, 'of processes that bring or take a member at the same time, one is told so', async setting => {
    const { t } = setting
    const all = await three(setting)
    for (let round = 0; round < 10; round++) {
      const joined = await Promise.all(all.map(({ engine }) => engine.join('a', { id: 'ann', info: null })))
      t.equal(joined.filter(isNew => isNew).length, 1)
      const left = await Promise.all(all.map(({ engine }) => engine.leave('a', 'ann')))
      t.equal(left.filter(isGone => isGone).length, 1)
      t.equal(await all[0].engine.count('a'), 0)
    }
  })

  clause(driver, 'the members of a process that closes are gone, unless they are in another as well', async setting => {
    const { t } = setting
    const [one, two] = await three(setting)
    for (const id of ['ann', 'bob']) await one.engine.join('a', { id, info: 1 })
    await two.engine.join('a', { id: 'bob', info: 2 })
    await one.engine.close()
    t.strictSame(await two.engine.members('a'), [{ id: 'bob', info: 2 }])
    t.equal(await two.engine.join('a', { id: 'ann', info: 3 }), true)
  })
}
