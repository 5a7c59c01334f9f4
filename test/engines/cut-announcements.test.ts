/* Promise 3. */
import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { test } from 'tap'
import { until } from './until.ts'
import { answerFaults, deliveryFaults, few, haveAll, publisherOrderFaults, refused, sequenceFaults } from './books.ts'
import { startCluster } from './cluster.ts'
import { startFollowers } from './follower.ts'
import { startRedis } from './servers.ts'

const CUTS = 20
/** Milliseconds from one to the next, at random. */
const PAUSE = 250

/** Those that there are: each node has one, or is about to have one again. */
async function subscribedClients (admin: Redis): Promise<string[]> {
  let ids: string[] = []
  await until(async () => {
    const list = String(await admin.call('CLIENT', 'LIST', 'TYPE', 'pubsub'))
    ids = [...list.matchAll(/^id=(\d+)/gm)].map(([, id]) => id!)
    return ids.length > 0
  }, 'somebody is subscribed')
  return ids
}

test('redis: connections of subscribers that are killed at random: gaps are found and filled, no client notices', async t => {
  const server = await startRedis(t)
  const cluster = await startCluster(t, server)
  const admin = new Redis(server.port)
  t.teardown(() => admin.disconnect())
  const [rooms, news] = await Promise.all((['rooms', 'news'] as const).map(kind =>
    startFollowers(t, 6, index => ({ port: () => cluster.node(index).port, kind, room: 'a' }))))
  await cluster.begin('rooms', 'a', { inFlight: 8, pace: 2 })
  await cluster.begin('news', 'a', { inFlight: 8, pace: 2 })
  for (let cut = 0; cut < CUTS; cut++) {
    const subscribed = await subscribedClients(admin)
    if (cut % 2 === 0) await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    else await admin.call('CLIENT', 'KILL', 'ID', subscribed[Math.floor(Math.random() * subscribed.length)]!)
    await wait(Math.random() * PAUSE)
  }
  await cluster.hasState('up')
  await wait(300)
  const [madeRooms, madeNews] = [await cluster.end('rooms'), await cluster.end('news')]
  await until(() => haveAll(madeRooms, rooms!), 'everything that was acknowledged')
  t.same(few(answerFaults([...madeRooms, ...madeNews])), [])
  t.comment(`${refused(madeRooms).length} of ${madeRooms.flatMap(({ attempts }) => attempts).length} were refused`)
  t.same(few(deliveryFaults(madeRooms, rooms!)), [])
  t.same(few([...sequenceFaults(rooms!), ...publisherOrderFaults(rooms!)]), [])
  t.same(few(deliveryFaults(madeNews, news!, false)), [])
  t.same(few(publisherOrderFaults(news!)), [])
  for (const { connections } of [...rooms!, ...news!]) t.equal(connections, 1)
  for (const { beginnings } of rooms!) t.equal(beginnings.length, 1)
})
