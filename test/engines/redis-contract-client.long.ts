import { test } from 'tap'
import { singles } from './links.ts'
import { redisContract } from './redis-contract.ts'
import { startRedis } from './servers.ts'

// iovalkey is a fork of ioredis, and a cluster of it has these tests as well.
const kind = singles.find(({ name }) => name === '@redis/client')!

test('what every driver must do, with @redis/client', { timeout: 240_000 }, async t => {
  await redisContract(t, kind, [await startRedis(t)], 'a driver')
})
