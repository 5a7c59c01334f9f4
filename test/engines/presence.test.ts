/* Promise 9. */
import { Redis } from 'ioredis'
import { setTimeout as wait } from 'node:timers/promises'
import { test } from 'tap'
import { until } from './until.ts'
import { startCluster } from './cluster.ts'
import { onEachEngine } from './each-engine.ts'
import { areSubscribed, startFollowers } from './follower.ts'
import { startRedis } from './servers.ts'

/** Milliseconds. */
const LEASE = 3000

onEachEngine('members, counts, and what concerns a user or everybody are right on all nodes', async (t, engine) => {
  const cluster = await startCluster(t, await engine.start(t))
  // Ten users, each with three tabs, on nodes that differ from one to the next.
  const followers = await startFollowers(t, 30, index => ({
    port: () => cluster.node(index).port, kind: 'people', room: 'a', query: { user: `u${index % 10}`, tab: `${index}` }
  }))
  const everybody = Array.from({ length: 10 }, (_, index) => `u${index}`)
  for (const { ask } of cluster.nodes) {
    t.equal(await ask('count', 'a'), 10)
    t.strictSame((await ask('members', 'a')).map(({ id }) => id).sort(), everybody)
    t.strictSame([await ask('count', 'b'), await ask('members', 'b')], [0, []], 'of another topic')
  }
  const [order, ...others] = await Promise.all(cluster.nodes.map(async ({ ask }) => (await ask('members', 'a')).map(({ id }) => id)))
  for (const other of others) t.strictSame(other, order, 'in one order')

  const of = (user: number) => followers.filter((_, index) => index % 10 === user)
  await cluster.node(0).ask('sendToUser', { id: 'u3', text: '"to u3"' })
  await until(() => of(3).every(({ others }) => others.length > 0), 'on all nodes')
  await cluster.node(1).ask('broadcast', '"to all"')
  await until(() => followers.every(({ others }) => others.includes('"to all"')), 'everybody')
  for (const follower of followers) t.strictSame(follower.others, of(3).includes(follower) ? ['"to u3"', '"to all"'] : ['"to all"'])

  for (const follower of of(7)) follower.options.returns = false
  await cluster.node(2).ask('closeUser', { id: 'u7', code: 4001 })
  await until(() => of(7).every(({ ends }) => ends.length > 0), 'all of a user\'s connections are closed')
  t.strictSame(of(7).map(({ ends }) => ends), [[4001], [4001], [4001]])
  t.ok(followers.every(follower => of(7).includes(follower) || follower.ends.length === 0), 'and no other')
  for (const { ask } of cluster.nodes) await until(async () => await ask('count', 'a') === 9, 'one has left')
  for (const follower of of(7)) follower.come()
  await areSubscribed(followers)
  for (const { ask } of cluster.nodes) t.equal(await ask('count', 'a'), 10)

  // Nobody is asked who may not answer.
  cluster.node(2).stop()
  const asked = Date.now()
  for (const { ask } of cluster.nodes.slice(0, 2)) t.strictSame([await ask('count', 'a'), (await ask('members', 'a')).length], [10, 10])
  t.ok(Date.now() - asked < 500, `it took ${Date.now() - asked} ms without one of the nodes`)
  cluster.node(2).goOn()
}, { always: true })

test('redis: what presence costs does not depend on how many members there are', async t => {
  const server = await startRedis(t)
  const cluster = await startCluster(t, server, { lease: LEASE })
  const admin = new Redis(server.port)
  t.teardown(() => admin.disconnect())
  async function commandsOf (milliseconds: number): Promise<number> {
    const count = async (): Promise<number> => Number(/total_commands_processed:(\d+)/.exec(await admin.info('stats'))![1])
    const before = await count()
    await wait(milliseconds)
    return await count() - before
  }
  const people = (from: number) => (index: number) =>
    ({ port: () => cluster.node(index).port, kind: 'people' as const, room: `${index % 5}`, query: { user: `u${from + index}` } })
  await startFollowers(t, 15, people(0))
  const few = await commandsOf(LEASE)
  await startFollowers(t, 600, people(15))
  // Those who came are announced, and that is over.
  await wait(500)
  const many = await commandsOf(LEASE)
  t.ok(many < few * 1.5 + 10, `${few} commands with 15 members, ${many} with 615`)
  t.ok(many < 3 * 40, `${many} in ${LEASE} ms, of three nodes`)
})
