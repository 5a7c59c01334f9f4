import { clause, count, type Driver, plain, texts } from './driver.ts'

/** Names that a store might take for something else. */
const NAMES = [
  'news', 'News', '/rooms/a', '/rooms/a/b', '/rooms/*', '/rooms/?', '/rooms/[ab]', '/rooms/a%2Fb', 'a.b', 'a.*', 'a.>', '>', '*', '{a}.b', '{b}.b',
  '$SYS.a', ' ', 'a b', 'a\nb', 'ä', '❤', '__proto__', 'constructor', 'x'.repeat(255)
]

/** Messages likewise. */
const MESSAGES = ['', ' ', '\0', '\r\n', '1:2:3', '{"a":1}', 'ä❤\u{1f600}', 'x'.repeat(100_000)]

/** Numbers, the order, and who hears of it. */
export function announcements (driver: Driver): void {
  clause(driver, 'messages are announced in the order of publishing, with rising numbers, and as the answers say', async ({ t, process }) => {
    await process.engine.subscribe('a', null)
    const tops = await process.publishAll('a', count(20), null)
    const heard = await process.hears('a', 20)
    t.strictSame(texts(heard), count(20))
    t.strictSame(heard.map(({ seq, at }) => ({ seq, at })), tops.map(({ seq, at }) => ({ seq, at })))
    for (const [i, { seq }] of heard.entries()) t.ok(i === 0 || seq > heard[i - 1]!.seq, `${seq} is larger`)
    t.equal(new Set(heard.map(({ at }) => at)).size, 20, 'each position is another one')
  })

  clause(driver, 'what is published at the same time has one order: of the numbers, of the announcements, and of the history', async ({ t, process, keep }) => {
    const { engine } = process
    await engine.subscribe('a', keep(100))
    const answers = await Promise.all(count(100).map(async message => {
      const { seq, at } = await engine.publish('a', message, keep(100), null)
      return { message, seq, at }
    }))
    const heard = await process.hears('a', 100)
    const ordered = answers.sort((one, other) => one.seq - other.seq)
    t.strictSame(plain(heard), ordered)
    t.strictSame(plain(await engine.last('a', keep(100), 100)), ordered)
  })

  clause(driver, 'only topics that are subscribed to are announced, each to its own name', async ({ t, process }) => {
    const { engine } = process
    const subscribed = NAMES.filter((_, i) => i % 2 === 0)
    await Promise.all(subscribed.map(name => engine.subscribe(name, null)))
    for (const name of NAMES) await engine.publish(name, `to ${name}`, null, null)
    for (const name of subscribed) t.strictSame(texts(await process.hears(name, 1)), [`to ${name}`], JSON.stringify(name))
    for (const name of NAMES) if (!subscribed.includes(name)) t.strictSame(process.heardOf(name), [], JSON.stringify(name))
  })

  clause(driver, 'topics are apart in all that is kept, whatever they are called', async ({ t, process, keep }) => {
    const { engine } = process
    for (const name of NAMES) {
      await engine.publish(name, `to ${name}`, keep(5), 'the same id')
      await engine.join(name, { id: 'm', info: name })
    }
    for (const name of NAMES) {
      t.strictSame(texts(await engine.last(name, keep(5), 5)), [`to ${name}`], JSON.stringify(name))
      t.strictSame((await engine.members(name)).map(({ info }) => info), [name])
    }
  })

  clause(driver, 'a message arrives and is kept as it is', async ({ t, process, keep }) => {
    const { engine } = process
    await engine.subscribe('a', keep(100))
    await process.publishAll('a', MESSAGES, keep(100))
    const heard = await process.hears('a', MESSAGES.length)
    const kept = await engine.last('a', keep(100), 100)
    for (const [i, message] of MESSAGES.entries()) {
      t.ok(heard[i]!.message === message, `announced: ${JSON.stringify(message.slice(0, 20))}`)
      t.ok(kept[i]!.message === message, 'kept')
    }
  })

  clause(driver, 'what is published as soon as subscribe() has answered is announced', async ({ t, process }) => {
    const { engine } = process
    for (const name of count(200)) {
      await engine.subscribe(name, null)
      void engine.publish(name, 'at once', null, null)
    }
    for (const name of count(200)) t.strictSame(texts(await process.hears(name, 1)), ['at once'])
  })

  clause(driver, 'behind the answer of subscribe(), exactly what has larger numbers is announced', async ({ t, process, keep }) => {
    const { engine } = process
    const before = process.publishAll('a', count(30), keep(100))
    const during = engine.publish('a', 'during', keep(100), null)
    const top = await engine.subscribe('a', keep(100))
    const heardBefore = process.heardOf('a').length
    await Promise.all([before, during])
    await process.publishAll('a', count(30, 101), keep(100))
    const all = await engine.last('a', keep(100), 100)
    t.equal(all.length, 61)
    const behind = all.filter(({ seq }) => seq > top.seq)
    await process.hears('a', behind.length)
    const heard = process.heardOf('a')
    t.strictSame(plain(heard), plain(all.slice(-heard.length)), 'nothing is missing, nothing comes twice')
    t.ok(heard.length >= behind.length)
    for (const { seq } of heard.slice(heardBefore)) t.ok(seq > top.seq, 'nothing older comes behind the answer')
  })

  clause(driver, 'whoever is told something may call whatever there is', async ({ t, process, keep }) => {
    const { engine } = process
    await engine.subscribe('a', keep(5))
    const calls: Array<Promise<unknown>> = []
    process.onHeard = message => {
      if (message === 'stop') engine.unsubscribe('a')
      if (message !== 'go on') return
      calls.push(
        engine.publish('a', '2', keep(5), null), engine.publish('a', '3', keep(5), null), engine.last('a', keep(5), 5),
        engine.subscribe('b', null), engine.join('a', { id: 'ann', info: null }), engine.leave('a', 'ann')
      )
    }
    await process.publishAll('a', ['go on'], keep(5))
    t.strictSame(texts(await process.hears('a', 3)), ['go on', '2', '3'])
    await Promise.all(calls)
    await process.publishAll('a', ['stop', '4'], keep(5))
    await process.settle()
    t.equal(process.heardOf('a').at(-1)!.message, 'stop')
  })

  clause(driver, 'what was published before subscribe() was called is not announced', async ({ t, process }) => {
    const { engine } = process
    const published = await engine.publish('a', 'before', null, null)
    const top = await engine.subscribe('a', null)
    t.ok(top.seq >= published.seq)
    await engine.publish('a', 'behind', null, null)
    t.strictSame(texts(await process.hears('a', 1)), ['behind'])
  })

  clause(driver, 'who has subscribed twice hears everything once, and unsubscribes once', async ({ t, process }) => {
    const { engine } = process
    await Promise.all([engine.subscribe('a', null), engine.subscribe('a', null)])
    await engine.publish('a', '1', null, null)
    t.strictSame(texts(await process.hears('a', 1)), ['1'])
    engine.unsubscribe('a')
    await process.settle()
    await engine.publish('a', '2', null, null)
    await process.settle()
    t.strictSame(texts(process.heardOf('a')), ['1'])
  })

  clause(driver, 'unsubscribed topics are not announced; the others still are', async ({ t, process }) => {
    const { engine } = process
    await Promise.all(['a', 'b'].map(name => engine.subscribe(name, null)))
    await process.publishAll('a', ['1'], null)
    await process.hears('a', 1)
    engine.unsubscribe('a')
    engine.unsubscribe('never subscribed')
    await process.settle()
    await process.publishAll('a', ['2'], null)
    await process.publishAll('b', ['3'], null)
    t.strictSame(texts(await process.hears('b', 1)), ['3'])
    t.strictSame(texts(process.heardOf('a')), ['1'])
  })

  clause(driver, 'who subscribes again right after unsubscribing misses nothing from there on', async ({ t, process }) => {
    const { engine } = process
    await engine.subscribe('a', null)
    for (let i = 0; i < 50; i++) {
      engine.unsubscribe('a')
      await engine.subscribe('a', null)
      await engine.publish('a', String(i + 1), null, null)
    }
    t.strictSame(texts(await process.hears('a', 50)), count(50))
  })

  clause(driver, 'closed, it announces nothing, and publishing has an end', async ({ t, process, keep, pass }) => {
    const { engine } = process
    await engine.subscribe('a', keep(5))
    await engine.publish('a', '1', keep(5), null)
    await process.hears('a', 1)
    const open = process.heard.length
    await engine.close()
    const outcomes = await Promise.allSettled([
      engine.publish('a', '2', keep(5), null), engine.publish('a', '3', null, null), engine.publish('b', '4', keep(5), 'id')
    ])
    t.equal(outcomes.length, 3)
    await engine.subscribe('a', keep(5)).catch(() => {})
    await engine.publish('a', '5', keep(5), null).catch(() => {})
    engine.unsubscribe('a')
    await pass(0.1)
    t.equal(process.heard.length, open)
    await engine.close()
  })
}
