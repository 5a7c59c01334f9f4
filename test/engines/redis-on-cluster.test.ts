import tap, { test } from 'tap'
import type { Retention } from '../../types/backplane.ts'
import { until } from '../support/until.ts'
import { clusters } from './links.ts'
import { startCluster } from './redis-cluster.ts'
import { openNode, type RedisNode, textOf } from './redis-node.ts'

const KEEP: Retention = { size: 1000, ttl: 60_000 }

const cluster = await startCluster(tap)
const ports = cluster.nodes.map(({ port }) => port)

async function kept (node: RedisNode, topic: string): Promise<string[]> {
  return (await node.driver.last(topic, KEEP, 1000)).map(({ bytes }) => textOf(bytes))
}

const topics = Array.from({ length: 200 }, (_, i) => `topic ${i}`)

for (const kind of clusters) {
  test(`${kind.name}: topics on all masters`, async t => {
    const options = { prefix: kind.name, lease: 1500, grace: 0 }
    const open = () => openNode(t, cluster.masters[0]!, options, kind.make(ports, { keyPrefix: 'not:' }))
    const [one, two] = await Promise.all([open(), open()])
    await two.driver.subscribe(topics.map((topic, i) => ({ topic, retention: i % 2 === 0 ? KEEP : null })))
    const messages = topics.flatMap((topic, i) => ['1', '2', '3'].map(text => [topic, text, i % 2 === 0 ? KEEP : null] as [string, string, Retention | null]))
    const positions = await one.publishAll(messages)
    await until(() => two.heard.length === 600)
    for (const topic of topics) t.strictSame(two.texts(topic), ['1', '2', '3'])
    t.strictSame(await kept(one, 'topic 2'), ['1', '2', '3'])
    t.equal((await one.driver.read('topic 0', KEEP, positions[0]!, 10))!.messages.length, 2)
    await one.driver.signal(Buffer.from('hi'))
    await until(() => one.signals.length + two.signals.length === 2)
    two.driver.unsubscribe(topics)
    await one.publishAll(messages)
    t.equal(two.heard.length, 600)
    t.ok(one.driver.lag! >= 0)
    t.strictSame([one.states, two.states], [[], []])
  })

  test(`${kind.name}: members, and a process that is gone`, async t => {
    const options = { prefix: `${kind.name} members`, lease: 1500, grace: 0 }
    const open = () => openNode(t, cluster.masters[0]!, options, kind.make(ports))
    const [one, two] = await Promise.all([open(), open()])
    for (const topic of topics) await one.driver.join(topic, { id: 'ann', info: '' })
    t.equal(await two.driver.join('topic 0', { id: 'ann', info: '' }), false)
    await one.driver.close()
    await until(() => two.gone.length === 199)
    t.equal(await two.driver.count('topic 0'), 1)
    t.equal(await two.driver.count('topic 1'), 0)
  })
}
