import assert from 'node:assert/strict'
import { driverClauses, type DriverProcess } from './driver-setting.ts'
import { count } from './listening.ts'

/** Members of processes that stop, are cut off, and come back. */
export const { all: driverMembers, clause } = driverClauses()

const needs = { needs: ['several', 'cut'] } as const

async function idsOf ({ driver }: DriverProcess, topic: string): Promise<string[]> {
  return (await driver.members(topic)).map(({ id }) => id).toSorted()
}

/** Each of them. */
function gone (...processes: readonly DriverProcess[]): string[] {
  return processes.flatMap(process => process.gone).toSorted()
}

clause('what is told of members is what they told last, and nothing is another text than any', async ({ process: { driver } }) => {
  for (const info of ['', '""', 'null', '{"a":[1,2]}', '"ä❤\u{1f600}\\n"', '[]']) {
    await driver.join('a', { id: 'ann', info })
    assert.deepEqual((await driver.members('a')).map(({ id, info }) => ({ id, info })), [{ id: 'ann', info }])
  }
})

clause('members stay while their process lives', async ({ process, lease, pass }) => {
  await process.driver.join('a', { id: 'ann', info: '1' })
  for (let i = 0; i < 6; i++) await pass(lease / 2)
  assert.deepEqual(await idsOf(process, 'a'), ['ann'])
  assert.deepEqual([process.gone, process.back], [[], []])
  assert.equal(await process.driver.join('a', { id: 'ann', info: '1' }), false)
})

clause('the members of a process that is not heard of any more are gone when its lease is over, and one process is told of each, once', async setting => {
  const { process, another, cut, until, pass, lease } = setting
  const [two, three] = [await another(), await another()]
  const topics = count(30)
  for (const topic of topics) {
    await process.driver.join(topic, { id: 'ann', info: '1' })
    await process.driver.join(topic, { id: 'bob', info: '"here"' })
  }
  await two.driver.join('1', { id: 'bob', info: '"there"' })
  await cut(process)
  await pass(lease / 4)
  assert.equal(await two.driver.count('1'), 2, 'it may come back')
  assert.deepEqual(gone(two, three), [])
  await pass(lease)
  await until(() => gone(two, three).length >= 59, '59 members to be gone')
  assert.deepEqual(await idsOf(three, '1'), ['bob'], 'who is in another process stays')
  for (const topic of topics.slice(1)) assert.deepEqual([await three.driver.count(topic), await idsOf(two, topic)], [0, []], topic)
  await pass(1.5 * lease)
  const all = topics.flatMap(topic => [`${topic} ann 1`, `${topic} bob "here"`]).filter(one => one !== '1 bob "here"')
  assert.deepEqual(gone(two, three), all.toSorted())
  assert.deepEqual([two.back, three.back], [[], []])
  assert.equal(await three.driver.join('1', { id: 'ann', info: '2' }), true, 'whoever comes then is new')
  assert.equal(await two.driver.leave('1', 'bob'), true, 'and whoever leaves is gone')
}, needs)

clause('a process that was taken for gone and comes back joins its members again', async ({ process, another, cut, mend, until, pass, lease }) => {
  const other = await another()
  for (const id of ['ann', 'bob', 'cat']) await process.driver.join('a', { id, info: '1' })
  await process.driver.leave('a', 'cat')
  await process.driver.join('b', { id: 'ann', info: '2' })
  await cut(process)
  await assert.rejects(process.driver.join('a', { id: 'dan', info: '4' }))
  await pass(1.5 * lease)
  await until(() => other.gone.length >= 3, 'the members to be gone')
  assert.equal(await other.driver.join('a', { id: 'bob', info: '3' }), true)
  await mend(process)
  await until(async () => await other.driver.count('a') === 2 && await other.driver.count('b') === 1, 'the members to be back')
  await until(() => process.back.length >= 2, 'it to be told that they are back')
  await pass(1.5 * lease)
  assert.deepEqual(process.back.toSorted(), ['a ann 1', 'b ann 2'], 'who has come to another process meanwhile was not gone')
  assert.deepEqual(gone(process, other), ['a ann 1', 'a bob 1', 'b ann 2'], 'nobody flaps')
  assert.deepEqual(await idsOf(other, 'a'), ['ann', 'bob'])
  assert.deepEqual([await process.driver.leave('a', 'ann'), await other.driver.leave('a', 'bob')], [true, false])
  assert.equal(await process.driver.leave('a', 'bob'), true)
}, needs)

clause('a process that is cut off for a moment loses no member', async ({ process, another, cut, mend, until, pass, lease }) => {
  const other = await another()
  await process.driver.join('a', { id: 'ann', info: '1' })
  await cut(process)
  await pass(lease / 4)
  await mend(process)
  await until(async () => (await process.driver.members('a').catch(() => [])).length === 1, 'the store to be reached')
  await pass(1.5 * lease)
  assert.deepEqual(await idsOf(other, 'a'), ['ann'])
  assert.deepEqual([gone(process, other), process.back, other.back], [[], [], []])
}, needs)

clause('whoever leaves, or joins in vain, while the store cannot be reached is not there when it can be; who has gone is told', async setting => {
  const { process, another, cut, mend, until, pass, lease } = setting
  const other = await another()
  for (const id of ['ann', 'bob', 'cat']) await process.driver.join('a', { id, info: '1' })
  await other.driver.join('a', { id: 'bob', info: '2' })
  await cut(process)
  for (const id of ['ann', 'bob', 'cat', 'nobody']) await assert.rejects(process.driver.leave('a', id))
  await assert.rejects(process.driver.join('a', { id: 'dan', info: '4' }))
  await mend(process)
  await until(() => process.driver.join('a', { id: 'cat', info: '3' }).then(() => true, () => false), 'the store to be reached')
  await until(async () => (await idsOf(other, 'a')).join() === 'bob,cat', 'ann to be gone, bob to be in the other process, cat to be back')
  await pass(lease)
  assert.deepEqual(await idsOf(other, 'a'), ['bob', 'cat'])
  // It may have left before it came back.
  assert.deepEqual(gone(process, other).filter(one => !one.startsWith('a cat ')), ['a ann 1'])
  assert.equal(await process.driver.leave('a', 'cat'), true)
}, needs)

clause('the members of the last process that closes are not there for whoever comes later', async ({ process, another, until, pass, lease, grace }) => {
  await process.driver.join('a', { id: 'ann', info: '1' })
  await process.driver.close()
  await pass(grace + lease)
  const other = await another()
  await until(async () => await other.driver.count('a') === 0, 'the member to be gone')
  await pass(lease)
  assert.ok(other.gone.length <= 1, 'it is told so once, if at all')
  assert.equal(await other.driver.join('a', { id: 'ann', info: '1' }), true)
}, { needs: ['several'] })
