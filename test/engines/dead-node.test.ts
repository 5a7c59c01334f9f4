/* Promise 8, the first part, and what becomes of members in other misfortunes. */
import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { type Test, test } from 'tap'
import { until } from './until.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { onEachEngine } from './each-engine.ts'
import { type Follower, startFollowers } from './follower.ts'
import { type EngineServer, startRedis } from './servers.ts'

/** Milliseconds. A heartbeat comes three times in one. */
const LEASE = 3000
/** Longer than a client needs to come back. */
const GRACE = 1000
/** Until everybody has learned of it: a lease, the heartbeat that finds it expired, and the grace period of the topic. */
const SOON = LEASE * 4 / 3 + GRACE + 1000
const EACH = 5

interface Scene {
  cluster: Cluster
  followers: Follower[]
  ofNode (index: number): Follower[]
}

/** Five users on each of three nodes, and one who is on all. */
async function peopled (t: Test, server: EngineServer): Promise<Scene> {
  const cluster = await startCluster(t, server, { lease: LEASE, grace: GRACE })
  const followers = await startFollowers(t, 3 * EACH + 3, index => ({
    port: () => cluster.node(index).port,
    kind: 'people',
    room: 'a',
    query: { user: index < 3 * EACH ? `u${index}` : 'everywhere' }
  }))
  await until(async () => await cluster.node(0).ask('count', 'a') === 3 * EACH + 1, 'all are there')
  // Everybody has heard of everybody whose coming was to be announced.
  await wait(300)
  return { cluster, followers, ofNode: index => followers.filter((_, i) => i % 3 === index) }
}

/** Who is said to have come or gone, and how often, by what one of them has heard. */
function heard (follower: Follower, type: 'joined' | 'left', from = 0): string[] {
  return follower.received.slice(from).filter(entry => entry.from === type).map(({ text }) => text!).sort()
}

function users (node: number): string[] {
  return Array.from({ length: EACH }, (_, index) => `u${3 * index + node}`).sort()
}

onEachEngine('a node that is killed: its members are gone within the lease, and no other flaps', async (t, engine) => {
  const { cluster, ofNode } = await peopled(t, await engine.start(t))
  const rest = [...ofNode(0), ...ofNode(1)]
  const before = rest.map(({ received }) => received.length)
  // They are on their way to nowhere.
  for (const follower of ofNode(2)) follower.options.returns = false
  const killed = Date.now()
  await cluster.node(2).kill()
  t.equal(await cluster.node(0).ask('count', 'a'), 3 * EACH + 1, 'they may come back')
  await until(async () => await cluster.node(1).ask('count', 'a') === 2 * EACH + 1, 'they are gone')
  const took = Date.now() - killed
  t.ok(took < SOON, `that took ${took} ms`)
  await until(() => rest.every((follower, index) => heard(follower, 'left', before[index]).length >= EACH), 'and that was announced')
  await wait(LEASE)
  for (const [index, follower] of rest.entries()) {
    t.strictSame(heard(follower, 'left', before[index]), users(2), 'each once')
    t.strictSame(heard(follower, 'joined', before[index]), [])
  }
  const members = await cluster.node(0).ask('members', 'a')
  t.strictSame(members.map(({ id }) => id).sort(), ['everywhere', ...users(0), ...users(1)].sort())
  await cluster.node(2).restart()
  for (const follower of ofNode(2)) follower.come()
  await until(async () => await cluster.node(0).ask('count', 'a') === 3 * EACH + 1, 'they come back')
  await until(() => rest.every((follower, index) => heard(follower, 'joined', before[index]).length >= EACH), 'and that is announced')
  for (const [index, follower] of rest.entries()) t.strictSame(heard(follower, 'joined', before[index]), users(2))
})

onEachEngine('a node that stands still for longer than the lease: its members go, and come back with it', async (t, engine) => {
  const { cluster, ofNode } = await peopled(t, await engine.start(t))
  const rest = [...ofNode(0), ...ofNode(1)]
  const before = rest.map(({ received }) => received.length)
  cluster.node(2).stop()
  await until(async () => await cluster.node(1).ask('count', 'a') === 2 * EACH + 1, 'they are gone')
  cluster.node(2).goOn()
  await until(async () => await cluster.node(1).ask('count', 'a') === 3 * EACH + 1, 'they are back')
  await until(() => rest.every((follower, index) => heard(follower, 'joined', before[index]).length >= EACH), 'and that is announced')
  await wait(LEASE)
  for (const [index, follower] of rest.entries()) {
    t.strictSame(heard(follower, 'left', before[index]), users(2))
    t.strictSame(heard(follower, 'joined', before[index]), users(2))
  }
  t.equal(await cluster.node(0).ask('count', 'a'), 3 * EACH + 1)
})

onEachEngine('a node that is closed: members who find another one in time have not been away', async (t, engine) => {
  const { cluster, ofNode } = await peopled(t, await engine.start(t))
  const rest = [...ofNode(0), ...ofNode(1)]
  const before = rest.map(({ received }) => received.length)
  for (const follower of ofNode(2)) follower.options.port = () => cluster.node(0).port
  await cluster.node(2).close()
  await until(() => ofNode(2).every(({ isSubscribed }) => isSubscribed), 'they are on another one')
  await wait(SOON + 2000)
  for (const [index, follower] of rest.entries()) {
    t.strictSame(heard(follower, 'left', before[index]), [])
    t.strictSame(heard(follower, 'joined', before[index]), [])
  }
  t.equal(await cluster.node(1).ask('count', 'a'), 3 * EACH + 1)
})

test('redis: FLUSHALL: members are back with the next heartbeat', async t => {
  const server = await startRedis(t)
  const admin = new Redis(server.port)
  t.teardown(() => admin.disconnect())
  const { cluster } = await peopled(t, server)
  await admin.flushall()
  const flushed = Date.now()
  await until(async () => await cluster.node(0).ask('count', 'a') === 3 * EACH + 1, 'they are back')
  t.ok(Date.now() - flushed < LEASE, `that took ${Date.now() - flushed} ms`)
})
