import { test } from 'tap'
import { redisContract } from './redis-contract.ts'

test('Redis does what every driver must do: a driver', { timeout: 240_000 }, t => redisContract(t, 'a driver'))
