import assert from 'node:assert/strict'
import { engineClauses } from './engine-setting.ts'
import { count } from './listening.ts'
import { INFOS, MEMBER_IDS } from './samples.ts'

/** Members of topics. */
export const { all: members, clause } = engineClauses()

clause('a topic has no members until somebody joins', async ({ process: { engine } }) => {
  assert.deepEqual(await engine.members('a'), [])
  assert.equal(await engine.count('a'), 0)
  assert.equal(await engine.leave('a', 'nobody'), false)
})

clause('a member is told once, with what it told last, however often it joins', async ({ process: { engine }, listed }) => {
  assert.equal(await engine.join('a', { id: 'ann', info: 1 }), true)
  assert.equal(await engine.join('a', { id: 'bob', info: 2 }), true)
  assert.equal(await engine.join('a', { id: 'ann', info: 3 }), false)
  assert.deepEqual(listed(await engine.members('a')), [{ id: 'ann', info: 3 }, { id: 'bob', info: 2 }])
  assert.equal(await engine.count('a'), 2)
})

clause('whoever leaves is gone at once, however often it has joined', async ({ process: { engine } }) => {
  for (const info of [1, 2]) await engine.join('a', { id: 'ann', info })
  await engine.join('a', { id: 'bob', info: 3 })
  assert.equal(await engine.leave('a', 'ann'), true)
  assert.equal(await engine.leave('a', 'ann'), false)
  assert.deepEqual(await engine.members('a'), [{ id: 'bob', info: 3 }])
  assert.equal(await engine.leave('a', 'bob'), true)
  assert.deepEqual(await engine.members('a'), [])
  assert.equal(await engine.count('a'), 0)
})

clause('members come in the order in which they joined', async ({ process: { engine } }) => {
  const names = count(50).toReversed()
  for (const id of names) await engine.join('a', { id, info: null })
  await engine.join('a', { id: names[20]!, info: null })
  assert.deepEqual((await engine.members('a')).map(({ id }) => id), names)
  await engine.leave('a', names[0]!)
  await engine.join('a', { id: names[0]!, info: null })
  assert.deepEqual((await engine.members('a')).map(({ id }) => id), [...names.slice(1), names[0]])
}, { unless: 'roughJoinOrder' })

clause('of many that join at the same time, one is new', async ({ process: { engine } }) => {
  const answers = await Promise.all(count(20).map(async info => engine.join('a', { id: 'ann', info })))
  assert.equal(answers.filter(isNew => isNew).length, 1)
  assert.equal(await engine.count('a'), 1)
  const left = await Promise.all(count(20).map(async () => engine.leave('a', 'ann')))
  assert.equal(left.filter(isGone => isGone).length, 1)
})

clause('topics have members of their own', async ({ process: { engine } }) => {
  await engine.join('a', { id: 'ann', info: 1 })
  assert.equal(await engine.join('b', { id: 'ann', info: 2 }), true)
  assert.deepEqual(await engine.members('a'), [{ id: 'ann', info: 1 }])
  assert.deepEqual(await engine.members('b'), [{ id: 'ann', info: 2 }])
  assert.equal(await engine.leave('a', 'ann'), true)
  assert.equal(await engine.count('b'), 1)
})

clause('any text is an id, and any JSON or nothing is what is told of a member', async ({ process: { engine } }) => {
  for (const id of MEMBER_IDS) {
    assert.equal(await engine.join('a', { id, info: id }), true, JSON.stringify(id))
    assert.equal((await engine.members('a')).at(-1)!.id, id)
    assert.equal(await engine.leave('a', id), true)
  }
  for (const info of [undefined, ...INFOS]) {
    await engine.join('a', { id: 'ann', info })
    const [ann] = await engine.members('a')
    assert.deepEqual(ann!.info, info, JSON.stringify(info) ?? 'nothing')
  }
})

clause('members stay, however much time passes', async ({ process: { engine }, pass, brief: keep }) => {
  await engine.join('a', { id: 'ann', info: 1 })
  await engine.publish('a', '1', keep(5), null)
  await pass(5)
  assert.deepEqual(await engine.members('a'), [{ id: 'ann', info: 1 }])
  assert.equal(await engine.join('a', { id: 'ann', info: 1 }), false)
})
