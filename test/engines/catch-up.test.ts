/* Promise 7. */
import { until } from './until.ts'
import { answerFaults, deliveryFaults, few, haveAll, sequenceFaults } from './books.ts'
import { startCluster } from './cluster.ts'
import { onEachEngine } from './each-engine.ts'
import { startFollowers } from './follower.ts'

const LENGTH = 2000
/** What is published before it is looked how much memory there is, and behind that: 30 MB, more than TCP takes. */
const WARM_UP = 3000
const COUNT = 15_000
/** Bytes. */
const FLAT = 6_000_000

onEachEngine('a reader who has stopped on a busy topic costs no memory, and then gets everything', async (t, engine) => {
  const cluster = await startCluster(t, await engine.start(t), { nodes: 2, history: WARM_UP + COUNT, padding: LENGTH })
  const [node, publisher] = cluster.nodes as [typeof cluster.nodes[0], typeof cluster.nodes[0]]
  const followers = await startFollowers(t, 3, () => ({ port: () => node.port, kind: 'rooms', room: 'a' }))
  const [stopped, ...others] = followers as [typeof followers[0], ...typeof followers]
  const load = { kind: 'rooms', room: 'a', inFlight: 32, pace: 0 } as const
  await publisher.ask('begin', { ...load, from: 'first', count: WARM_UP })
  const first = await publisher.ask('end', 'first')
  await until(() => haveAll([first], followers), 'the first')
  stopped.pause()
  const before = await node.ask('memory')
  await publisher.ask('begin', { ...load, from: 'second', count: COUNT })
  const made = [first, await publisher.ask('end', 'second')]
  await until(() => haveAll(made, others), 'the others have everything')
  const [memory, { held }] = [await node.ask('memory'), await node.state()]
  t.ok(stopped.received.length < WARM_UP + COUNT * 0.7, `it has ${stopped.received.length} of ${WARM_UP + COUNT}`)
  t.ok(memory - before < FLAT, `${Math.round((memory - before) / 1000)} kB more, with ${COUNT * LENGTH / 1000} kB published`)
  t.comment(`the loop was held for ${Math.round(held)} ms at most`)
  stopped.resume()
  await until(() => haveAll(made, [stopped]), 'everything')
  t.same(few([...answerFaults(made), ...deliveryFaults(made, followers), ...sequenceFaults(followers)]), [])
  t.ok(followers.every(({ connections, beginnings }) => connections === 1 && beginnings.length === 1))
})
