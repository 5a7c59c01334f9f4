import { performance } from 'node:perf_hooks'
import { type Test, test } from 'tap'
import { transportOf } from '../support/transport.ts'
import { turn, until } from '../support/until.ts'
import { type AnySocket, numbers, type Stage, stage, textsSoFar } from './stage.ts'

interface Crowd extends Pick<Stage<undefined>, 'app' | 'inject'> {
  sockets: AnySocket[]
  got: string[][]
  failures: unknown[]
}

/** Sockets in memory, subscribed to `a`. */
async function crowd (t: Test, size: number): Promise<Crowd> {
  const { app, inject, failures } = await stage(t)
  const sockets: AnySocket[] = []
  const got: string[][] = []
  for (let i = 0; i < size; i++) {
    const { socket, client } = await inject()
    const own: string[] = []
    client.on('message', (message: string) => { own.push(message) })
    await socket.subscribe('a')
    sockets.push(socket)
    got.push(own)
  }
  return { app, inject, sockets, got, failures }
}

/** Each write takes so many milliseconds; tells how many have been written. */
function slowWrites (sockets: AnySocket[], milliseconds: number): { count: number } {
  const written = { count: 0 }
  for (const socket of sockets) {
    const transport = transportOf(socket) as any
    const write = transport.write
    transport.write = function (...args: any[]) {
      written.count++
      for (const end = performance.now() + milliseconds; performance.now() < end;);
      return write.apply(this, args)
    }
  }
  return written
}

test('a round that takes several turns: other work goes on in between, and nobody misses anything', async t => {
  const { app, sockets, got } = await crowd(t, 200)
  const written = slowWrites(sockets, 0.2)
  for (const message of numbers(3)) void app.sockets.publish('a', message)
  let turns = 0
  const seen = []
  while (written.count < 200) {
    await turn()
    seen.push(written.count)
    turns++
  }
  t.ok(turns >= 4, `${turns} turns`)
  for (const [i, count] of seen.entries()) t.ok(count - (seen[i - 1] ?? 0) <= 128, `${count} by the end of turn ${i}`)
  await until(() => got.every(own => own.length === 3))
  for (const own of got) t.strictSame(own, numbers(3))
})

test('what happens in the midst of a round keeps its order', async t => {
  const { app, inject, sockets, got, failures } = await crowd(t, 200)
  const written = slowWrites(sockets, 0.2)
  const { publish } = app.sockets
  const { socket: late, client } = await inject()
  const lateGot: string[] = []
  client.on('message', (message: string) => { lateGot.push(message) })
  for (const message of numbers(2)) void publish('a', message)
  while (written.count === 0) await turn()
  t.ok(written.count < 200, 'the round has begun, and not ended')
  void publish('a', 'm2')
  const last = sockets.length - 1
  sockets[last]!.send('direct')
  sockets[last - 1]!.unsubscribe('a')
  void sockets[last - 2]!.close()
  sockets[last - 3]!.terminate()
  await late.subscribe('a')
  sockets[0]!.send('direct')
  sockets[0]!.unsubscribe('a')
  await sockets[0]!.subscribe('a')
  void publish('a', 'm3', { except: sockets[1] })
  void publish('a', 'm4')
  await until(() => got.slice(0, last - 3).every(own => own.at(-1) === 'm4') && lateGot.length === 2)
  t.same(got[last], ['m0', 'm1', 'm2', 'direct', 'm3', 'm4'])
  t.same(got[last - 1], ['m0', 'm1', 'm2'])
  t.same(got[last - 2], ['m0', 'm1', 'm2'], 'before the close frame')
  t.same(got[last - 3], [])
  t.same(lateGot, ['m3', 'm4'])
  t.same(got[0], ['m0', 'm1', 'm2', 'direct', 'm3', 'm4'])
  t.same(got[1], ['m0', 'm1', 'm2', 'm4'])
  for (const own of got.slice(2, last - 3)) t.strictSame(own, numbers(5))
  t.same(failures, [])
})

test('more than a thousand sockets', async t => {
  const { app, sockets, got } = await crowd(t, 1100)
  t.equal(app.sockets.stats().topics['']!.subscriptions, 1100)
  for (let round = 0; round < 3; round++) {
    void app.sockets.publish('a', `m${2 * round}`)
    await turn()
    void app.sockets.publish('a', `m${2 * round + 1}`)
    await turn()
  }
  await until(() => got.every(own => own.length === 6))
  t.ok(got.every(own => own.join() === numbers(6).join()))
  for (const socket of sockets) socket.terminate()
  await until(() => app.sockets.size === 0)
  t.equal(app.sockets.stats().topics['']!.topics, 0)
})

test('who comes and goes between two messages of a turn', async t => {
  const { app, open } = await stage(t)
  const all = []
  for (let i = 0; i < 5; i++) {
    const one = await open()
    await one.socket.subscribe('a')
    all.push(one)
  }
  await app.sockets.publish('a', 'm0')
  all[1]!.socket.unsubscribe('a')
  all[4]!.socket.unsubscribe('a')
  await app.sockets.publish('a', 'm1')
  await all[1]!.socket.subscribe('a')
  all[0]!.socket.unsubscribe('a')
  await app.sockets.publish('a', 'm2')
  await turn()
  const expected = [['m0', 'm1'], ['m0', 'm2'], numbers(3), numbers(3), ['m0']]
  for (const [i, one] of all.entries()) t.same(await textsSoFar(one), expected[i])
})
