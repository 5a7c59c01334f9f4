import { test } from 'tap'
import { ask } from './redis-cluster.ts'
import { startSentinels } from './redis-sentinel.ts'

test('sentinels swap the master and its replica when they are told to, and when the master dies', async t => {
  const sentinels = await startSentinels(t)
  const [first, second] = sentinels.servers
  t.equal(await sentinels.master(), first)
  t.equal(await ask(first, 'SET', 'a', 'b'), 'OK')
  await ask(first, 'WAIT', 1, 1000)
  t.equal(await sentinels.swap(), first)
  t.equal(await sentinels.master(), second)
  t.equal(await ask(second, 'GET', 'a'), 'b')
  await t.rejects(ask(first, 'SET', 'a', 'c'), /^READONLY/)
  t.equal(await sentinels.failOver(), second)
  t.equal(await ask(first, 'SET', 'a', 'c'), 'OK')
})
