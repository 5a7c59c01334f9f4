import { Redis } from 'ioredis'
import { until } from '../support/until.ts'
import { freePort } from '../support/ports.ts'
import { type EngineServer, type Owner, startRedis } from './servers.ts'

/** Slots of a cluster. */
const SLOTS = 16_384

/** Milliseconds after which the others take a node for dead. A replica then takes its place within about as long. */
const NODE_TIMEOUT = 1000

/** A Redis Cluster that ends with the test. */
export class RedisCluster {
  /** The masters of the beginning, in the order of their slots. */
  readonly masters: readonly EngineServer[]
  /** The replica of each, in the same order; none if there are none. */
  readonly replicas: readonly EngineServer[]

  constructor (masters: readonly EngineServer[], replicas: readonly EngineServer[]) {
    this.masters = masters
    this.replicas = replicas
  }

  get nodes (): EngineServer[] {
    return [...this.masters, ...this.replicas]
  }

  /** Where clients begin. */
  get startupNodes (): Array<{ host: string, port: number }> {
    return this.nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
  }

  /** The place of the master that a slot had in the beginning. */
  placeOf (slot: number): number {
    return Math.floor(slot / Math.ceil(SLOTS / this.masters.length))
  }

  /** The replica in this place becomes the master, as an administrator would have it; the master lives on as its replica. */
  async swap (place: number): Promise<void> {
    await ask(this.replicas[place], 'CLUSTER', 'FAILOVER')
    await until(() => isMaster(this.replicas[place]), 'the replica to be the master')
    await until(() => isInSync(this.masters[place]), 'the master to be its replica')
  }

  /** The master in this place is killed. Resolves when its replica has taken its place, and the cluster is whole again. */
  async failOver (place: number): Promise<void> {
    await this.masters[place].kill()
    await until(() => isMaster(this.replicas[place]), 'the replica to be the master')
    await until(() => isWhole(this.replicas[place]), 'the cluster to be whole')
  }

  /**
   * A slot moves to the master in another place, with its keys.
   *
   * @param at the place of the master that it leaves; by default that which had it in the beginning
   */
  async move (slot: number, place: number, at = this.placeOf(slot)): Promise<void> {
    const from = this.masters[at]
    const to = this.masters[place]
    const [source, target] = await Promise.all([idOf(from), idOf(to)])
    await ask(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', source)
    await ask(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', target)
    for (;;) {
      const keys = await ask(from, 'CLUSTER', 'GETKEYSINSLOT', slot, 100) as string[]
      if (keys.length === 0) break
      await ask(from, 'MIGRATE', '127.0.0.1', to.port, '', 0, 5000, 'KEYS', ...keys)
    }
    for (const node of [to, from]) await ask(node, 'CLUSTER', 'SETSLOT', slot, 'NODE', target)
  }
}

export interface ClusterOptions {
  /** Default 3. */
  masters?: number
  /** Whether each has a replica. */
  withReplicas?: boolean
  /** More lines of redis.conf. */
  config?: Record<string, string>
}

/** Starts one and waits until all of its nodes know all others. It takes about two seconds, and three with replicas. */
export async function startCluster (t: Owner, { masters = 3, withReplicas = false, config }: ClusterOptions = {}): Promise<RedisCluster> {
  const nodes = await Promise.all(Array.from({ length: withReplicas ? masters * 2 : masters }, () => startNode(t, config)))
  const cluster = new RedisCluster(nodes.slice(0, masters), nodes.slice(masters))
  const share = Math.ceil(SLOTS / masters)
  for (const [place, node] of cluster.masters.entries()) {
    await ask(node, 'CLUSTER', 'ADDSLOTSRANGE', place * share, Math.min((place + 1) * share, SLOTS) - 1)
  }
  // No two nodes may have the same epoch; they would find that out by themselves, but later.
  for (const [place, node] of nodes.entries()) await ask(node, 'CLUSTER', 'SET-CONFIG-EPOCH', place + 1)
  for (const node of nodes.slice(1)) await ask(node, 'CLUSTER', 'MEET', '127.0.0.1', nodes[0].port, await busPortOf(nodes[0]))
  for (const node of nodes) await until(async () => await countOf(node) === nodes.length, 'the nodes to know each other')
  for (const [place, replica] of cluster.replicas.entries()) {
    await ask(replica, 'CLUSTER', 'REPLICATE', await idOf(cluster.masters[place]))
  }
  for (const node of nodes) await until(() => isWhole(node), 'the cluster to be whole')
  for (const replica of cluster.replicas) await until(() => isInSync(replica), 'the replica to be in sync')
  return cluster
}

async function startNode (t: Owner, config: Record<string, string> | undefined): Promise<EngineServer> {
  // Somebody else may take the second port before it does.
  for (let left = 3; ; left--) {
    try {
      return await startNodeOnce(t, config)
    } catch (error) {
      if (left === 0) throw error
    }
  }
}

async function startNodeOnce (t: Owner, config: Record<string, string> | undefined): Promise<EngineServer> {
  return startRedis(t, {
    config: {
      'cluster-enabled': 'yes',
      // By default the port and 10,000, which may be one of those that the kernel gives to connections.
      'cluster-port': String(await freePort()),
      'cluster-node-timeout': String(NODE_TIMEOUT),
      // A replica that begins to synchronize at once is of use at once.
      'repl-diskless-sync-delay': '0',
      'cluster-allow-replica-migration': 'no',
      ...config
    }
  })
}

const isWhole = async (node: EngineServer): Promise<boolean> =>
  String(await ask(node, 'CLUSTER', 'INFO')).includes('cluster_state:ok')

const isMaster = async (node: EngineServer): Promise<boolean> =>
  String(await ask(node, 'INFO', 'replication')).includes('role:master')

export const isInSync = async (node: EngineServer): Promise<boolean> =>
  String(await ask(node, 'INFO', 'replication')).includes('master_link_status:up')

const idOf = async (node: EngineServer): Promise<string> => String(await ask(node, 'CLUSTER', 'MYID'))

/** How many nodes it knows whose handshake is over. */
const countOf = async (node: EngineServer): Promise<number> =>
  String(await ask(node, 'CLUSTER', 'NODES')).split('\n').filter(line => line !== '' && !line.includes('handshake')).length

const busPortOf = async (node: EngineServer): Promise<string> =>
  (await ask(node, 'CONFIG', 'GET', 'cluster-port') as string[])[1]

/** From now on the replicas of a server get nothing of what it is told: if it dies, that is lost. */
export async function cutOffReplicas (server: EngineServer): Promise<void> {
  await ask(server, 'ACL', 'SETUSER', 'default', '-psync', '-sync')
  await ask(server, 'CLIENT', 'KILL', 'TYPE', 'replica')
}

/** Asks one server something, on a connection of its own. */
export async function ask (
  { port, password }: { port: number, password?: string }, command: string, ...args: Array<string | number>
): Promise<unknown> {
  const client = new Redis(port, { password, lazyConnect: true, retryStrategy: null, protocol: 2, commandTimeout: 10_000 })
  client.on('error', () => {})
  try {
    return await client.call(command, ...args)
  } finally {
    client.disconnect()
  }
}
