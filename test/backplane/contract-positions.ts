import { clause, count, type Driver, open, plain, type Process, texts } from './driver.ts'

const NO_POSITIONS = [
  '', ' ', '0', '1', '-1', '0-0', '-', '1-1', '$', '+', 'latest', 'null', 'undefined', 'NaN', 'Infinity', '__proto__', '\0', '\n', '%00', '*', '{}',
  '❤', '\u{1f600}-1', '9'.repeat(400), 'z'.repeat(10_000)
]

/** Texts that look like a position. */
function mutations (at: string): string[] {
  const all = [at + at, `${at}0`, `0${at}`, ` ${at}`, `${at} `, `${at}\n`, [...at].toReversed().join('')]
  for (let i = 0; i < at.length; i++) {
    all.push(at.slice(0, i), at.slice(i), at.slice(0, i) + at.slice(i + 1))
    for (const character of '0-zA.') all.push(at.slice(0, i) + character + at.slice(i + 1))
  }
  return all.filter(text => text !== at)
}

/** Reading what is behind a position. */
export function positions (driver: Driver): void {
  clause(driver, 'read() has all that is behind a position, the oldest first, as it was announced', async ({ t, process, keep }) => {
    const { engine } = process
    const top = await engine.subscribe('a', keep(10))
    const tops = await process.publishAll('a', count(10), keep(10))
    const heard = plain(await process.hears('a', 10))!
    for (const [i, { at }] of [top, ...tops].entries()) {
      t.strictSame(plain(await engine.read('a', keep(10), at, 100)), heard.slice(i))
    }
  })

  clause(driver, 'at the top there is nothing to read', async ({ t, process, keep }) => {
    const { engine } = process
    const [last] = await process.publishAll('a', ['1'], keep(10))
    t.strictSame(texts(await engine.read('a', keep(10), last!.at, 100)), [])
    const top = await engine.subscribe('a', keep(10))
    t.strictSame(texts(await engine.read('a', keep(10), top.at, 100)), [], 'as subscribe() tells it')
  })

  clause(driver, 'read() has at most as many as it was asked for, and can go on from the last', async ({ t, process, keep }) => {
    const { engine } = process
    let { at } = await engine.subscribe('a', keep(100))
    await process.publishAll('a', count(100), keep(100))
    for (const limit of [1, 7, 99, 100]) t.strictSame(texts(await engine.read('a', keep(100), at, limit)), count(limit))
    const found = []
    for (;;) {
      const part = (await engine.read('a', keep(100), at, 7))!
      if (part.messages.length === 0) break
      found.push(...part.messages)
      at = part.messages.at(-1)!.at
      t.equal(part.upTo === part.messages.at(-1)!.seq || found.length === 100, true, 'it says how far it goes')
    }
    t.strictSame(texts(found), count(100))
  })

  clause(driver, 'what is read, and what is announced with larger numbers, is everything, once', async ({ t, process, keep }) => {
    const { engine } = process
    const { at } = await engine.subscribe('a', keep(100))
    const publishing = process.publishAll('a', count(60), keep(100))
    const parts = []
    for (const limit of [100, 1, 100, 7, 100, 100, 30, 100]) parts.push((await engine.read('a', keep(100), at, limit))!)
    await publishing
    parts.push((await engine.read('a', keep(100), at, 100))!)
    const heard = await process.hears('a', 60)
    for (const { messages, upTo } of parts) {
      t.strictSame(texts([...messages, ...heard.filter(({ seq }) => seq > upTo)]), count(60), `${messages.length} were read`)
    }
    const nothing = (await engine.read('a', keep(100), heard[59]!.at, 100))!
    t.ok(nothing.upTo >= heard[59]!.seq, 'there is no way back')
  })

  clause(driver, 'who subscribed to an empty topic can go on from there', async ({ t, process, keep }) => {
    const { engine } = process
    const { at } = await engine.subscribe('a', keep(10))
    t.strictSame(texts(await engine.read('a', keep(10), at, 10)), [])
    await process.publishAll('b', count(3), keep(10))
    t.strictSame(texts(await engine.read('a', keep(10), at, 10)), [])
    await process.publishAll('a', count(3), keep(10))
    t.strictSame(texts(await engine.read('a', keep(10), at, 10)), count(3))
    engine.unsubscribe('a')
    await process.settle()
    await process.publishAll('a', count(3, 4), keep(10))
    t.strictSame(texts(await engine.read('a', keep(10), at, 10)), count(6), 'and when nobody is subscribed any more')
  })

  clause(driver, 'text that is no position is not found', async ({ t, process, keep }) => {
    const { engine } = process
    for (const text of NO_POSITIONS) t.equal(await engine.read('a', keep(10), text, 10), null, JSON.stringify(text.slice(0, 20)))
    await engine.subscribe('a', keep(10))
    await process.publishAll('a', count(3), keep(10))
    for (const text of NO_POSITIONS) t.equal(await engine.read('a', keep(10), text, 10), null, JSON.stringify(text.slice(0, 20)))
  })

  clause(driver, 'whatever is made of a position, there is no answer with a gap', async ({ t, process, keep }) => {
    const { engine } = process
    await engine.subscribe('a', keep(3))
    const tops = await process.publishAll('a', count(40), keep(3))
    const right = ['null', '["38","39","40"]', '["39","40"]', '["40"]', '[]']
    const wrong = []
    for (const text of mutations(tops[38]!.at)) {
      const answer = JSON.stringify(texts(await engine.read('a', keep(3), text, 10)))
      if (!right.includes(answer)) wrong.push([text, answer])
    }
    t.strictSame(wrong, [])
  })

  clause(driver, 'a position that has not been reached is not found', async ({ t, process, keep }) => {
    const { engine } = process
    const { at } = await engine.subscribe('a', keep(10))
    t.equal(await engine.read('a', keep(10), driver.future(at), 10), null)
    const [last] = await process.publishAll('a', ['1'], keep(10))
    t.equal(await engine.read('a', keep(10), driver.future(last!.at), 10), null)
  })

  clause(driver, 'a position of another store is not found', async ({ t, world, process, keep }) => {
    const other = await open(t, await world.store())
    for (const one of [process, other]) await one.engine.subscribe('a', keep(10))
    const [first] = await other.publishAll('a', count(3), keep(10))
    const { at } = await other.engine.subscribe('b', keep(10))
    t.equal(await process.engine.read('a', keep(10), first!.at, 10), null, 'nothing was published here')
    await process.publishAll('a', count(3), keep(10))
    t.equal(await process.engine.read('a', keep(10), first!.at, 10), null, 'something of the same number was')
    t.equal(await process.engine.read('b', keep(10), at, 10), null)
  })

  clause(driver, 'a position is not found when something behind it has made room for others', async ({ t, process, keep }) => {
    const { engine } = process
    const { at } = await engine.subscribe('a', keep(5))
    const tops = await process.publishAll('a', count(12), keep(5))
    t.equal(await engine.read('a', keep(5), at, 100), null)
    for (const one of tops.slice(0, 6)) t.equal(await engine.read('a', keep(5), one.at, 100), null)
    const border = texts(await engine.read('a', keep(5), tops[6]!.at, 100))
    if (border !== null) t.strictSame(border, count(5, 8), 'of the message that went last, nothing behind is missing')
    for (const [i, one] of tops.slice(7).entries()) t.strictSame(texts(await engine.read('a', keep(5), one.at, 100)), count(4 - i, 9 + i))
  })

  clause(driver, 'a position is not found when something behind it has gone with time', async ({ t, process, keep, pass }) => {
    const { engine } = process
    const { at } = await engine.subscribe('a', keep(5))
    const tops = await process.publishAll('a', count(3), keep(5))
    const old = [at, ...tops.slice(0, 2).map(top => top.at)]
    await pass(1.5)
    for (const one of old) t.equal(await engine.read('a', keep(5), one, 100), null)
    t.strictSame(texts(await engine.read('a', keep(5), tops[2]!.at, 100)), [], 'nothing behind the last is missing')
    const [fourth] = await process.publishAll('a', count(3, 4), keep(5))
    for (const one of old) t.equal(await engine.read('a', keep(5), one, 100), null, 'and not when the topic has begun anew')
    t.strictSame(texts(await engine.read('a', keep(5), tops[2]!.at, 100)), count(3, 4))
    t.strictSame(texts(await engine.read('a', keep(5), fourth!.at, 100)), ['5', '6'])
  })

  clause(driver, 'nor when nobody is subscribed', async ({ t, process, keep, pass }) => {
    const { engine } = process
    const tops = await process.publishAll('a', count(3), keep(5))
    for (const ttls of [1.5, 1.5, 5]) {
      await pass(ttls)
      for (const { at } of tops.slice(0, 2)) t.equal(await engine.read('a', keep(5), at, 100), null)
      await process.publishAll('other', ['1'], keep(5))
    }
    await process.publishAll('a', ['4'], keep(5))
    for (const { at } of tops.slice(0, 2)) t.equal(await engine.read('a', keep(5), at, 100), null)
  })

  clause(driver, 'while a topic is subscribed to, its positions stay good, however long it is silent', async ({ t, process, keep, pass }) => {
    const { engine } = process
    const [last] = (await process.publishAll('a', count(2), keep(5))).slice(1)
    const tops = [last!, await engine.subscribe('a', keep(5)), await engine.subscribe('empty', keep(5))]
    const names = ['a', 'a', 'empty']
    const readAll = async () => Promise.all(tops.map(async ({ at }, i) => texts(await engine.read(names[i]!, keep(5), at, 10))))
    await silence(process)
    t.strictSame(await readAll(), [[], [], []])
    for (const name of ['a', 'empty']) engine.unsubscribe(name)
    await pass(0.5)
    t.strictSame(await readAll(), [[], [], []], 'and a while longer, for those who come back')
    for (const name of ['a', 'empty']) await engine.subscribe(name, keep(5))
    await silence(process)
    for (const name of ['a', 'empty']) await engine.publish(name, 'new', keep(5), null)
    t.strictSame(await readAll(), [['new'], ['new'], ['new']])

    async function silence (process: Process): Promise<void> {
      for (const other of count(4)) {
        await process.publishAll(other, ['1'], keep(5))
        await pass(1.5)
      }
    }
  })
}
