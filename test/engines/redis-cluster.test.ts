import { test } from 'tap'
import { ask, startCluster } from './redis-cluster.ts'

test('a cluster takes what it is given, moves a slot with its keys, and survives the death of a master', async t => {
  const cluster = await startCluster(t, { withReplicas: true })
  const slot = Number(await ask(cluster.masters[0], 'CLUSTER', 'KEYSLOT', 'a'))
  const place = cluster.placeOf(slot)
  t.equal(await ask(cluster.masters[place], 'SET', 'a', 'b'), 'OK')
  await ask(cluster.masters[place], 'WAIT', 1, 1000)
  const next = (place + 1) % 3
  await cluster.move(slot, next)
  t.equal(await ask(cluster.masters[next], 'GET', 'a'), 'b')
  await t.rejects(ask(cluster.masters[place], 'GET', 'a'), /^MOVED/)
  await ask(cluster.masters[next], 'WAIT', 1, 1000)
  await cluster.failOver(next)
  t.equal(await ask(cluster.replicas[next], 'GET', 'a'), 'b')
  await cluster.swap(place)
  t.match(await ask(cluster.masters[place], 'INFO', 'replication'), /role:slave/)
})
