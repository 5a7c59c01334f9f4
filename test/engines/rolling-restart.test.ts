/* Promise 8, the second part. */
import { setTimeout as wait } from 'node:timers/promises'
import { until } from './until.ts'
import { answerFaults, deliveryFaults, few, haveAll, publisherOrderFaults, refused, sequenceFaults } from './books.ts'
import { startCluster } from './cluster.ts'
import { onEachEngine } from './each-engine.ts'
import { areSubscribed, startFollowers } from './follower.ts'
import { startNginx } from './nginx.ts'
import type { Made } from './publisher.ts'

const CLIENTS = 2000
const ROOMS = 20

onEachEngine('a rolling restart of three nodes behind nginx: 2,000 clients lose nothing, and get nothing twice', async (t, engine) => {
  // The fourth has no clients: it publishes.
  const { nodes } = await startCluster(t, await engine.start(t), { nodes: 4 })
  const [publisher, ...served] = nodes.toReversed() as [typeof nodes[0], ...typeof nodes]
  const port = await startNginx(t, served.map(node => node.port))
  const rooms = Array.from({ length: ROOMS }, (_, index) => `room-${index}`)
  const followers = await startFollowers(t, CLIENTS, index => ({
    port: () => port, kind: 'rooms', room: rooms[index % ROOMS]!, pause: [30, 700]
  }))
  await Promise.all(rooms.map(room =>
    publisher.ask('begin', { kind: 'rooms', room, from: room, inFlight: 1, pace: 1000 })))
  for (const node of served) {
    await node.close()
    await node.restart()
    await areSubscribed(followers)
  }
  await wait(300)
  const made = new Map<string, Made[]>()
  for (const room of rooms) made.set(room, [await publisher.ask('end', room)])
  for (const [room, books] of made) {
    const own = followers.filter(({ options }) => options.room === room)
    await until(() => haveAll(books, own), `everything of ${room}`)
    t.same(few([...answerFaults(books), ...deliveryFaults(books, own), ...publisherOrderFaults(own), ...sequenceFaults(own)]), [], room)
    t.equal(refused(books).length, 0)
  }
  const resumed = followers.flatMap(({ beginnings }) => beginnings.slice(1))
  t.ok(resumed.length >= CLIENTS, `${resumed.length} times somebody resumed`)
  t.ok(resumed.every(({ recovered }) => recovered))
  t.ok(followers.every(({ ends }) => ends.filter(code => code === 1001).length > 0), 'and each was sent away with 1001')
})
