import { clause, count, type Driver, plain, texts } from './driver.ts'

/** What is kept, and for how long. */
export function history (driver: Driver): void {
  clause(driver, 'last() has the last messages, the oldest first, as they were announced', async ({ t, process, keep }) => {
    const { engine } = process
    await engine.subscribe('a', keep(5))
    t.strictSame(await engine.last('a', keep(5), 10), [])
    await process.publishAll('a', count(3), keep(5))
    t.strictSame(plain(await engine.last('a', keep(5), 10)), plain(await process.hears('a', 3)))
    t.strictSame(texts(await engine.last('a', keep(5), 2)), ['2', '3'])
    t.strictSame(texts(await engine.last('a', keep(5), 1)), ['3'])
    await process.publishAll('a', count(4, 4), keep(5))
    t.strictSame(texts(await engine.last('a', keep(5), 10)), ['3', '4', '5', '6', '7'])
    t.strictSame(texts(await engine.last('a', keep(5), 5)), ['3', '4', '5', '6', '7'])
    t.strictSame(await engine.last('b', keep(5), 10), [], 'of a topic that nothing was published to')
  })

  clause(driver, 'without a retention nothing is kept', async ({ t, process, keep }) => {
    const { engine } = process
    const { at } = await engine.subscribe('a', null)
    const tops = await process.publishAll('a', count(3), null)
    t.strictSame(await engine.last('a', keep(5), 10), [])
    for (const position of [at, tops[0]!.at]) t.notSame(texts(await engine.read('a', keep(5), position, 10)), ['3'], 'no part of it')
  })

  clause(driver, 'each topic has a retention of its own', async ({ t, process, keep, pass }) => {
    const { engine } = process
    const long = { ...keep(2), ttl: driver.ttl * 10 }
    const all = { one: keep(1), two: keep(2), ten: keep(10), long }
    for (const [name, retention] of Object.entries(all)) await process.publishAll(name, count(4), retention)
    const kept = async () => Object.fromEntries(await Promise.all(Object.entries(all).map(async ([name, retention]) => {
      return [name, texts(await engine.last(name, retention, 10))]
    })))
    t.strictSame(await kept(), { one: ['4'], two: ['3', '4'], ten: count(4), long: ['3', '4'] })
    await pass(1.5)
    t.strictSame(await kept(), { one: [], two: [], ten: [], long: ['3', '4'] })
  })

  clause(driver, 'messages are kept for their ttl, which begins anew for the topic with each of them', async ({ t, process, keep, pass }) => {
    const { engine } = process
    const [first] = await process.publishAll('a', ['1'], keep(5))
    await pass(0.6)
    t.strictSame(texts(await engine.last('a', keep(5), 10)), ['1'])
    await process.publishAll('a', ['2'], keep(5))
    await pass(0.6)
    t.equal(texts(await engine.last('a', keep(5), 10))!.at(-1), '2')
    t.strictSame(texts(await engine.read('a', keep(5), first!.at, 10)), ['2'])
    await pass(0.6)
    t.strictSame(await engine.last('a', keep(5), 10), [])
  })

  clause(driver, 'reading and subscribing do not make messages stay longer', async ({ t, process, keep, pass }) => {
    const { engine } = process
    const { at } = await engine.subscribe('a', keep(5))
    await process.publishAll('a', ['1'], keep(5))
    await pass(0.6)
    await engine.subscribe('a', keep(5))
    t.strictSame(texts(await engine.read('a', keep(5), at, 10)), ['1'])
    t.strictSame(texts(await engine.last('a', keep(5), 10)), ['1'])
    await pass(0.6)
    t.strictSame(await engine.last('a', keep(5), 10), [])
    t.equal(await engine.read('a', keep(5), at, 10), null)
  })

  clause(driver, 'a topic begins anew when its messages have gone', async ({ t, process, keep, pass }) => {
    const { engine } = process
    await engine.subscribe('a', keep(5))
    const before = await process.publishAll('a', count(3), keep(5))
    await pass(1.5)
    const after = await process.publishAll('a', count(3, 4), keep(5))
    t.ok(after[0]!.seq > before[2]!.seq, 'the numbers go on')
    t.strictSame(texts(await engine.last('a', keep(5), 10)), ['4', '5', '6'])
    t.strictSame(texts(await process.hears('a', 6)), count(6))
  })
}
