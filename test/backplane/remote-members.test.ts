import { test } from 'tap'
import { turns } from '../support/late-engine.ts'
import { until } from '../support/until.ts'
import { pair, processes, stillClock } from './remote-stage.ts'

const ada = { id: 'ada', info: { name: 'Ada' } }
const bob = { id: 'bob', info: undefined }

test('members of all processes, each once, in the order in which they joined', async t => {
  const { here, there } = await pair(t)
  t.equal(await here.engine.join('a', ada), true)
  t.equal(await there.engine.join('a', bob), true)
  t.equal(await there.engine.join('a', { id: 'ada', info: 7 }), false)
  t.strictSame(await here.engine.members('a'), [{ id: 'ada', info: 7 }, bob])
  t.equal(await here.engine.count('a'), 2)
  t.equal(await here.engine.leave('a', 'ada'), false)
  t.equal(await there.engine.leave('a', 'ada'), true)
  t.equal(await there.engine.leave('a', 'ada'), false)
  t.strictSame(await here.engine.members('a'), [bob])
})

test('what something else has written to the store as information is nothing', async t => {
  const { here, there } = await pair(t)
  await there.driver.join('a', { id: 'x', info: '{"' })
  t.strictSame(await here.engine.members('a'), [{ id: 'x', info: undefined }])
})

test('who leaves in an outage has left when the engine can be reached, and this process is told', async t => {
  const { here, there } = await pair(t)
  await here.engine.join('a', ada)
  await here.engine.join('a', bob)
  await there.engine.join('a', bob)
  await here.cut(async () => {
    await t.rejects(here.engine.leave('a', 'ada'), { code: 'FST_ERR_WS_BACKPLANE' })
    await t.rejects(here.engine.leave('a', 'bob'), { code: 'FST_ERR_WS_BACKPLANE' })
    await t.rejects(here.engine.leave('a', 'nobody'), { code: 'FST_ERR_WS_BACKPLANE' })
    t.equal(await there.engine.count('a'), 2)
  })
  await until(async () => await there.engine.count('a') === 1)
  await turns(10)
  t.strictSame(here.members, ['gone a ada {"name":"Ada"}'], 'bob is in the other process')
  t.strictSame(there.members, [])
  await here.cut()
  await turns(10)
  t.equal(here.calls('leave').length, 5, 'nothing is owed any more')
})

test('who has come back before the engine was told that it left has not left', async t => {
  const { here, there } = await pair(t)
  await here.engine.join('a', ada)
  await here.cut(async () => {
    await t.rejects(here.engine.leave('a', 'ada'))
    await t.rejects(here.engine.join('a', ada))
  })
  await turns(10)
  t.equal(await there.engine.count('a'), 1)
  t.strictSame(here.members, [])
})

test('a single leave that fails is tried again, until the engine takes it', async t => {
  const clock = await stillClock(t)
  const { here, there } = await pair(t)
  await here.engine.join('a', ada)
  for (let i = 0; i < 2; i++) here.driver.refuse('leave')
  await t.rejects(here.engine.leave('a', 'ada'), { code: 'FST_ERR_WS_BACKPLANE', cause: { message: 'leave was refused' } })
  await clock.tickAsync(999)
  t.equal(here.calls('leave').length, 1)
  await clock.tickAsync(1)
  await turns(10)
  t.equal(here.calls('leave').length, 2)
  await clock.tickAsync(1000)
  await turns(10)
  t.strictSame(here.members, ['gone a ada {"name":"Ada"}'])
  t.equal(await there.engine.count('a'), 0)
  await clock.tickAsync(5000)
  t.equal(here.calls('leave').length, 3)
})

test('a leave that is tried again, and again in vain, of somebody who has joined meanwhile: no more', async t => {
  const clock = await stillClock(t)
  const { here, there } = await pair(t)
  await here.engine.join('a', ada)
  for (let i = 0; i < 2; i++) here.driver.refuse('leave')
  await t.rejects(here.engine.leave('a', 'ada'))
  await clock.tickAsync(1000)
  await here.engine.join('a', ada)
  await clock.tickAsync(5000)
  await turns(10)
  t.equal(here.calls('leave').length, 2)
  t.equal(await there.engine.count('a'), 1)
})

test('a leave that fails when its member has joined again is not tried again', async t => {
  const clock = await stillClock(t)
  const { here, there } = await pair(t)
  await here.engine.join('a', ada)
  for (let i = 0; i < 2; i++) here.driver.refuse('leave')
  const left = t.rejects(here.engine.leave('a', 'ada'))
  const joined = here.engine.join('a', ada)
  await left
  t.equal(await joined, false)
  const leftAgain = t.rejects(here.engine.leave('a', 'ada'))
  await leftAgain
  here.driver.refuse('leave')
  clock.tick(1000)
  t.equal(await here.engine.join('a', ada), false)
  await clock.tickAsync(5000)
  await turns(10)
  t.equal(here.calls('leave').length, 3)
  t.equal(await there.engine.count('a'), 1)
})

test('a leave that fails while the engine cannot be reached is not tried until it can', async t => {
  const clock = await stillClock(t)
  const { here } = await pair(t)
  await here.engine.join('a', ada)
  here.driver.goDown()
  await t.rejects(here.engine.leave('a', 'ada'))
  await clock.tickAsync(10_000)
  t.equal(here.calls('leave').length, 1)
  here.driver.comeUp()
  await here.isUp()
  await turns(10)
  t.strictSame(here.members, ['gone a ada {"name":"Ada"}'])
  await clock.tickAsync(10_000)
  t.equal(here.calls('leave').length, 2)
})

test('members of a process that is killed are gone, told to one process; of one that comes back, they are back', async t => {
  const clock = await stillClock(t)
  const { all: [first, second, third] } = await processes(t, 3, { lease: 3000 })
  await first!.engine.join('a', ada)
  await second!.engine.join('a', bob)
  second!.driver.kill()
  await clock.tickAsync(5000)
  await turns(10)
  t.strictSame([...first!.members, ...third!.members], ['gone a bob undefined'])
  first!.driver.goDown()
  await clock.tickAsync(5000)
  await turns(10)
  t.strictSame(third!.members.filter(one => one.includes('ada')), ['gone a ada {"name":"Ada"}'])
  first!.driver.comeUp()
  await clock.tickAsync(2000)
  await turns(10)
  t.ok(first!.members.includes('back a ada {"name":"Ada"}'))
  t.strictSame(await third!.engine.members('a'), [ada])
})

test('signals reach all other processes, and not the one that sends them', async t => {
  const { all: [first, second, third] } = await processes(t, 3)
  await first!.engine.signal(Buffer.from('hi'))
  await first!.engine.signal(Buffer.alloc(0))
  await second!.driver.signal(Buffer.from('short'))
  await turns(20)
  t.strictSame(second!.signals, ['hi', '', 'short'])
  t.strictSame(third!.signals, ['hi', '', 'short'])
  t.strictSame(first!.signals, ['short'])
})
