/* Promise 6. */
import { Redis } from 'ioredis'
import { test } from 'tap'
import { until } from './until.ts'
import { deliveryFaults, few, haveAll, sequenceFaults } from './books.ts'
import { startCluster } from './cluster.ts'
import { areSubscribed, startFollowers } from './follower.ts'
import type { Made } from './publisher.ts'
import { startRedis } from './servers.ts'

const SOCKETS = 5000
const TOPICS = 50
const MESSAGES = 5
/** Milliseconds within which all come back. */
const SPAN = 500

/** How often each command has been called since the last CONFIG RESETSTAT, those of scripts included. */
async function calls (admin: Redis): Promise<Record<string, number>> {
  const lines = (await admin.info('commandstats')).matchAll(/cmdstat_([^:]+):calls=(\d+)/g)
  return Object.fromEntries([...lines].map(([, command, count]) => [command!, Number(count)]))
}

test('redis: 5,000 sockets cut at once and resumed on the other node: the engine reads each topic once', async t => {
  const server = await startRedis(t)
  const cluster = await startCluster(t, server, { nodes: 2 })
  const [one, other] = cluster.nodes as [typeof cluster.nodes[0], typeof cluster.nodes[0]]
  const admin = new Redis(server.port)
  t.teardown(() => admin.disconnect())
  let port = one.port
  const followers = await startFollowers(t, SOCKETS, index => ({
    port: () => port, kind: 'rooms', room: `${index % TOPICS}`
  }))
  const rooms = Array.from({ length: TOPICS }, (_, room) => `${room}`)
  const made = new Map<string, Made[]>(rooms.map(room => [room, []]))
  async function publish (name: string): Promise<void> {
    await Promise.all(rooms.map(async room => {
      const from = `${name}-${room}`
      await one.ask('begin', { kind: 'rooms', room, from, inFlight: 1, pace: 0, count: MESSAGES })
      made.get(room)!.push(await one.ask('end', from))
    }))
  }
  await publish('before')
  await until(() => followers.every(({ received }) => received.length === MESSAGES), 'what came before')
  port = other.port
  for (const follower of followers) follower.leave()
  await until(() => followers.every(({ isSubscribed }) => !isSubscribed), 'all are away')
  await publish('between')
  await admin.config('RESETSTAT')
  const began = Date.now()
  for (const follower of followers) setTimeout(() => { follower.come() }, Math.random() * SPAN)
  await areSubscribed(followers)
  await until(() => followers.every(({ received }) => received.length === 2 * MESSAGES), 'what they have missed')
  t.comment(`that took ${Date.now() - began} ms`)
  const counted = await calls(admin)
  t.comment(JSON.stringify(counted))
  const reads = (counted.xrange ?? 0) + (counted.xrevrange ?? 0)
  t.ok(reads > 0 && reads <= TOPICS, `${reads} reads`)
  for (const [room, books] of made) {
    const own = followers.filter(({ options }) => options.room === room)
    await until(() => haveAll(books, own), `everything of ${room}`)
    t.same(few([...deliveryFaults(books, own), ...sequenceFaults(own)]), [], room)
  }
  t.ok(followers.every(({ beginnings }) => beginnings.length === 2 && beginnings[1]!.recovered))
})
