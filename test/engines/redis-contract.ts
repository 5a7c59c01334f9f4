import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { backplaneTests, Relay } from 'fastify-sockets/backplane-tests'
import { redis } from 'fastify-sockets/redis'
import { startRedis } from './servers.ts'

const LEASE = 1500
const GRACE = 300

/** What every driver must do, on a server of its own. @param part how the names of the tests begin */
export async function redisContract (t: Test, part: 'a driver' | 'topics'): Promise<void> {
  const server = await startRedis(t)
  const admin = new Redis(server.url)
  admin.on('error', () => {})
  t.teardown(() => { admin.disconnect() })
  let stores = 0

  const tests = backplaneTests({
    createStore: () => `test${stores++}`,
    async connect (prefix: string) {
      const relay = await Relay.to({ port: server.port })
      const client = new Redis({ port: relay.port, lazyConnect: true })
      return { relay, client, driver: redis(client, { prefix, lease: LEASE, grace: GRACE }).create() }
    },
    async disconnect ({ relay, client }) {
      client.disconnect()
      await relay.close()
    },
    lease: LEASE,
    grace: GRACE,
    future: at => at.replace(/-(\w+)-/, (_, seq: string) => `-${(parseInt(seq, 36) + 2).toString(36)}-`),
    link: {
      cut: ({ relay }) => relay.cut(),
      mend: ({ relay }) => relay.mend()
    },
    standstill: {
      stop: () => server.stop(),
      resume: () => server.goOn()
    },
    async flush () {
      await admin.flushall()
    },
    async save (prefix) {
      const dumps = new Map<string, Buffer>()
      for (const key of await admin.keys(`${prefix}:*`)) dumps.set(key, (await admin.dumpBuffer(key))!)
      return async () => {
        await admin.flushall()
        for (const [key, dump] of dumps) await admin.restore(key, 0, dump)
      }
    }
  })
  for (const { name, run } of tests) {
    if (name.startsWith(part)) await t.test(name, run)
  }
}
