import { createClientPool, createSentinel } from '@redis/client'
import { test } from 'tap'
import { linkFor } from '../../lib/redis/links.ts'

test('what is no client that connections can be made of is refused', async t => {
  for (const wrong of [
    undefined, null, 'redis://localhost', {}, { duplicate: () => ({}) }, createClientPool(),
    { duplicate: () => ({}), nodeClient: () => {}, sSubscribe: () => {} },
    createSentinel({ name: 'mymaster', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] })
  ]) {
    t.throws(() => linkFor(wrong), { name: 'TypeError', message: /^redis: the client must be one of ioredis/ })
  }
})
