import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { backplaneTests, Relay } from '../../lib/backplane-tests/index.mts'
import { redis } from '../../lib/redis/index.mts'
import type { ClientKind } from './links.ts'
import type { EngineServer } from './servers.ts'

const LEASE = 1500
const GRACE = 300

/**
 * What every driver must do, over clients of one kind.
 *
 * @param servers one, or the masters of a cluster
 * @param part how the names of the tests begin
 */
export async function redisContract (
  t: Test, { make }: ClientKind, servers: readonly EngineServer[], part: 'a driver' | 'topics'
): Promise<void> {
  const admins = servers.map(({ port }) => {
    const admin = new Redis(port)
    admin.on('error', () => {})
    t.teardown(() => { admin.disconnect() })
    return admin
  })
  const flush = async (): Promise<void> => { await Promise.all(admins.map(admin => admin.flushall())) }
  let stores = 0

  const tests = backplaneTests({
    createStore: () => `test${stores++}`,
    async connect (prefix: string) {
      const relays = await Promise.all(servers.map(({ port }) => Relay.to({ port })))
      const addresses = Object.fromEntries(servers.map(({ port }, i) => [`127.0.0.1:${port}`, { host: '127.0.0.1', port: relays[i].port }]))
      const client = make(relays.map(({ port }) => port), { addresses })
      return { relays, driver: redis(client, { prefix, lease: LEASE, grace: GRACE }).create() }
    },
    async disconnect ({ relays }) {
      for (const relay of relays) await relay.close()
    },
    lease: LEASE,
    grace: GRACE,
    future: at => at.replace(/-(\w+)-/, (_, seq: string) => `-${(parseInt(seq, 36) + 2).toString(36)}-`),
    link: {
      cut: ({ relays }) => { for (const relay of relays) relay.cut() },
      mend: ({ relays }) => { for (const relay of relays) relay.mend() }
    },
    standstill: {
      stop: () => { for (const server of servers) server.stop() },
      resume: () => { for (const server of servers) server.goOn() }
    },
    flush,
    async save (prefix) {
      const dumps = await Promise.all(admins.map(async admin => {
        const keys = await admin.keys(`${prefix}:*`)
        return Promise.all(keys.map(async key => [key, (await admin.dumpBuffer(key))!] as const))
      }))
      return async () => {
        await flush()
        for (const [i, admin] of admins.entries()) for (const [key, dump] of dumps[i]) await admin.restore(key, 0, dump)
      }
    }
  })
  for (const { name, run } of tests) {
    if (name.startsWith(part)) await t.test(name, run)
  }
}
