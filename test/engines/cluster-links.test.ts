import { test } from 'tap'
import type { RedisConnection } from '../../lib/redis/link.ts'
import { slotOf } from '../../lib/redis/slot.ts'
import { linkFor } from '../../lib/redis/links.ts'
import { until } from '../support/until.ts'
import { type ClientKind, clusters, Line, partitions } from './links.ts'
import { ask, startCluster } from './redis-cluster.ts'

test('slots are those of the server', async t => {
  const { masters: [server] } = await startCluster(t, { masters: 1 })
  for (const tag of ['123456789', '', 'ö', ...partitions.map(String)]) {
    t.equal(slotOf(tag), await ask(server, 'CLUSTER', 'KEYSLOT', tag), tag)
  }
})

for (const kind of clusters) testLink(kind)

function testLink (kind: ClientKind): void {
  test(kind.name, async t => {
    const cluster = await startCluster(t, { withReplicas: true })
    const link = linkFor(kind.make(cluster.nodes.map(({ port }) => port), { keyPrefix: 'prefix:' }))

    await t.test('sends to the server of each partition, and hears what is published there', async t => {
      const { connection } = await Line.open(t, link, 'commands')
      const line = await Line.open(t, link, 'subscribed')
      t.strictSame([connection.isCluster, connection.isSharded, line.connection.isSharded], [true, true, true])
      t.equal(new Set(partitions.map(partition => connection.serverOf(partition))).size, 3)
      await Promise.all(partitions.map(async partition => {
        await line.connection.subscribe(partition, [channelOf(partition), `${channelOf(partition)} 2`])
      }))
      const counts = await Promise.all(partitions.map(partition => publish(connection, partition, 'x')))
      t.same(counts, partitions.map(() => 1))
      await until(() => line.messages.length === partitions.length)
      t.strictSame(line.messages.map(([channel]) => channel).sort(), partitions.map(channelOf).sort())
      await line.connection.unsubscribe(5, [channelOf(5)])
      t.equal(await publish(connection, 5, 'x'), 0)
      await line.connection.subscribe(5, [channelOf(5)])
      t.equal(await publish(connection, 5, 'x'), 1)
      await t.rejects(connection.send(0, ['EVALSHA', 'a'.repeat(40), '1', 'ws:{0}:key']), { message: /^NOSCRIPT / })
      t.same(line.lost, [])
    })

    await t.test('is lost when a slot has moved: by the next command, and by a subscription', async t => {
      const [commands, subscribed] = await Promise.all([Line.open(t, link, 'commands'), Line.open(t, link, 'subscribed')])
      await subscribed.connection.subscribe(7, [channelOf(7)])
      const place = cluster.placeOf(slotOf('7'))
      await cluster.move(slotOf('7'), (place + 1) % 3)
      await until(() => subscribed.lost.length === 1, 'to hear of it where it is subscribed')
      await t.rejects(commands.connection.send(7, ['GET', 'ws:{7}:key']))
      t.equal(commands.lost.length, 1)
      const late = await Line.open(t, link, 'subscribed')
      await late.connection.subscribe(7, [channelOf(7)])
      t.equal(await publish((await Line.open(t, link, 'commands')).connection, 7, 'x'), 1)
      await cluster.move(slotOf('7'), place, (place + 1) % 3)
      await t.rejects(late.connection.subscribe(7, [channelOf(7), channelOf(7) + ' 2']))
      await until(() => late.lost.length === 1)
    })

    await t.test('stops to connect when it is told to, and leaves nothing behind', async t => {
      const goOn = (): void => { for (const node of cluster.nodes) node.goOn() }
      for (const node of cluster.nodes) node.stop()
      t.teardown(goOn)
      const reason = new Error('enough')
      const stop = new AbortController()
      setTimeout(() => { stop.abort(reason) }, 300)
      await Promise.all([
        t.rejects(link.connect('commands', new Line(), stop.signal), reason),
        t.rejects(link.connect('subscribed', new Line(), stop.signal), reason)
      ])
      goOn()
      // One of them may stand still while the others answer.
      const one = cluster.masters[1]
      one.stop()
      await t.rejects(link.connect('commands', new Line(), AbortSignal.timeout(500)))
      one.goOn()
      for (const node of cluster.masters) {
        await until(async () => String(await ask(node, 'CLIENT', 'LIST', 'TYPE', 'normal')).trim().split('\n').length === 1)
      }
    })

    await t.test('rejects while slots are missing, while a master is gone, and while nobody is there', async t => {
      const connect = (): Promise<unknown> => link.connect('commands', new Line(), AbortSignal.timeout(5000))
      await t.rejects(linkFor(kind.make([1])).connect('commands', new Line(), AbortSignal.timeout(5000)))
      const place = cluster.placeOf(0)
      await ask(cluster.masters[place], 'CLUSTER', 'DELSLOTS', 0)
      await until(async () => String(await ask(cluster.masters[place], 'CLUSTER', 'INFO')).includes('cluster_state:fail'))
      await t.rejects(connect(), { message: /^CLUSTERDOWN|of 16384 slots/ })
      await ask(cluster.masters[place], 'CLUSTER', 'ADDSLOTS', 0)
      await until(async () => await connect().then(() => true, () => false))
      await cluster.masters[2].kill()
      await t.rejects(connect())
    })
  })
}

const channelOf = (partition: number): string => `ws:{${partition}}:channel`

/** How many have got it. */
async function publish (connection: RedisConnection, partition: number, message: string): Promise<unknown> {
  return connection.send(partition, [
    'EVAL', 'return redis.call("SPUBLISH", KEYS[1], ARGV[1])', '1', channelOf(partition), message
  ])
}
