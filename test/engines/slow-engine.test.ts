/* Promise 10. */
import { setTimeout as wait } from 'node:timers/promises'
import { until } from './until.ts'
import { answerFaults, deliveryFaults, few, haveAll, refused, sequenceFaults } from './books.ts'
import { startCluster } from './cluster.ts'
import { onEachEngine } from './each-engine.ts'
import { startFollowers } from './follower.ts'

const LENGTH = 10_000
/** Bytes: 64 MiB may wait for an engine, and the publishers of this test wait with it. */
const BOUND = 100_000_000
/** Milliseconds for which the loop may do nothing else. */
const HELD = 200

onEachEngine('an engine that does not answer: what waits is bounded, publish rejects, and nothing else waits', async (t, engine) => {
  const server = await engine.start(t)
  const cluster = await startCluster(t, server, { nodes: 1, padding: LENGTH })
  const [node] = cluster.nodes as [typeof cluster.nodes[0]]
  const [follower] = await startFollowers(t, 1, () => ({ port: () => node.port, kind: 'news', room: 'b' }))
  const before = await node.ask('memory')
  server.stop()
  // 120 MB, and as much again every other second, if all were let wait.
  await node.ask('begin', { kind: 'rooms', room: 'a', from: 'flood', inFlight: 12_000, pace: 2000 })
  await wait(2500)
  const { held } = await node.state()
  t.ok(held < 500, `the loop was held for ${Math.round(held)} ms`)
  const more = await node.ask('memory') - before
  t.ok(more < BOUND, `${Math.round(more / 1e6)} MB more`)
  server.goOn()
  const made = [await node.ask('end', 'flood')]
  t.ok(refused(made).length > 1000, `${refused(made).length} of ${made[0]!.attempts.length} were refused`)
  t.same(few(answerFaults(made)), [])
  await until(async () => (await node.state()).backplane?.state === 'up', 'up')
  await node.ask('publish', { kind: 'news', room: 'b', entry: { from: 'test', n: 0 } })
  await until(() => follower!.received.some(({ from }) => from === 'test'), 'and it goes on')
  const own = 10_000_000 + made[0]!.attempts.length * 200
  await until(async () => await node.ask('memory') - before < own, 'and nothing of it is left')
})

onEachEngine('an engine that answers slowly: all is delivered or refused, and the loop is free', async (t, engine) => {
  const server = await engine.start(t)
  const cluster = await startCluster(t, server, { nodes: 2 })
  const followers = await startFollowers(t, 4, index => ({ port: () => cluster.node(index).port, kind: 'rooms', room: 'a' }))
  await cluster.states()
  await cluster.begin('rooms', 'a', { inFlight: 200, pace: 1 })
  for (const end = Date.now() + 5000; Date.now() < end;) {
    server.stop()
    await wait(300 * Math.random())
    server.goOn()
    await wait(20 * Math.random())
  }
  const made = await cluster.end('rooms')
  await until(() => haveAll(made, followers), 'everything that was acknowledged')
  t.same(few([...answerFaults(made), ...deliveryFaults(made, followers), ...sequenceFaults(followers)]), [])
  for (const { held } of await cluster.states()) t.ok(held < HELD, `the loop was held for ${Math.round(held)} ms`)
  t.ok(followers.every(({ connections, beginnings }) => connections === 1 && beginnings.length === 1))
})
