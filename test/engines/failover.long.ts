import { Redis } from 'ioredis'
import { Redis as Valkey } from 'iovalkey'
import { type Test, test } from 'tap'
import type { RedisClient } from '../../lib/redis/links.ts'
import type { Retention } from '../../types/backplane.ts'
import { until } from '../support/until.ts'
import { clusters } from './links.ts'
import { cutOffReplicas, startCluster } from './redis-cluster.ts'
import { RedisNode, textOf } from './redis-node.ts'
import { MASTER, startSentinels } from './redis-sentinel.ts'

/** More than a test publishes. */
const kept: Retention = { size: 20_000, ttl: 600_000 }

/** Topics of which each master of the cluster has some. */
const topics = Array.from({ length: 9 }, (_, i) => `topic ${i}`)

/** What happens to the servers meanwhile. */
interface Event {
  readonly what: string
  /** Whether something of what was acknowledged is lost by it. Null: it may be. */
  readonly loses: boolean | null
  /** @param publishSome resolves when many more messages have been acknowledged */
  happen (publishSome: () => Promise<void>): Promise<unknown>
}

for (const { name, make } of clusters) {
  test(`failovers of ${name}`, async t => {
    const cluster = await startCluster(t, { withReplicas: true })
    const ports = cluster.nodes.map(({ port }) => port)
    await survives(t, () => make(ports), { what: 'a swap', loses: false, happen: () => cluster.swap(0) })
    await survives(t, () => make(ports), {
      what: 'the death of a master whose replica was behind',
      loses: true,
      happen: async publishSome => {
        await cutOffReplicas(cluster.masters[1])
        await publishSome()
        await cluster.failOver(1)
      }
    })
  })
}

for (const [name, Client] of [['ioredis', Redis], ['iovalkey', Valkey as unknown as typeof Redis]] as const) {
  test(`failovers of sentinels with ${name}`, async t => {
    const sentinels = await startSentinels(t)
    const make = (): RedisClient => new Client({ sentinels: sentinels.addresses, name: MASTER, lazyConnect: true })
    // The replica is made the master before the master knows that it no longer is.
    if (name === 'ioredis') await survives(t, make, { what: 'a swap', loses: null, happen: () => sentinels.swap() })
    await survives(t, make, {
      what: 'the death of a master whose replica was behind',
      loses: true,
      happen: async publishSome => {
        await cutOffReplicas(await sentinels.master())
        await publishSome()
        await sentinels.failOver()
      }
    })
  })
}

/** Two processes, of which one publishes all the time. */
async function survives (t: Test, make: () => RedisClient, { what, loses, happen }: Event): Promise<void> {
  await t.test(what, async t => {
    const options = { prefix: what }
    const [one, two] = await Promise.all([open(t, make(), options), open(t, make(), options)])
    const from = new Map(topics.map((topic, i) => [topic, two.starts[i]]))
    const acknowledged: Acknowledged[] = []
    let failed = 0
    const load = setInterval(() => {
      for (const topic of topics) {
        const text = String(published++)
        one.node.publish(topic, text, kept).then(at => { acknowledged.push({ topic, text, at }) }, () => { failed++ })
      }
    }, 10)
    t.teardown(() => { clearInterval(load) })
    let published = 0
    await until(() => acknowledged.length > 300)
    const publishSome = async (): Promise<void> => {
      const before = acknowledged.length
      await until(() => acknowledged.length > before + 100)
    }
    await happen(publishSome)
    await until(() => one.node.states.length > 0 && one.node.state === 'up', 'the publishing process to be up again')
    await until(() => two.node.states.length > 0 && two.node.state === 'up', 'the other process to be up again')
    await two.subscribe()
    const before = acknowledged.length
    await until(() => acknowledged.length > before + 300)
    clearInterval(load)
    await until(() => acknowledged.length + failed === published, 'each publish to be acknowledged or to fail')
    let lost = 0
    for (const topic of topics) {
      const last = acknowledged.findLast(one => one.topic === topic)!
      await until(() => two.node.heard.some(({ place }) => place?.at === last.at), 'the last messages to be heard')
      lost += await lostOf(t, two.node, topic, from.get(topic)!, acknowledged.filter(one => one.topic === topic))
    }
    if (loses !== null) t.equal(lost > 0, loses, 'whether something is lost')
    t.comment(`${what}: ${published} published, ${failed} failed, ${lost} lost, ${one.node.errors.join(', ')}`)
  })
}

interface Acknowledged {
  topic: string
  text: string
  at: string
}

/**
 * How many messages are lost of a topic. Whoever has an acknowledged message gets exactly what is behind it, or is told that this is
 * not known. An engine that copies later than it acknowledges loses some of it when its master dies.
 */
async function lostOf (
  t: Test, { driver }: RedisNode, topic: string, start: string, acknowledged: readonly Acknowledged[]
): Promise<number> {
  const whole = await driver.read(topic, kept, start, kept.size)
  const texts = whole?.messages.map(({ bytes }) => textOf(bytes)) ?? []
  t.strictSame(texts, texts.toSorted((a, b) => Number(a) - Number(b)), 'in the order of publishing')
  t.equal(new Set(texts).size, texts.length, 'none twice')
  const places = new Map(whole?.messages.map(({ at }, i) => [at, i]))
  const lost = acknowledged.filter(({ at }) => !places.has(at))
  for (const { at } of lost.filter((_, i) => i % 5 === 0)) t.equal(await driver.read(topic, kept, at, 1), null, 'what is lost is not known')
  for (const { at, text } of acknowledged.filter(({ at }) => places.has(at)).filter((_, i) => i % 20 === 0)) {
    const place = places.get(at)!
    t.equal(texts[place], text)
    t.strictSame((await driver.read(topic, kept, at, kept.size))?.messages.map(({ bytes }) => textOf(bytes)), texts.slice(place + 1))
  }
  return lost.length
}

interface Opened {
  readonly node: RedisNode
  /** Where the topics stood. */
  readonly starts: string[]
  subscribe (): Promise<string[]>
}

async function open (t: Test, client: RedisClient, options: { prefix: string }): Promise<Opened> {
  const node = new RedisNode(client, options)
  t.teardown(() => node.driver.close())
  await node.driver.open(node)
  const subscribe = async (): Promise<string[]> =>
    (await node.driver.subscribe(topics.map(topic => ({ topic, retention: kept })))).map(place => place!.at)
  return { node, starts: await subscribe(), subscribe }
}
