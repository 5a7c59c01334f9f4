import { test } from 'tap'
import type { Reply } from '../../lib/redis/link.ts'
import { linkFor } from '../../lib/redis/links.ts'
import { until } from '../support/until.ts'
import { type ClientKind, Line, singles } from './links.ts'
import { ask } from './redis-cluster.ts'
import { type EngineServer, startRedis } from './servers.ts'

const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))

for (const kind of singles) testLink(kind)

test('a connection that is made while the data are loaded can only be used afterwards', async t => {
  // A fake slow disk: microseconds for each command.
  const server = await startRedis(t, { aof: 'everysec', config: { 'key-load-delay': '400' } })
  await ask(server, 'EVAL', 'for i = 1, 5000 do redis.call("SET", i, i) end', 0)
  for (const kind of singles) {
    await server.kill()
    const restart = server.start()
    const link = linkFor(kind.make([server.port]))
    const errors: string[] = []
    await until(async () => {
      try {
        const line = await Line.open(t, link, 'commands', 10_000)
        t.same(await line.connection.send(0, ['GET', '5000']), Buffer.from('5000'))
        return true
      } catch (error) {
        errors.push((error as Error).message)
        return false
      }
    })
    if (kind.name === '@redis/client') t.match(errors, [/^LOADING/], 'others wait')
    await restart
  }
})

function testLink (kind: ClientKind): void {
  test(kind.name, async t => {
    const server = await startRedis(t, { config: { databases: '4' } })
    await ask(server, 'CONFIG', 'SET', 'requirepass', 'secret')
    const options = { password: 'secret', keyPrefix: 'prefix:', database: 3 }
    const link = linkFor(kind.make([server.port], options))

    await t.test('sends bytes as they are, and gives back buffers, numbers, null and arrays of these', async t => {
      const { connection } = await Line.open(t, link, 'commands')
      t.strictSame([connection.isCluster, connection.isSharded, connection.serverOf(5)], [false, false, ''])
      t.same(await connection.send(0, ['SET', 'key', new Uint8Array(bytes.buffer, bytes.byteOffset, 256)]), Buffer.from('OK'))
      t.same(await connection.send(0, ['GET', 'key']), bytes, 'without the prefix of the user')
      t.same(await connection.send(0, ['EVAL', 'return { KEYS[1], ARGV[1], 7, false, { "" } }', '1', 'key', bytes]),
        [Buffer.from('key'), bytes, 7, null, [Buffer.alloc(0)]])
      t.same(await connection.send(0, ['HGETALL', 'no key']), [])
      await t.rejects(connection.send(0, ['EVALSHA', 'a'.repeat(40), '0']), { message: /^NOSCRIPT / })
      t.match(String(await connection.send(0, ['CLIENT', 'INFO'])), / db=3 /)
    })

    await t.test('keeps the order of what is sent', async t => {
      const { connection } = await Line.open(t, link, 'commands')
      const replies: Array<Promise<Reply>> = []
      for (let i = 0; i < 1000; i++) replies.push(connection.send(0, ['INCR', 'counter']))
      t.same(await Promise.all(replies), replies.map((_, i) => i + 1))
    })

    await t.test('hears what is published on a channel, from the answer on and until it is unsubscribed', async t => {
      const { connection } = await Line.open(t, link, 'commands')
      const line = await Line.open(t, link, 'subscribed')
      await line.connection.subscribe(0, ['a', 'ö'])
      await connection.send(0, ['PUBLISH', 'a', bytes])
      await connection.send(0, ['PUBLISH', 'ö', ''])
      await connection.send(0, ['PUBLISH', 'b', 'not heard'])
      await until(() => line.messages.length === 2)
      t.strictSame(line.messages, [['a', bytes.toString('latin1')], ['ö', '']])
      await line.connection.unsubscribe(0, ['a'])
      t.equal(await connection.send(0, ['PUBLISH', 'a', 'not heard']), 0)
      t.equal(await connection.send(0, ['PUBLISH', 'ö', 'heard']), 1)
      await until(() => line.messages.length === 3)
      t.strictSame(line.messages[2], ['ö', 'heard'])
    })

    await t.test('takes the last of several calls for a channel, without waiting between them', async t => {
      const { connection } = await Line.open(t, link, 'commands')
      const line = await Line.open(t, link, 'subscribed')
      const many = Array.from({ length: 1000 }, (_, i) => `channel ${i}`)
      await Promise.all([
        line.connection.subscribe(0, many), line.connection.unsubscribe(0, many), line.connection.subscribe(0, many.slice(0, 500)),
        line.connection.unsubscribe(0, ['channel 3']), line.connection.subscribe(0, ['channel 3', 'channel 700'])
      ])
      for (const [channel, count] of [['channel 2', 1], ['channel 3', 1], ['channel 700', 1], ['channel 701', 0]] as const) {
        t.equal(await connection.send(0, ['PUBLISH', channel, 'x']), count, channel)
      }
      await until(() => line.messages.length === 3)
      t.strictSame(line.messages.map(([channel]) => channel), ['channel 2', 'channel 3', 'channel 700'])
      await line.connection.unsubscribe(0, many)
      await line.connection.subscribe(0, ['channel 2'])
      t.equal(await connection.send(0, ['PUBLISH', 'channel 2', 'x']), 1)
      await until(() => line.messages.length === 4)
    })

    for (const role of ['commands', 'subscribed'] as const) {
      await t.test(`tells once that the connection for ${role} is lost, and everything rejects`, async t => {
        const line = await Line.open(t, link, role)
        const call = (): Promise<unknown> => role === 'commands'
          ? line.connection.send(0, ['BLPOP', 'nothing', '0'])
          : line.connection.subscribe(0, ['a'])
        const waiting = role === 'commands' ? call().then(() => 'answered', () => 'rejected') : 'rejected'
        await until(async () => await killClients(server, role === 'commands' ? 'normal' : 'pubsub', line) > 0)
        await until(() => line.lost.length > 0)
        t.equal(await waiting, 'rejected')
        await t.rejects(call())
        line.connection.destroy()
        line.connection.destroy()
        await t.rejects(call())
        t.equal(line.lost.length, 1)
        t.type(line.lost[0], Error)
      })
    }

    await t.test('does not tell that a connection is lost which was destroyed, and what waits rejects at once', async t => {
      const line = await Line.open(t, link, 'commands')
      const listening = await Line.open(t, link, 'subscribed')
      await listening.connection.subscribe(0, ['a'])
      server.stop()
      t.teardown(() => server.goOn())
      const waiting = Promise.allSettled<unknown>([
        line.connection.send(0, ['SET', 'late', '1']), listening.connection.subscribe(0, ['b']), listening.connection.unsubscribe(0, ['a'])
      ])
      line.connection.destroy()
      listening.connection.destroy()
      t.strictSame((await waiting).map(({ status }) => status), ['rejected', 'rejected', 'rejected'])
      await t.rejects(line.connection.send(0, ['PING']))
      await t.rejects(listening.connection.subscribe(0, ['a']))
      await t.rejects(listening.connection.unsubscribe(0, ['a']))
      server.goOn()
      t.strictSame([line.lost, listening.lost], [[], []])
      await until(async () => await countOf(server) === 1)
      t.equal(await ask({ port: server.port, password: 'secret' }, 'EXISTS', 'late'), 0)
    })

    await t.test('stops to connect when it is told to, and leaves nothing behind', async t => {
      server.stop()
      t.teardown(() => server.goOn())
      const reason = new Error('enough')
      const stop = new AbortController()
      setTimeout(() => { stop.abort(reason) }, 200)
      await Promise.all([
        t.rejects(link.connect('commands', new Line(), stop.signal), reason),
        t.rejects(link.connect('subscribed', new Line(), stop.signal), reason)
      ])
      const atOnce = new AbortController()
      const another = link.connect('commands', new Line(), atOnce.signal)
      atOnce.abort(reason)
      await t.rejects(another, reason)
      server.goOn()
      await until(async () => await countOf(server) === 1)
    })

    await t.test('rejects while nobody is there, and with a wrong password', async t => {
      const soon = (): AbortSignal => AbortSignal.timeout(5000)
      const wrong = linkFor(kind.make([server.port], { password: 'wrong' }))
      await t.rejects(wrong.connect('commands', new Line(), soon()), /WRONGPASS/)
      await t.rejects(linkFor(kind.make([1])).connect('subscribed', new Line(), soon()), /ECONNREFUSED/)
    })
  })
}

/** Cuts the connections of one kind, but not the one that asks; how many there were. */
async function killClients (server: EngineServer, type: string, line: Line): Promise<number> {
  if (type === 'pubsub' && line.messages.length === 0) await line.connection.subscribe(0, ['to be killed'])
  return Number(await ask({ port: server.port, password: 'secret' }, 'CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes'))
}

/** How many connections a server has, that which asks included. */
async function countOf (server: EngineServer): Promise<number> {
  return String(await ask({ port: server.port, password: 'secret' }, 'CLIENT', 'LIST')).trim().split('\n').length
}
