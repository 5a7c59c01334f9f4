/* Promise 1. */
import { until } from './until.ts'
import { answerFaults, deliveryFaults, few, haveAll, orderFaults, publisherOrderFaults, refused, sequenceFaults } from './books.ts'
import { startCluster } from './cluster.ts'
import { onEachEngine } from './each-engine.ts'
import { startFollowers } from './follower.ts'

const COUNT = 2000
const FOLLOWERS = 9

onEachEngine('three publishers on three nodes: all sockets on all nodes get one and the same order', async (t, engine) => {
  const cluster = await startCluster(t, await engine.start(t), { history: 500 })
  for (const kind of ['rooms', 'news'] as const) {
    const followers = await startFollowers(t, FOLLOWERS, index => ({ port: () => cluster.node(index).port, kind, room: 'a' }))
    await cluster.begin(kind, 'a', { count: COUNT, inFlight: 64, pace: 0 })
    const made = await cluster.end(kind)
    await until(() => haveAll(made, followers), `all ${kind}`)
    t.same(few(answerFaults(made)), [])
    t.equal(refused(made).length, 0)
    t.same(few(deliveryFaults(made, followers)), [])
    t.same(few(publisherOrderFaults(followers)), [])
    if (kind === 'rooms' || engine.ordersAll) {
      t.same(few([...orderFaults(followers), ...sequenceFaults(followers)]), [])
      // Who publishes alone would have an order that nobody can get wrong.
      const changes = followers[0]!.received.filter(({ from }, index, all) => index > 0 && from !== all[index - 1]!.from)
      t.ok(changes.length > 20, `publishers took turns ${changes.length} times`)
    }
    t.ok(followers.every(({ connections }) => connections === 1))
  }
}, { always: true })
