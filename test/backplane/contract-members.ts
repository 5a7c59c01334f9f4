import { clause, count, type Driver } from './driver.ts'

const INFOS = [null, true, 0, -1.5, '', 'text', [], [1, null], {}, { name: 'Ann', tags: ['a'] }]

/** Members of topics. */
export function members (driver: Driver): void {
  clause(driver, 'a topic has no members until somebody joins', async ({ t, process: { engine } }) => {
    t.strictSame(await engine.members('a'), [])
    t.equal(await engine.count('a'), 0)
    t.equal(await engine.leave('a', 'nobody'), false)
  })

  clause(driver, 'a member is told once, with what it told last, however often it joins', async ({ t, process: { engine } }) => {
    t.equal(await engine.join('a', { id: 'ann', info: 1 }), true)
    t.equal(await engine.join('a', { id: 'bob', info: 2 }), true)
    t.equal(await engine.join('a', { id: 'ann', info: 3 }), false)
    t.strictSame(await engine.members('a'), [{ id: 'ann', info: 3 }, { id: 'bob', info: 2 }])
    t.equal(await engine.count('a'), 2)
  })

  clause(driver, 'whoever leaves is gone at once, however often it has joined', async ({ t, process: { engine } }) => {
    for (const info of [1, 2]) await engine.join('a', { id: 'ann', info })
    await engine.join('a', { id: 'bob', info: 3 })
    t.equal(await engine.leave('a', 'ann'), true)
    t.equal(await engine.leave('a', 'ann'), false)
    t.strictSame(await engine.members('a'), [{ id: 'bob', info: 3 }])
    t.equal(await engine.leave('a', 'bob'), true)
    t.strictSame(await engine.members('a'), [])
    t.equal(await engine.count('a'), 0)
  })

  clause(driver, 'members come in the order in which they joined', async ({ t, process: { engine } }) => {
    const names = count(50).toReversed()
    for (const id of names) await engine.join('a', { id, info: null })
    await engine.join('a', { id: names[20]!, info: null })
    t.strictSame((await engine.members('a')).map(({ id }) => id), names)
    await engine.leave('a', names[0]!)
    await engine.join('a', { id: names[0]!, info: null })
    t.strictSame((await engine.members('a')).map(({ id }) => id), [...names.slice(1), names[0]])
  })

  clause(driver, 'of many that join at the same time, one is new', async ({ t, process: { engine } }) => {
    const answers = await Promise.all(count(20).map(async info => engine.join('a', { id: 'ann', info })))
    t.equal(answers.filter(isNew => isNew).length, 1)
    t.equal(await engine.count('a'), 1)
    const left = await Promise.all(count(20).map(async () => engine.leave('a', 'ann')))
    t.equal(left.filter(isGone => isGone).length, 1)
  })

  clause(driver, 'topics have members of their own', async ({ t, process: { engine } }) => {
    await engine.join('a', { id: 'ann', info: 1 })
    t.equal(await engine.join('b', { id: 'ann', info: 2 }), true)
    t.strictSame(await engine.members('a'), [{ id: 'ann', info: 1 }])
    t.strictSame(await engine.members('b'), [{ id: 'ann', info: 2 }])
    t.equal(await engine.leave('a', 'ann'), true)
    t.equal(await engine.count('b'), 1)
  })

  clause(driver, 'any text is an id, and any JSON or nothing is what is told of a member', async ({ t, process: { engine } }) => {
    for (const id of ['', ' ', 'a b', '*', '>', '__proto__', 'ä❤', 'a\r\nb']) {
      t.equal(await engine.join('a', { id, info: id }), true, JSON.stringify(id))
      t.equal((await engine.members('a')).at(-1)!.id, id)
      t.equal(await engine.leave('a', id), true)
    }
    for (const info of [undefined, ...INFOS]) {
      await engine.join('a', { id: 'ann', info })
      const [ann] = await engine.members('a')
      t.strictSame(ann!.info, info, JSON.stringify(info) ?? 'nothing')
    }
  })

  clause(driver, 'members stay, however much time passes', async ({ t, process: { engine }, pass, keep }) => {
    await engine.join('a', { id: 'ann', info: 1 })
    await engine.publish('a', '1', keep(5), null)
    await pass(5)
    t.strictSame(await engine.members('a'), [{ id: 'ann', info: 1 }])
    t.equal(await engine.join('a', { id: 'ann', info: 1 }), false)
  })
}
