import { test } from 'tap'
import { singles } from './links.ts'
import { redisContract } from './redis-contract.ts'
import { startRedis } from './servers.ts'

test('what topics over Redis must do', { timeout: 240_000 }, async t => {
  await redisContract(t, singles[0]!, [await startRedis(t)], 'topics')
})
