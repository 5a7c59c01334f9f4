/* Promise 4. */
import { cpSync, rmSync } from 'node:fs'
import { Redis } from 'ioredis'
import { type Test, test } from 'tap'
import { setTimeout as wait } from 'node:timers/promises'
import { until } from './until.ts'
import { acknowledged, answerFaults, deliveryFaults, few, publisherOrderFaults, sequenceFaults } from './books.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { onEachEngine } from './each-engine.ts'
import { areSubscribed, type Follower, type FollowerOptions, startFollowers } from './follower.ts'
import { type EngineServer, startRedis } from './servers.ts'

/** The data of a server as they are on the disk now; they replace what it has later, while it does not run. */
function copyData (t: Test, server: EngineServer): { restore (): void } {
  const copy = `${server.folder}-copy`
  t.teardown(() => { rmSync(copy, { recursive: true, force: true }) })
  server.stop()
  cpSync(server.folder, copy, { recursive: true })
  server.goOn()
  return {
    restore () {
      rmSync(server.folder, { recursive: true, force: true })
      cpSync(copy, server.folder, { recursive: true })
    }
  }
}

function on (cluster: Cluster): (index: number) => FollowerOptions {
  return index => ({ port: () => cluster.node(index).port, kind: 'rooms', room: 'a' })
}

/** Publishes `count` messages, one behind the other, and waits until these followers have them. */
async function publish (cluster: Cluster, from: string, count: number, followers: Follower[]): Promise<void> {
  await cluster.node(0).ask('begin', { kind: 'rooms', room: 'a', from, count, inFlight: 1, pace: 0 })
  const made = await cluster.node(0).ask('end', from)
  if (acknowledged([made]).size !== count) throw new Error(`${from}: not all were acknowledged`)
  await until(() => followers.every(({ received }) => received.some(entry => entry.from === from && entry.n === count - 1)),
    `the last of ${from}`)
}

function names (follower: Follower, part: number): string[] {
  return follower.parts.at(part)!.map(({ from, n }) => `${from}:${n}`)
}

function numbered (from: string, first: number, end: number): string[] {
  return Array.from({ length: end - first }, (_, index) => `${from}:${first + index}`)
}

/**
 * Clients with and without a connection, while an engine loses a part of what it has, under load.
 *
 * @param isKnown whether it still has what the client without a connection has seen
 */
async function loseUnderLoad (t: Test, server: EngineServer, isKnown: boolean, lose: () => Promise<void>): Promise<void> {
  const cluster = await startCluster(t, server)
  const followers = await startFollowers(t, 6, on(cluster))
  const [away, ...connected] = followers as [Follower, ...Follower[]]
  await cluster.begin('rooms', 'a', { inFlight: 4, pace: 2 })
  await until(() => away.received.length > 100, 'a beginning')
  away.leave()
  await wait(100)
  await lose()
  const from = Date.now()
  await until(() => connected.every(({ beginnings }) => beginnings.length > 1), 'begin is called again')
  const all = Date.now()
  t.comment(`that took ${all - from} ms`)
  away.come()
  await wait(500)
  const made = await cluster.end('rooms')
  const later = made.map(one => ({ ...one, attempts: one.attempts.filter(({ began }) => began > all) }))
  t.ok(acknowledged(later).size > 100)
  await until(() => connected.every(({ received }) => {
    const seen = new Set(received.map(({ from, n }) => `${from}:${n}`))
    return [...acknowledged(later)].every(key => seen.has(key))
  }), 'what was acknowledged since')
  t.same(few(answerFaults(made)), [])
  t.same(few(deliveryFaults(made, followers, false)), [], 'nothing twice')
  // Where it goes back to what the others have lost, its sequence is another.
  t.same(few(sequenceFaults(isKnown ? connected : followers)), [], 'nobody gets a mixed sequence')
  t.same(few(publisherOrderFaults(followers)), [])
  t.strictSame(away.beginnings.map(({ recovered }) => recovered), [false, isKnown])
  for (const { beginnings, connections } of connected) {
    t.equal(connections, 1)
    t.strictSame(beginnings.slice(1).map(({ recovered }) => recovered), [false])
  }
}

test('redis: FLUSHALL under load: whoever is connected is told, and has one sequence from there on', async t => {
  const server = await startRedis(t)
  const admin = new Redis(server.port)
  t.teardown(() => admin.disconnect())
  await loseUnderLoad(t, server, false, async () => { await admin.flushall() })
})

test('redis: a lost stream: whoever is connected goes on, whoever was away is told', async t => {
  const server = await startRedis(t)
  const admin = new Redis(server.port)
  t.teardown(() => admin.disconnect())
  const cluster = await startCluster(t, server)
  const followers = await startFollowers(t, 4, on(cluster))
  const [behind, upToDate, ...connected] = followers as [Follower, Follower, ...Follower[]]
  await publish(cluster, 'a', 10, followers)
  behind.leave()
  await publish(cluster, 'b', 10, [upToDate, ...connected])
  upToDate.leave()
  const streams = (await admin.keys('*')).filter(key => /:s:/.test(key))
  t.equal(streams.length, 1)
  await admin.del(streams)
  // A node that nobody has asked yet knows nothing but what the engine does.
  behind.options.port = upToDate.options.port = () => cluster.node(2).port
  behind.come()
  upToDate.come()
  await areSubscribed(followers)
  t.equal(upToDate.beginnings.at(-1)!.recovered, true, 'it has missed nothing')
  await publish(cluster, 'c', 10, followers)
  for (const follower of connected) {
    t.strictSame(names(follower, 0), [...numbered('a', 0, 10), ...numbered('b', 0, 10), ...numbered('c', 0, 10)])
    t.equal(follower.beginnings.length, 1)
  }
  const { recovered } = behind.beginnings.at(-1)!
  t.strictSame(names(behind, -1), recovered
    ? [...numbered('a', 0, 10), ...numbered('b', 0, 10), ...numbered('c', 0, 10)]
    : numbered('c', 0, 10))
})

onEachEngine('an engine that comes back with an older state, and uses its sequences again', async (t, engine) => {
  const server = await engine.start(t)
  const cluster = await startCluster(t, server)
  const followers = await startFollowers(t, 8, on(cluster))
  const [early, late, ...connected] = followers as [Follower, Follower, ...Follower[]]
  await publish(cluster, 'a', 10, followers)
  early.leave()
  await publish(cluster, 'b', 10, [late, ...connected])
  const data = copyData(t, server)
  // These are lost.
  await publish(cluster, 'c', 20, [late, ...connected])
  late.leave()
  await server.kill()
  data.restore()
  await cluster.hasState('down')
  await server.start()
  await cluster.hasState('up')
  await until(() => connected.every(({ beginnings }) => beginnings.length > 1), 'begin is called again')
  early.come()
  // As many as were lost: the last has the number that the last of those had.
  await publish(cluster, 'd', 20, [early, ...connected])
  late.come()
  await areSubscribed(followers)
  await publish(cluster, 'e', 10, followers)
  t.strictSame(early.beginnings.map(({ recovered }) => recovered), [false, true], 'what it has is still there')
  t.strictSame(names(early, 0), [...numbered('a', 0, 10), ...numbered('b', 0, 10), ...numbered('d', 0, 20), ...numbered('e', 0, 10)])
  t.strictSame(late.beginnings.map(({ recovered }) => recovered), [false, false], 'what it has is not, but for its number')
  t.strictSame(names(late, -1), numbered('e', 0, 10))
  for (const follower of connected) {
    t.strictSame(follower.beginnings.map(({ recovered }) => recovered), [false, false])
    t.strictSame(names(follower, 0), [...numbered('a', 0, 10), ...numbered('b', 0, 10), ...numbered('c', 0, 20)])
    t.strictSame(names(follower, 1), [...numbered('d', 0, 20), ...numbered('e', 0, 10)])
  }
})

onEachEngine('the same under load', async (t, engine) => {
  const server = await engine.start(t)
  await loseUnderLoad(t, server, true, async () => {
    const data = copyData(t, server)
    await wait(300)
    await server.kill()
    data.restore()
    await server.start()
  })
})
