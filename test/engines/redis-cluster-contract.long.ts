import { test } from 'tap'
import { clusters } from './links.ts'
import { startCluster } from './redis-cluster.ts'
import { redisContract } from './redis-contract.ts'

// Nodes that stand still are not taken for dead by those that do not yet, or no longer do.
const config = { 'cluster-node-timeout': '60000' }

for (const kind of clusters.filter(({ name }) => name.endsWith(' iovalkey'))) {
  test(`what every driver must do, with ${kind.name}`, { timeout: 600_000 }, async t => {
    const { masters } = await startCluster(t, { config })
    await redisContract(t, kind, masters, 'a driver')
  })
}
