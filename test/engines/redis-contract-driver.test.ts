import { test } from 'tap'
import { singles } from './links.ts'
import { redisContract } from './redis-contract.ts'
import { startRedis } from './servers.ts'

test('what every driver must do, with ioredis', { timeout: 240_000 }, async t => {
  await redisContract(t, singles[0]!, [await startRedis(t)], 'a driver')
})
