import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'tap'
import type { Retention } from '../../types/backplane.ts'
import { turn, until } from '../support/until.ts'
import { clientOf, openNode, RedisNode, spy, textOf } from './redis-node.ts'
import { freePort } from '../support/ports.ts'
import { startRedis } from './servers.ts'

const KEEP: Retention = { size: 1000, ttl: 60_000 }

async function kept (node: RedisNode, topic: string): Promise<string[]> {
  return (await node.driver.last(topic, KEEP, 1000)).map(({ bytes }) => textOf(bytes))
}

/** Publishes one after the other until it is told to stop. */
function publishing (node: RedisNode, topic: string, retention: Retention | null) {
  const load = { acknowledged: [] as string[], rejected: [] as string[], isOver: false, stop }
  const running = run()
  async function run (): Promise<void> {
    for (let i = 0; !load.isOver; i++) {
      try {
        await node.publish(topic, String(i), retention)
        load.acknowledged.push(String(i))
      } catch {
        load.rejected.push(String(i))
        await turn()
      }
    }
  }
  function stop (): Promise<void> {
    load.isOver = true
    return running
  }
  return load
}

test('a server that stands still: calls fail within the deadline, and are not carried out when it goes on', async t => {
  const server = await startRedis(t)
  const node = await openNode(t, server, { deadline: 1000 })
  await node.publish('a', 'before', KEEP)
  await node.driver.join('a', { id: 'ann', info: '' })
  t.ok(node.driver.lag! >= 0)
  server.stop()
  const start = performance.now()
  const outcomes = await Promise.allSettled([
    node.publish('a', 'late', KEEP), node.publish('b', 'late'), node.driver.subscribe([{ topic: 'a', retention: KEEP }]),
    node.driver.join('a', { id: 'late', info: '' }), node.driver.leave('a', 'ann'), node.driver.signal(Buffer.from('late')),
    node.driver.read('a', KEEP, 'a-1-1', 1), node.driver.last('a', KEEP, 1), node.driver.members('a'), node.driver.count('a')
  ])
  const took = performance.now() - start
  t.ok(outcomes.every(({ status }) => status === 'rejected'))
  t.ok(took > 900 && took < 3000, `${took} ms`)
  t.equal(node.state, 'down')
  t.match(node.errors[0], /no answer within 1000 ms/)
  t.equal(node.driver.lag, null)
  const immediate = performance.now()
  await t.rejects(node.publish('a', 'down', KEEP), /not connected/)
  await t.rejects(node.driver.subscribe([]), /not connected/)
  await t.rejects(node.driver.join('a', { id: 'down', info: '' }), /not connected/)
  t.ok(performance.now() - immediate < 500)
  server.goOn()
  await until(() => node.state === 'up')
  t.strictSame(await kept(node, 'a'), ['before'])
  t.strictSame(node.signals, [])
  await until(() => node.gone.length === 1, 'the member who was to leave has left')
  t.strictSame(node.gone, [['a', { id: 'ann', info: '' }]])
  t.strictSame(await node.driver.members('a'), [])
  await node.publish('a', 'behind', KEEP)
  t.strictSame(await kept(node, 'a'), ['before', 'behind'])
})

test('a server that stands still for less than the deadline: nothing happens', async t => {
  const server = await startRedis(t)
  const node = await openNode(t, server)
  server.stop()
  const answer = node.publish('a', '1', KEEP)
  const start = performance.now()
  await until(() => performance.now() - start > 1500)
  t.ok(node.driver.lag! > 200, `the lag is seen: ${node.driver.lag}`)
  server.goOn()
  await answer
  t.strictSame(node.states, [])
})

test('a process that stands still itself takes no server for dead', async t => {
  const server = await startRedis(t)
  const node = await openNode(t, server, { deadline: 400 })
  for (let i = 0; i < 5; i++) {
    const answer = node.driver.members('a')
    const end = performance.now() + 500
    while (performance.now() < end);
    t.strictSame(await answer, [])
  }
  t.strictSame(node.states, [])
})

test('killed and started again: what was acknowledged is there, and the topic goes on', async t => {
  const server = await startRedis(t, { aof: 'always' })
  const node = await openNode(t, server, { deadline: 2000 })
  const load = publishing(node, 'a', KEEP)
  await until(() => load.acknowledged.length > 50)
  const [before] = await node.driver.subscribe([{ topic: 'a', retention: KEEP }])
  await server.kill()
  await until(() => node.state === 'down')
  await until(() => load.rejected.length > 0)
  await server.start()
  await until(() => node.state === 'up')
  const count = load.acknowledged.length
  await until(() => load.acknowledged.length > count + 10)
  await load.stop()
  const texts = await kept(node, 'a')
  t.strictSame(load.acknowledged.filter(text => !texts.includes(text)), [])
  t.strictSame(texts, [...texts].sort((one, other) => Number(one) - Number(other)))
  t.ok((await node.driver.read('a', KEEP, before!.at, 1000)) !== null, 'positions are good')
  t.strictSame(node.states, ['down', 'up'])
})

test('killed without a file: the topic begins anew', async t => {
  const server = await startRedis(t)
  const node = await openNode(t, server)
  await node.driver.subscribe([{ topic: 'a', retention: KEEP }])
  const at = await node.publish('a', '1', KEEP)
  await node.hears('a', 1)
  await server.kill()
  await server.start()
  await until(() => node.state === 'up')
  t.equal(await node.driver.read('a', KEEP, at, 10), null)
  await node.publish('a', 'not subscribed', KEEP)
  const [place] = await node.driver.subscribe([{ topic: 'a', retention: KEEP }])
  t.not(place!.at.split('-')[0], at.split('-')[0])
  await node.publish('a', '2', KEEP)
  t.strictSame(await node.hears('a', 2), ['1', '2'])
})

test('FLUSHALL: the announcements tell another epoch', async t => {
  const server = await startRedis(t)
  const node = await openNode(t, server)
  await node.driver.subscribe([{ topic: 'a', retention: KEEP }])
  const at = await node.publish('a', '1', KEEP)
  await spy(t, server).flushall()
  t.equal(await node.driver.read('a', KEEP, at, 10), null)
  await node.publish('a', '2', KEEP)
  await node.hears('a', 2)
  const [one, two] = node.heard.map(({ place }) => place!)
  t.notOk(node.driver.isNext(one!, two!))
  t.equal(await node.driver.read('a', KEEP, at, 10), null)
})

test('only the subscribed connection is cut: no call fails', async t => {
  const server = await startRedis(t)
  const node = await openNode(t, server)
  const look = spy(t, server)
  const load = publishing(node, 'a', KEEP)
  for (let i = 1; i <= 5; i++) {
    await node.driver.subscribe([{ topic: 'a', retention: KEEP }])
    const heard = node.heard.length
    await until(() => node.heard.length > heard)
    await look.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until(() => node.states.length === 2 * i)
  }
  await load.stop()
  t.strictSame(load.rejected, [])
  t.strictSame(node.states, Array.from({ length: 5 }, () => ['down', 'up']).flat())
  const { length } = node.heard
  await node.publish('a', 'last', KEEP)
  await node.driver.signal(Buffer.from('behind'))
  await until(() => node.signals.length === 1)
  t.equal(node.heard.length, length, 'topics are to be subscribed to once more')
})

test('all connections are cut, again and again', async t => {
  const server = await startRedis(t)
  const node = await openNode(t, server)
  const look = spy(t, server)
  const load = publishing(node, 'a', KEEP)
  for (let i = 1; i <= 5; i++) {
    await until(() => load.acknowledged.length > i * 10)
    await look.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await until(() => node.states.length === 2 * i)
  }
  await load.stop()
  const texts = await kept(node, 'a')
  t.strictSame(load.acknowledged.filter(text => !texts.includes(text)).length, Math.max(0, load.acknowledged.length - 1000))
})

test('SCRIPT FLUSH under load: nothing is rejected, and the order holds', async t => {
  const server = await startRedis(t)
  const node = await openNode(t, server)
  const look = spy(t, server)
  await node.driver.subscribe([{ topic: 'a', retention: null }])
  const answers = []
  for (let i = 0; i < 2000; i++) {
    answers.push(node.publish('a', String(i)))
    if (i % 100 === 0) await look.script('FLUSH')
    else if (i % 10 === 0) await turn()
  }
  await Promise.all(answers)
  t.strictSame(await node.hears('a', 2000), Array.from({ length: 2000 }, (_, i) => String(i)))
  t.strictSame(node.states, [])
})

test('a server that became a replica is no place to publish', async t => {
  const server = await startRedis(t)
  const node = await openNode(t, server, { deadline: 1000 })
  const look = spy(t, server)
  await look.replicaof('127.0.0.1', String(await freePort()))
  await t.rejects(node.publish('a', '1', KEEP))
  await until(() => node.state === 'down')
  await look.replicaof('NO', 'ONE')
  await until(() => node.state === 'up')
  await node.publish('a', '2', KEEP)
  t.strictSame(await kept(node, 'a'), ['2'])
})

test('an error of the server is that of the call', async t => {
  const server = await startRedis(t)
  const node = await openNode(t, server)
  const look = spy(t, server)
  await node.publish('a', '1', KEEP)
  const [stream] = await look.keys('*:s:a')
  await look.set(stream!, 'something else')
  await t.rejects(node.publish('a', '2', KEEP), /WRONGTYPE/)
  await t.rejects(node.driver.last('a', KEEP, 1), /WRONGTYPE/)
  const [meta] = await look.keys('*:m:a')
  await look.set(meta!, 'something else')
  await t.rejects(node.driver.subscribe([{ topic: 'b', retention: null }, { topic: 'a', retention: KEEP }]), /WRONGTYPE/)
  await until(async () => (await look.pubsub('CHANNELS', '*:c:*') as string[]).length === 0, 'what was subscribed to is not any more')
  t.strictSame(node.states, [])
})

test('nobody is there at the start', async t => {
  const port = await freePort()
  const node = new RedisNode(clientOf({ port }), { deadline: 300 })
  t.equal(node.driver.lag, null)
  const start = performance.now()
  await t.rejects(node.driver.open(node), /ECONNREFUSED/)
  t.ok(performance.now() - start < 2000)
  await t.rejects(node.publish('a', '1'), /not connected/)
  await node.driver.close()
  t.strictSame(node.states, [])
})

test('somebody is there who says nothing', async t => {
  const sockets: Socket[] = []
  const mute = createServer(socket => { sockets.push(socket) }).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    mute.close()
  })
  const node = new RedisNode(clientOf(mute.address() as AddressInfo), { deadline: 300 })
  await t.rejects(node.driver.open(node), /no connection within 300 ms/)
})

test('a password is wrong', async t => {
  const server = await startRedis(t)
  await spy(t, server).config('SET', 'requirepass', 'secret')
  const node = new RedisNode(clientOf(server, { password: 'wrong' }), { deadline: 300 })
  await t.rejects(node.driver.open(node), /WRONGPASS/)
  const right = await openNode(t, server, {}, clientOf(server, { password: 'secret' }))
  await right.publish('a', '1', KEEP)
})

test('a server that starts a little later is waited for', async t => {
  const server = await startRedis(t)
  await server.kill()
  const node = new RedisNode(clientOf(server), { deadline: 4900 })
  t.teardown(() => node.driver.close())
  const opening = node.driver.open(node)
  await server.start()
  await opening
  await node.publish('a', '1', KEEP)
})

test('closed, it tells nothing, and calls fail', async t => {
  const server = await startRedis(t)
  const node = await openNode(t, server)
  const other = await openNode(t, server)
  await node.driver.subscribe([{ topic: 'a', retention: KEEP }])
  const closing = node.driver.close()
  t.equal(node.driver.close(), closing)
  await other.publish('a', '1', KEEP)
  await other.driver.signal(Buffer.from('hi'))
  await closing
  await t.rejects(node.publish('a', '2', KEEP), /not connected/)
  await t.rejects(node.driver.subscribe([{ topic: 'a', retention: KEEP }]), /not connected/)
  await t.rejects(node.driver.join('a', { id: 'ann', info: '' }), /not connected/)
  await t.rejects(node.driver.count('a'), /not connected/)
  node.driver.unsubscribe(['a'])
  await until(() => other.signals.length === 1)
  t.strictSame([node.heard, node.signals, node.states], [[], [], []])
})

test('closed during an outage', async t => {
  const server = await startRedis(t)
  const node = await openNode(t, server, { deadline: 500 })
  await server.kill()
  await until(() => node.state === 'down')
  const start = performance.now()
  await node.driver.close()
  t.ok(performance.now() - start < 1000)
  t.strictSame(node.states, ['down'])
})

test('closed while it opens', async t => {
  const server = await startRedis(t)
  const node = new RedisNode(clientOf(server))
  const opening = node.driver.open(node)
  await node.driver.close()
  await t.rejects(opening, /closed/)
  const look = spy(t, server)
  await until(async () => (await look.client('LIST') as string).trim().split('\n').length === 1, 'no connection is left')
})

test('the client itself is left alone', async t => {
  const server = await startRedis(t)
  const client = clientOf(server)
  const node = await openNode(t, server, {}, client)
  t.equal(client.status, 'wait')
  await node.driver.close()
  t.equal(client.status, 'wait')
})

test('a server that does not let us announce any more, and then does', async t => {
  const server = await startRedis(t)
  const node = await openNode(t, server)
  const look = spy(t, server)
  await look.call('ACL', 'SETUSER', 'default', '-publish')
  await until(() => node.state === 'down')
  t.match(node.errors[0], /can't run this command|NOPERM|publish/i)
  await look.call('ACL', 'SETUSER', 'default', '+publish')
  await until(() => node.state === 'up')
  await node.publish('a', '1', KEEP)
})
