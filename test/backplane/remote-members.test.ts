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
  await here.cut(async () => {
    await t.rejects(here.engine.leave('a', 'ada'), { code: 'FST_ERR_WS_BACKPLANE' })
    await t.rejects(here.engine.join('a', bob), { code: 'FST_ERR_WS_BACKPLANE' })
  })
  await until(async () => await there.engine.count('a') === 0)
  await until(() => here.members.length > 0)
  t.strictSame(here.members, ['gone a ada {"name":"Ada"}'])
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
