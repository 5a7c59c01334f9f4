import { headers } from '@nats-io/transport-node'
import { type Test, test, t as file } from 'tap'
import { DriverProcess } from '../../lib/backplane-tests/driver-setting.ts'
import { sleep } from '../../lib/backplane-tests/waiting.ts'
import type { NatsBackplaneOptions } from '../../lib/nats/index.ts'
import { encode, MARK, MESSAGE } from '../../lib/nats/frame.ts'
import { token } from '../../lib/nats/subjects.ts'
import { until } from '../support/until.ts'
import { NatsServer } from './nats-server.ts'
import { connectTo, newPrefix } from './nats-subject.ts'

const server = await NatsServer.start(file)
const KEEP = { size: 3, ttl: 1000 }
const LONG = { size: 3, ttl: 60_000 }

async function open (t: Test, prefix: string, options: NatsBackplaneOptions = {}, on = server) {
  const { driver, way } = await connectTo(on, { prefix, ...options })
  const process = new DriverProcess(driver, sleep, KEEP)
  await process.open()
  t.teardown(async () => {
    await driver.close()
    await way.close()
    await on.forget(prefix).catch(() => {})
  })
  return { process, driver, way }
}

const isUp = (process: DriverProcess) => () => process.states.at(-1) === 'up'

test('a silent topic is kept in mind by marks, one for all processes', async t => {
  const prefix = newPrefix()
  const all = [await open(t, prefix, { margin: 1000 }), await open(t, prefix, { margin: 1000 })]
  const places = await Promise.all(all.map(({ process }) => process.subscribe('a', KEEP)))
  t.same(places[0], places[1], 'both stand at the same place')
  const state = async () => (await server.api(`STREAM.INFO.${prefix}-3-1000`)).state as { last_seq: number }
  const begin = (await state()).last_seq
  t.equal(begin, 1)
  await until(async () => (await state()).last_seq >= 5)
  t.ok((await state()).last_seq <= 6)
  const { process } = all[0]!
  await process.publish('a', '1', KEEP)
  const [heard] = await process.hears('a', 1)
  t.ok(process.driver.isNext(places[0]!, heard!.place!))
  t.equal((await process.driver.read('a', KEEP, places[0]!.at, 5))!.messages.length, 1)
  t.strictSame(process.states, [])
})

test('the end of a history that marks have not reached is not certain', async t => {
  const prefix = newPrefix()
  const { process, driver } = await open(t, prefix, { margin: 1000 })
  const { at } = (await process.subscribe('a', KEEP))!
  driver.unsubscribe(['a'])
  await until(async () => await driver.read('a', KEEP, at, 5) === null, 'the position to be forgotten')
  const anew = (await process.subscribe('a', KEEP))!
  t.not(anew.at, at)
  t.equal(await driver.read('a', KEEP, at, 5), null)
})

test('a stream that somebody deletes is made anew, and nothing of the old one is known', async t => {
  const prefix = newPrefix()
  const { process, driver } = await open(t, prefix)
  const before = (await process.subscribe('a', LONG))!
  const first = await process.publish('a', '1', LONG)
  await driver.join('a', { id: 'ann', info: '' })
  await server.api(`STREAM.DELETE.${prefix}-3-60000`)
  await until(isUp(process), 'it to be up again')
  const after = (await process.subscribe('a', LONG))!
  t.equal(await driver.read('a', LONG, first, 5), null)
  t.equal(await driver.read('a', LONG, before.at, 5), null)
  await process.publish('a', '2', LONG)
  const heard = await process.hears('a', 2)
  t.ok(driver.isNext(after, heard[1]!.place!))
  t.equal(await driver.count('a'), 1, 'the members are in another one')
  await server.api(`STREAM.DELETE.${prefix}-members`)
  await until(() => process.back.length === 1, 'the member to be back')
  t.equal(await driver.count('a'), 1)
})

test('nobody can take anything out of the middle of a history', async t => {
  const prefix = newPrefix()
  const { process } = await open(t, prefix)
  await process.publish('a', '1', LONG)
  t.match((await server.api(`STREAM.PURGE.${prefix}-3-60000`)).error, { description: /not permitted/ })
  t.match((await server.api(`STREAM.MSG.DELETE.${prefix}-3-60000`, { seq: 1 })).error, { description: /not permitted/ })
})

test('a stream of the same name that is something else is not used', async t => {
  const prefix = newPrefix()
  const { process } = await open(t, prefix)
  await server.api(`STREAM.CREATE.${prefix}-3-60000`, { name: `${prefix}-3-60000`, subjects: [`${prefix}.in.3-60000.*`] })
  const waiting = process.publish('a', '1', LONG)
  await t.rejects(waiting, { message: /none that this version makes/ })
  await t.rejects(process.subscribe('a', LONG), { message: /none that this version makes/ })
  await process.subscribe('b', null)
  await process.publish('b', '1', null)
  t.equal((await process.hears('b', 1)).length, 1, 'everything else works')
  t.strictSame(process.states, [])
  await server.api(`STREAM.DELETE.${prefix}-3-60000`)
  t.ok(await process.publish('a', '1', LONG), 'and this when it has gone')
})

test('what others publish to the subjects does no harm', async t => {
  const prefix = newPrefix()
  const { process, driver } = await open(t, prefix)
  await process.subscribe('b', null)
  const { at } = (await process.subscribe('a', LONG))!
  await process.publish('a', '1', LONG)
  const late = encode(MESSAGE, 1, Date.now() - 10_000, Buffer.from('late'))
  const strange = headers()
  strange.set('Nats-Sequence', 'x')
  await server.with(async connection => {
    for (const subject of ['live.b', 'signal', 'out.3-60000.a', 'in.3-60000.a', `member.a.${token('x')}`, 'node.x']) {
      for (const data of [Buffer.from('nonsense'), late]) connection.publish(`${prefix}.${subject}`, data)
      connection.publish(`${prefix}.${subject}`, 'x', { headers: strange })
    }
    await connection.flush()
  })
  await process.publish('a', '2', LONG)
  await until(() => process.heardOf('a').some(({ text }) => text === '2'))
  t.strictSame((await driver.read('a', LONG, at, 10))!.messages.map(({ bytes }) => String(Buffer.from(bytes))), ['1', '2'])
  t.strictSame((await driver.last('a', LONG, 10)).map(({ bytes }) => String(Buffer.from(bytes))), ['1', '2'])
  t.strictSame(await driver.members('a'), [])
  t.equal(await driver.join('a', { id: 'x', info: '' }), true, 'what is no member is replaced')
  await process.settle()
  t.strictSame([process.heardOf('b'), process.signals], [[], []])
  // Whoever comes looks at all leases at once, and removes those of whom nobody is left.
  const { process: other } = await open(t, prefix)
  await other.driver.join('a', { id: 'y', info: '' })
  t.strictSame(other.gone, [])
})

test('a call that fails while the server stands still is undone or done when it goes on, and told', async t => {
  const prefix = newPrefix()
  const { process, driver } = await open(t, prefix)
  for (const id of ['ann', 'bob', 'cat']) await driver.join('a', { id, info: '1' })
  await server.stop()
  const calls = [driver.leave('a', 'ann'), driver.leave('a', 'ann'), driver.join('a', { id: 'bob', info: '2' }), driver.join('a', { id: 'dan', info: '' })]
  const outcomes = await Promise.allSettled(calls)
  t.strictSame(outcomes.map(({ status }) => status), Array(4).fill('rejected'))
  server.engine.goOn()
  await until(isUp(process), 'it to be up again')
  await until(async () => (await driver.members('a')).length === 2 && process.gone.length === 1)
  t.strictSame(process.gone, ['a ann 1'])
  await until(async () => (await driver.members('a').catch(() => [])).map(({ id, info }) => `${id} ${info}`).join() === 'bob 1,cat 1')
})

test('members of a process that nobody knows any more go with the next that are looked after', async t => {
  const prefix = newPrefix()
  const { process } = await open(t, prefix)
  await server.with(connection => connection.request(`${prefix}.member.a.x`, JSON.stringify({ v: 1, topic: 'a', id: 'x', nodes: [['nobody', '"?"']] })))
  const { driver: other } = await open(t, prefix)
  await other.join('a', { id: 'y', info: '' })
  await other.close()
  await until(() => process.gone.length === 2)
  t.strictSame(process.gone.toSorted(), ['a x "?"', 'a y '])
})

test('what has arrived too late is not there for anybody, but is a place like any other', async t => {
  const prefix = newPrefix()
  const { process, driver } = await open(t, prefix)
  const start = (await process.subscribe('a', LONG))!
  await process.publish('a', '1', LONG)
  await server.with(async connection => {
    await connection.request(`${prefix}.in.3-60000.a`, encode(MESSAGE, 7, Date.now() - 10_000, Buffer.from('late')), { timeout: 4000 })
  })
  const top = (await process.subscribe('a', LONG))!
  t.strictSame((await driver.read('a', LONG, top.at, 5))!.messages, [])
  await process.publish('a', '2', LONG)
  await until(() => process.heardOf('a').some(({ text }) => text === '2'))
  for (const [after, wanted] of [[start.at, ['1', '2']], [top.at, ['2']]] as const) {
    const part = (await driver.read('a', LONG, after, 5))!
    t.strictSame(part.messages.map(({ bytes }) => String(Buffer.from(bytes))), wanted)
  }
  t.ok(driver.isNext(top, process.heardOf('a').at(-1)!.place!))
})

test('an id whose message came too late can be published', async t => {
  const prefix = newPrefix()
  const { process, driver } = await open(t, prefix)
  await process.publish('a', '0', LONG)
  await server.stop()
  const failed = process.publish('a', '1', LONG, 'id').catch((error: Error) => error)
  t.type(await failed, Error)
  server.engine.goOn()
  await until(isUp(process), 'it to be up again')
  const at = await process.publish('a', '1', LONG, 'id')
  t.equal(await process.publish('a', '1', LONG, 'id'), at)
  t.equal((await driver.last('a', LONG, 5)).length, 2)
})

test('what is too large for the server fails, and nothing else', async t => {
  const { process, driver } = await open(t, newPrefix())
  const large = 'x'.repeat(2 ** 20)
  for (const retention of [LONG, null]) await t.rejects(process.publish('a', large, retention), { message: /max_payload/ })
  await t.rejects(driver.signal(Buffer.from(large)), { message: /max_payload/ })
  await process.publish('a', 'small', LONG)
  t.strictSame(process.states, [])
})

test('a topic may be kept in another way than before', async t => {
  const { process } = await open(t, newPrefix())
  const keeps = [null, LONG, { ...LONG, size: 4 }, null, LONG]
  for (const [i, keep] of keeps.entries()) {
    await process.subscribe('a', keep)
    await process.publish('a', String(i), keep)
    await process.hears('a', i + 1)
  }
  t.strictSame(process.heardOf('a').map(({ text }) => text), ['0', '1', '2', '3', '4'])
  t.notOk(process.heardOf('a')[3]!.place)
})

test('kill -9 of the server and a restart: what was acknowledged is there, members too', async t => {
  const server = await NatsServer.start(t)
  const { process, driver } = await open(t, newPrefix(), {}, server)
  const { at } = (await process.subscribe('a', { size: 1000, ttl: 60_000 }))!
  await driver.join('a', { id: 'ann', info: '1' })
  const acknowledged: string[] = []
  const rejected: string[] = []
  const killing = new AbortController()
  const publishing = (async () => {
    for (let i = 0; !killing.signal.aborted; i++) {
      await process.publish('a', String(i), { size: 1000, ttl: 60_000 }).then(() => acknowledged.push(String(i)), () => rejected.push(String(i)))
    }
  })()
  await until(() => acknowledged.length > 50)
  await server.engine.kill()
  killing.abort()
  await publishing
  await server.engine.start()
  await until(isUp(process), 'it to be up again')
  const texts = (await driver.read('a', { size: 1000, ttl: 60_000 }, at, 1000))!.messages.map(({ bytes }) => String(Buffer.from(bytes)))
  t.strictSame(texts.filter(text => !rejected.includes(text)), acknowledged)
  t.equal(await driver.count('a'), 1)
  t.strictSame([process.gone, process.back], [[], []])
})

test('a mark that stands for something else, or lost announcements, make it look again', async t => {
  const prefix = newPrefix()
  const { process } = await open(t, prefix)
  await process.subscribe('a', LONG)
  await server.with(connection => connection.request(`${prefix}.in.3-60000.a`, encode(MARK, 5, 0, Buffer.from('-1-1')), { timeout: 4000 }))
  await until(isUp(process), 'it to be up again')
  t.match(process.states[0], /gap/)
})
