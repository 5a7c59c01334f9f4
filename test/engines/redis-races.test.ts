import { Redis } from 'ioredis'
import { Redis as Valkey } from 'iovalkey'
import { test } from 'tap'
import { ClusterLink, type MemberConnection } from '../../lib/redis/cluster.ts'
import { type IoRedisCluster, IoRedisClusterClient } from '../../lib/redis/ioredis-cluster.ts'
import { type IoRedis, IoRedisLink } from '../../lib/redis/ioredis.ts'
import { Keys } from '../../lib/redis/keys.ts'
import type { ConnectionEvents, RedisLink, Reply, Role } from '../../lib/redis/link.ts'
import { type NodeRedisCluster, NodeRedisClusterClient } from '../../lib/redis/node-redis-cluster.ts'
import { type NodeRedisClient, NodeRedisLink } from '../../lib/redis/node-redis.ts'
import { Store } from '../../lib/redis/store.ts'
import { turn } from '../support/until.ts'
import { Line } from './links.ts'
import { FakeClient, FakeCluster } from './redis-fake-clients.ts'

const never = new Promise<never>(() => {})
const enough = new Error('enough')

/** Connects with a signal that is aborted by `stop`. */
function connecting (link: Pick<RedisLink, 'connect'>, stop = new AbortController()) {
  const line = new Line()
  return { line, connection: link.connect('subscribed', line, stop.signal) }
}

const ioredis = (client: FakeClient) => new IoRedisLink(client as unknown as IoRedis, 'ioredis')
const nodeRedis = (client: FakeClient) => new NodeRedisLink(client as unknown as NodeRedisClient)
const ioredisCluster = (cluster: FakeCluster) => new IoRedisClusterClient(cluster as unknown as IoRedisCluster, 'ioredis') as unknown as RedisLink
const nodeRedisCluster = (cluster: FakeCluster) => new NodeRedisClusterClient(cluster as unknown as NodeRedisCluster) as unknown as RedisLink

test('ioredis: a connection that ends just when it is made is none', async t => {
  const refused = new FakeClient(() => { throw new Error('refused') })
  await t.rejects(connecting(ioredis(refused)).connection, { message: 'refused' })
  const closed = new FakeClient(client => { client.emit('close') })
  const { line, connection } = connecting(ioredis(closed))
  await t.rejects(connection, { message: 'the connection was closed' })
  closed.emit('close')
  t.strictSame([closed.ended, line.lost], [1, []])
  const failed = new FakeClient(client => {
    client.emit('error', new Error('reset'))
    client.emit('close')
  })
  await t.rejects(connecting(ioredis(failed)).connection, { message: 'reset' })
  // A sentinel that is not there is an error too, and the next one is asked.
  const another = new FakeClient(client => { client.emit('error', new Error('unreachable')) })
  t.ok(await connecting(ioredis(another)).connection)
  const stop = new AbortController()
  const late = new FakeClient(() => { stop.abort(enough) })
  await t.rejects(connecting(ioredis(late), stop).connection, enough)
  t.equal(late.ended, 1)
})

test('ioredis: sentinels of which none is there are asked once', async t => {
  const options = { sentinels: [{ host: '127.0.0.1', port: 1 }], name: 'main', lazyConnect: true }
  for (const client of [new Redis(options), new Valkey(options)]) {
    const link = new IoRedisLink(client as unknown as IoRedis, 'ioredis')
    await t.rejects(link.connect('commands', new Line(), AbortSignal.timeout(5000)), { message: /ECONNREFUSED|unreachable/ })
  }
})

test('ioredis: a channel whose slot has moved ends the connection', async t => {
  for (const errors of [[], [new Error('before')]]) {
    const client = new FakeClient(() => { for (const error of errors) client.emit('error', error) })
    const { line, connection } = connecting(ioredis(client))
    await connection
    client.emit('moved')
    client.emit('close')
    t.strictSame(line.lost.map(({ message }) => message), [errors[0]?.message ?? 'the slot of a channel is on another server'])
  }
})

test('a cluster of ioredis: why the masters are not found', async t => {
  const stop = new AbortController()
  const cases: Array<[connect: (cluster: FakeClient) => void, message: string]> = [
    [() => { throw new Error('all failed') }, 'all failed'],
    [cluster => {
      cluster.emit('error', new Error('of no use'))
      cluster.emit('node error', new Error('WRONGPASS'))
      cluster.emit('node error', new Error('and another'))
      throw new Error('all failed')
    }, 'WRONGPASS'],
    [() => {
      stop.abort(enough)
      throw new Error('all failed')
    }, 'enough']
  ]
  for (const [connect, message] of cases) {
    const cluster = new FakeCluster([], connect)
    await t.rejects(connecting(ioredisCluster(cluster), stop).connection, { message })
    t.ok(cluster.ended > 0)
  }
})

test('@redis/client: a signal to stop that comes while it connects', async t => {
  const before = new FakeClient(() => t.fail('it does not even begin'))
  const stopped = new AbortController()
  stopped.abort(enough)
  await t.rejects(connecting(nodeRedis(before), stopped).connection, enough)

  let finish = (): void => {}
  for (const hasSocket of [false, true]) {
    const client = new FakeClient(() => new Promise<void>(resolve => { finish = resolve }))
    // Before version 6.1, that is how it ends when there is nothing to be destroyed.
    client.onDestroy = () => { throw new Error('The client is closed') }
    const stop = new AbortController()
    const { connection } = connecting(nodeRedis(client), stop)
    if (hasSocket) client.emit('connect')
    stop.abort(enough)
    await t.rejects(connection, enough)
    t.equal(client.ended, hasSocket ? 1 : 0)
    if (!hasSocket) client.emit('connect')
    t.equal(client.ended, 1)
    finish()
    await turn()
    t.equal(client.ended, 2, 'nobody else would do it')
  }
})

test('@redis/client: a connection that ends before it is known to be ready', async t => {
  const gone = new FakeClient(client => { client.isReady = false })
  await t.rejects(connecting(nodeRedis(gone)).connection, { message: 'the connection was lost' })
  const loading = new FakeClient()
  loading.answer = () => { throw new Error('LOADING') }
  await t.rejects(connecting(nodeRedis(loading)).connection, { message: 'LOADING' })
  const stop = new AbortController()
  const stopped = new FakeClient()
  stopped.answer = () => {
    stop.abort(enough)
    throw new Error('the socket is closed')
  }
  await t.rejects(connecting(nodeRedis(stopped), stop).connection, enough)
  t.strictSame([loading.ended, stopped.ended], [1, 2])
})

test('a cluster of @redis/client: nothing is left of one that is not complete', async t => {
  const before = new FakeCluster([], () => t.fail('it does not even begin'))
  const stopped = new AbortController()
  stopped.abort(enough)
  await t.rejects(connecting(nodeRedisCluster(before), stopped).connection, enough)

  const good = new FakeClient()
  const bad = new FakeClient(() => { throw new Error('refused') })
  const broken = new FakeCluster([good, bad])
  broken.onDestroy = () => { throw new Error('The client is closed') }
  await t.rejects(connecting(nodeRedisCluster(broken)).connection, { message: 'refused' })
  t.strictSame([broken, good, bad].map(({ ended }) => ended), [1, 1, 1])

  for (const atOnce of [true, false]) {
    const stop = new AbortController()
    const master = new FakeClient(() => {
      stop.abort(enough)
      return never
    })
    const cluster = new FakeCluster([master], () => { if (atOnce) stop.abort(enough) })
    await t.rejects(connecting(nodeRedisCluster(cluster), stop).connection, enough)
    t.strictSame([cluster.ended, master.ended], [1, 1])
  }
})

test('a cluster of @redis/client: once it is told to stop, no master is connected to', async t => {
  let began = 0
  // So many turns of the queue of microtasks after the cluster was told to connect.
  for (let turns = 0; turns < 10; turns++) {
    const stop = new AbortController()
    const master = new FakeClient(() => {
      began++
      t.notOk(stop.signal.aborted, `after ${turns}`)
      return never
    })
    const cluster = new FakeCluster([master], () => {
      const later = (left: number): void => {
        if (left === 0) stop.abort(enough)
        else queueMicrotask(() => later(left - 1))
      }
      later(turns)
    })
    await t.rejects(connecting(nodeRedisCluster(cluster), stop).connection, enough)
  }
  t.ok(began > 0 && began < 10, 'some of them come before, and some after')
})

/** A master with all slots, which answers in such a way that a test can come between. */
class Master implements MemberConnection {
  readonly isCluster = false
  isSharded = false
  destroyed = 0
  /** The slots that it has. */
  last = 16_383
  onPing = (): void => {}

  serverOf (): string {
    return ''
  }

  async send (_: number, command: ReadonlyArray<string | Uint8Array>): Promise<Reply> {
    const [first, second] = command.map(String)
    if (first === 'PING') {
      this.onPing()
      return Buffer.from('PONG')
    }
    if (first === 'COMMAND') return [null]
    const id = Buffer.from('own')
    if (second === 'MYID') return id
    return second === 'SLOTS' ? [[0, this.last, [Buffer.from('127.0.0.1'), 1, id]]] : Buffer.from('cluster_state:ok\r\n')
  }

  async subscribe (): Promise<void> {}
  async unsubscribe (): Promise<void> {}

  destroy (): void {
    this.destroyed++
  }
}

test('a cluster whose masters answer, and are lost before all have', async t => {
  const begin = (prepare: (master: Master, events: ConnectionEvents, stop: AbortController) => void) => {
    const master = new Master()
    const stop = new AbortController()
    const link = new ClusterLink({
      name: 'fake',
      connect: async (_, events) => {
        prepare(master, events, stop)
        return [master]
      }
    })
    return { master, ...connecting(link, stop) }
  }

  const whole = begin((master, events) => { master.onPing = () => { events.onMessage('a', Buffer.from('x')) } })
  t.equal((await whole.connection).isCluster, true)
  t.same(whole.line.messages, [['a', 'x']])

  const lost = begin((master, events) => {
    master.onPing = () => { for (const message of ['reset', 'closed']) events.onLost(new Error(message)) }
  })
  await t.rejects(lost.connection, { message: 'reset' })
  const stopped = begin((master, _, stop) => { master.onPing = () => { stop.abort(enough) } })
  await t.rejects(stopped.connection, enough)
  const partial = begin(master => { master.last = 99 })
  await t.rejects(partial.connection, { message: 'the masters have 100 of 16384 slots' })
  t.strictSame([whole, lost, stopped, partial].map(({ master }) => master.destroyed > 0), [false, true, true, true])
  for (const { line } of [lost, stopped, partial]) t.same(line.lost, [])
})

test('connections that are lost before the driver has them, or come too late, are destroyed', async t => {
  const made: Master[] = []
  const link: RedisLink = {
    name: 'fake',
    connect: async (role: Role, events: ConnectionEvents, signal: AbortSignal) => {
      const master = new Master()
      made.push(master)
      if (role === 'commands') events.onLost(new Error('reset'))
      else await new Promise(resolve => { signal.addEventListener('abort', resolve) })
      return master
    }
  }
  const store = new Store(link, 4000, new Keys('p'), 'node', {
    prepare: async () => { t.fail('there is nothing to be prepared') },
    onMessage: () => {},
    onUp: () => {},
    onDown: () => {}
  })
  const opened = store.open()
  await turn()
  t.strictSame(made.map(({ destroyed }) => destroyed), [1, 1])
  t.equal(store.isConnected, false)
  store.close()
  await t.rejects(opened, { message: 'closed' })
  t.equal(made.length, 2)
})
