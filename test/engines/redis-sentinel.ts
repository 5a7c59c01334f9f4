import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../support/until.ts'
import { ask, isInSync } from './redis-cluster.ts'
import { freePort } from '../support/ports.ts'
import { EngineServer, type Owner, startRedis } from './servers.ts'

/** What the sentinels call the master. */
export const MASTER = 'mymaster'

/** Milliseconds after which a sentinel takes the master for dead, and within which a replica must have taken over. */
const DOWN_AFTER = 1000
const FAILOVER_TIMEOUT = 3000

/** Two servers, one of which is the replica of the other, and three sentinels that swap them when the master is gone. */
export class RedisSentinels {
  readonly servers: readonly [EngineServer, EngineServer]
  readonly sentinels: readonly EngineServer[]

  constructor (servers: readonly [EngineServer, EngineServer], sentinels: readonly EngineServer[]) {
    this.servers = servers
    this.sentinels = sentinels
  }

  get addresses (): Array<{ host: string, port: number }> {
    return this.sentinels.map(({ port }) => ({ host: '127.0.0.1', port }))
  }

  /** Which server is the master, as the first sentinel has it. */
  async master (): Promise<EngineServer> {
    const [, port] = await ask(this.sentinels[0], 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER) as [string, string]
    return this.servers.find(server => String(server.port) === port)!
  }

  /** Resolves when another server than this is the master, for all sentinels. */
  async hasFailedOver (from: EngineServer): Promise<void> {
    for (const sentinel of this.sentinels) {
      await until(async () => {
        const [, port] = await ask(sentinel, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER) as [string, string]
        return port !== String(from.port)
      }, 'another master')
    }
    const other = this.servers.find(server => server !== from)!
    await until(() => hasRole(other, 'master'), 'the replica to be the master')
  }

  /** The master is killed. Resolves when the other one is the master. */
  async failOver (): Promise<EngineServer> {
    const master = await this.master()
    await master.kill()
    await this.hasFailedOver(master)
    return master
  }

  /** The other one becomes the master, as an administrator would have it; the master lives on as its replica. */
  async swap (): Promise<EngineServer> {
    const master = await this.master()
    await ask(this.sentinels[0], 'SENTINEL', 'FAILOVER', MASTER)
    await this.hasFailedOver(master)
    await until(() => hasRole(master, 'slave'), 'the master to be a replica')
    return master
  }
}

/** Starts them, and waits until all know of each other. They end with the test. */
export async function startSentinels (t: Owner, config: Record<string, string> = {}): Promise<RedisSentinels> {
  const settings = { 'repl-diskless-sync-delay': '0', ...config }
  const start = (): Promise<EngineServer> => startRedis(t, { config: settings })
  const servers: [EngineServer, EngineServer] = await Promise.all([start(), start()])
  await ask(servers[1], 'REPLICAOF', '127.0.0.1', servers[0].port)
  await until(() => isInSync(servers[1]), 'the replica to be in sync')
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(t, servers[0].port)))
  for (const sentinel of sentinels) {
    await until(async () => {
      return String(await ask(sentinel, 'INFO', 'sentinel')).includes('slaves=1,sentinels=3')
    }, 'the sentinels to know each other')
  }
  return new RedisSentinels(servers, sentinels)
}

async function hasRole (server: EngineServer, role: string): Promise<boolean> {
  try {
    return String(await ask(server, 'ROLE')).startsWith(role)
  } catch {
    // Sentinels cut all connections of a server whose role they change.
    return false
  }
}

async function startSentinel (t: Owner, master: number): Promise<EngineServer> {
  const sentinel = new EngineServer({
    name: 'redis',
    command: process.env.REDIS_SERVER ?? 'redis-server',
    debian: 'redis-server',
    args: (port, folder) => {
      // A sentinel keeps what it learns in its configuration.
      const file = join(folder, 'sentinel.conf')
      writeFileSync(file, [
        `port ${port}`, 'bind 127.0.0.1', `dir ${folder}`,
        `sentinel monitor ${MASTER} 127.0.0.1 ${master} 2`,
        `sentinel down-after-milliseconds ${MASTER} ${DOWN_AFTER}`,
        `sentinel failover-timeout ${MASTER} ${FAILOVER_TIMEOUT}`
      ].join('\n'))
      return [file, '--sentinel']
    },
    greeting: 'PING\r\n',
    answer: '+PONG'
  }, await freePort())
  t.teardown(() => sentinel.end())
  await sentinel.start()
  return sentinel
}
