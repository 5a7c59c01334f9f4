import { clause, count, type Driver, texts } from './driver.ts'

/** Publishing the same message again. */
export function ids (driver: Driver): void {
  clause(driver, 'while a message is kept, publishing its id again publishes nothing, and has its answer', async ({ t, process, keep }) => {
    const { engine } = process
    await engine.subscribe('a', keep(5))
    const first = await engine.publish('a', '1', keep(5), 'id')
    await process.publishAll('a', count(3, 2), keep(5))
    const again = await engine.publish('a', 'other', keep(5), 'id')
    t.strictSame([again.seq, again.at], [first.seq, first.at])
    t.strictSame(texts(await process.hears('a', 4)), count(4))
    t.strictSame(texts(await engine.last('a', keep(5), 10)), count(4))
  })

  clause(driver, 'of many at the same time, one is published', async ({ t, process, keep }) => {
    const { engine } = process
    await engine.subscribe('a', keep(50))
    const tops = await Promise.all(count(20).map(message => engine.publish('a', message, keep(50), 'id')))
    t.equal(new Set(tops.map(({ at }) => at)).size, 1)
    t.equal((await process.hears('a', 1)).length, 1)
    t.equal((await engine.last('a', keep(50), 50)).length, 1)
  })

  clause(driver, 'ids are of their topic, and any text will do', async ({ t, process, keep }) => {
    const { engine } = process
    const ids = ['', ' ', '0', 'id', 'ID', 'a b', 'a\r\nb', '*', '>', '__proto__', 'ä❤', 'x'.repeat(300)]
    for (const topic of ['a', 'b']) {
      for (const id of ids) await engine.publish(topic, `${topic} ${id}`, keep(50), id)
      for (const id of ids) await engine.publish(topic, 'again', keep(50), id)
      t.strictSame(texts(await engine.last(topic, keep(50), 50)), ids.map(id => `${topic} ${id}`))
    }
  })

  clause(driver, 'messages without an id, and topics that keep nothing, are published each time', async ({ t, process, keep }) => {
    const { engine } = process
    await engine.subscribe('a', keep(5))
    await engine.subscribe('b', null)
    await process.publishAll('a', ['1', '1'], keep(5))
    for (let i = 0; i < 2; i++) await engine.publish('b', '1', null, 'id')
    t.strictSame(texts(await process.hears('a', 2)), ['1', '1'])
    t.strictSame(texts(await process.hears('b', 2)), ['1', '1'])
  })

  clause(driver, 'an id is published again when its message has made room for others', async ({ t, process, keep }) => {
    const { engine } = process
    const first = await engine.publish('a', '1', keep(3), 'id')
    await process.publishAll('a', ['2', '3'], keep(3))
    t.equal((await engine.publish('a', 'again', keep(3), 'id')).at, first.at)
    await process.publishAll('a', ['4'], keep(3))
    const second = await engine.publish('a', 'again', keep(3), 'id')
    t.ok(second.seq > first.seq)
    t.strictSame(texts(await engine.last('a', keep(3), 10)), ['3', '4', 'again'])
    await process.publishAll('a', ['5', '6'], keep(3))
    t.equal((await engine.publish('a', 'once more', keep(3), 'id')).at, second.at, 'and is then that one\'s')
  })

  clause(driver, 'an id is published again when its message has gone with time', async ({ t, process, keep, pass }) => {
    const { engine } = process
    const first = await engine.publish('a', '1', keep(5), 'id')
    await pass(1.5)
    const second = await engine.publish('a', '2', keep(5), 'id')
    t.ok(second.seq > first.seq)
    t.strictSame(texts(await engine.last('a', keep(5), 10)), ['2'])
  })
}
