import { test } from 'tap'
import { singles } from './links.ts'
import { redisContract } from './redis-contract.ts'
import { startRedis } from './servers.ts'

// iovalkey is a fork of ioredis, and a cluster of it has these tests as well.
for (const kind of singles.filter(({ name }) => name === 'ioredis' || name === '@redis/client')) {
  test(`what every driver must do, with ${kind.name}`, { timeout: 240_000 }, async t => {
    await redisContract(t, kind, [await startRedis(t)], 'a driver')
  })
}
