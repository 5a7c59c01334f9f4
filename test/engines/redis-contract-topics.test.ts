import { test } from 'tap'
import { redisContract } from './redis-contract.ts'

test('Redis does what every driver must do: topics', { timeout: 240_000 }, t => redisContract(t, 'topics'))
