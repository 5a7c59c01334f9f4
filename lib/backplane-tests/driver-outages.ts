import assert from 'node:assert/strict'
import { bytesOf, driverClauses, type DriverProcess, type DriverSetting, texts } from './driver-setting.ts'
import { count } from './listening.ts'
import { longKept } from './world.ts'

/** A store that cannot be reached, stands still, or has lost what it kept. */
export const { all: driverOutages, clause } = driverClauses()

/**
 * All that a driver may be asked.
 *
 * @param position a good one: a driver may know of others without asking
 */
function callAll (process: DriverProcess, position: string): Promise<string[]> {
  const { driver } = process
  const calls: Record<string, Promise<unknown>> = {
    publish: process.publish('a', 'never', longKept(20)),
    'publish with an id': process.publish('a', 'never', longKept(20), 'id'),
    'publish without a retention': process.publish('b', 'never', null),
    subscribe: driver.subscribe([{ topic: 'a', retention: longKept(20) }, { topic: 'b', retention: null }]),
    read: driver.read('a', longKept(20), position, 5),
    last: driver.last('a', longKept(20), 5),
    join: driver.join('a', { id: 'never', info: '' }),
    leave: driver.leave('a', 'nobody'),
    members: driver.members('a'),
    count: driver.count('a'),
    signal: driver.signal(bytesOf('never'))
  }
  return Promise.all(Object.entries(calls).map(([what, call]) => call.then(() => `${what} fulfilled`, () => `${what} rejected`)))
}

function allFailed (outcome: PromiseSettledResult<string[]>): void {
  assert.ok(outcome.status === 'fulfilled')
  assert.deepEqual(outcome.value.filter(one => !one.endsWith('rejected')), [])
}

/** Waits until a store answers a process again, and has it announce the topics. */
async function isBack (process: DriverProcess, { until }: DriverSetting): Promise<void> {
  await until(async () => !process.isDown && await process.publish('is back', '', null).then(() => true, () => false), 'the store to be back')
  await process.driver.subscribe([{ topic: 'a', retention: longKept(20) }, { topic: 'b', retention: null }])
}

clause('whoever is cut off is told so, has every call rejected, and then goes on where it was', async setting => {
  const { process, another, cut, mend, until, inTime } = setting
  const other = await another()
  await process.subscribe('a', longKept(20))
  const first = await process.publish('a', '1', longKept(20))
  await process.hears('a', 1)
  await cut(process)
  allFailed(await inTime(callAll(process, first), 'what was called'))
  await until(() => process.isDown, 'it to be told that the store cannot be reached')
  await other.publish('a', '2', longKept(20))
  await mend(process)
  await until(() => process.states.at(-1) === 'up', 'it to be told that the store can be reached')
  await other.publish('a', '3', longKept(20))
  await process.settle()
  assert.equal(process.heardOf('a').length, 1, 'nothing is announced yet')
  const top = (await process.subscribe('a', longKept(20)))!
  const part = (await process.driver.read('a', longKept(20), first, 20))!
  assert.deepEqual(texts(part.messages), ['2', '3'], 'the rejected were not published, and nothing is missing')
  await other.publish('a', '4', longKept(20))
  const heard = await process.hears('a', 2)
  assert.equal(heard[1]!.text, '4')
  for (const place of [top, part.upTo]) assert.ok(process.driver.isNext(place, heard[1]!.place!))
  assert.deepEqual(await process.driver.members('a'), [])
  assert.deepEqual([process.signals, other.signals], [[], []])
}, { needs: ['several', 'cut'] })

clause('open() rejects in time if the store cannot be reached, and close() has an end', async ({ unopened, cut, inTime }) => {
  const process = await unopened()
  await cut(process)
  assert.equal((await inTime(process.open(), 'open')).status, 'rejected')
  assert.equal((await inTime(process.driver.close(), 'close')).status, 'fulfilled')
}, { needs: ['cut'] })

clause('a call that waits in vain is rejected in time, and does not happen when the store goes on', async setting => {
  const { process, stop, resume, inTime, pass, lease } = setting
  await process.subscribe('a', longKept(20))
  const first = await process.publish('a', '1', longKept(20))
  await process.hears('a', 1)
  await stop()
  const early = callAll(process, first)
  // The store goes on while this one may still be on its way.
  await pass(3000)
  const late = Promise.allSettled([process.publish('a', 'late', longKept(20))])
  allFailed(await inTime(early, 'what was called', 2000))
  await resume()
  const outcome = await inTime(late, 'publish')
  assert.ok(outcome.status === 'fulfilled')
  await isBack(process, setting)
  await process.publish('a', '2', longKept(20))
  const found = texts(await process.driver.last('a', longKept(20), 20))
  assert.deepEqual(found.filter(text => text !== 'late'), ['1', '2'])
  // Rejected, it may have been carried out as soon as the store went on, and only its answer was lost.
  assert.ok([found.includes('late'), outcome.value[0].status === 'rejected'].includes(true), 'what was acknowledged is there')
  await process.settle()
  assert.equal(process.heardOf('a').at(-1)!.text, '2', 'it is announced again')
  assert.deepEqual([process.heardOf('b'), process.signals], [[], []])
  await pass(lease)
  assert.equal(await process.driver.count('a'), 0, 'nobody has joined')
}, { needs: ['stop'], unless: 'lateCalls' })

clause('through a short standstill nothing gets out of order, and nothing comes twice', async setting => {
  const { process, stop, resume, inTime, pass } = setting
  await process.subscribe('a', longKept(100))
  const acknowledged: string[] = []
  const published: Array<Promise<void>> = []
  const publish = (texts: string[]) => {
    for (const text of texts) published.push(process.publish('a', text, longKept(100)).then(() => { acknowledged.push(text) }))
  }
  publish(['1'])
  await Promise.all(published)
  publish(count(20, 2))
  await stop()
  publish(count(20, 22))
  await pass(300)
  publish(count(20, 42))
  await resume()
  await inTime(Promise.allSettled(published), 'publish')
  await isBack(process, setting)
  const kept = texts(await process.driver.last('a', longKept(100), 100))
  assert.deepEqual(kept, count(61).filter(text => kept.includes(text)))
  assert.equal(new Set(kept).size, kept.length)
  assert.deepEqual(acknowledged.filter(text => !kept.includes(text)), [], 'what was acknowledged is there')
}, { needs: ['stop'] })

clause('open() and close() have an end while the store stands still', async ({ process, unopened, stop, inTime }) => {
  const late = await unopened()
  await stop()
  const closing = process.driver.close()
  assert.equal((await inTime(late.open(), 'open')).status, 'rejected')
  assert.equal((await inTime(closing, 'close')).status, 'fulfilled')
  assert.equal((await inTime(late.driver.close(), 'close')).status, 'fulfilled')
}, { needs: ['stop', 'several'] })

clause('of a store that has forgotten everything, no position is known, and members join again', async setting => {
  const { process, flush, until, pass, lease } = setting
  const { driver } = process
  const top = (await process.subscribe('a', longKept(20)))!
  const answers = await process.publishAll(count(3).map(text => ({ topic: 'a', text, retention: longKept(20) })))
  await process.hears('a', 3)
  const old = [top, ...process.heardOf('a').map(({ place }) => place!)]
  await driver.join('a', { id: 'ann', info: '1' })
  await flush()
  await until(() => driver.count('a').then(() => true, () => false), 'the store to be back')
  for (const at of [top.at, ...answers]) assert.equal(await driver.read('a', longKept(20), at, 20), null)
  assert.deepEqual(await driver.last('a', longKept(20), 20), [])
  await isBack(process, setting)
  const anew = (await process.subscribe('a', longKept(20)))!
  for (const text of count(4, 4)) await process.publish('a', text, longKept(20))
  await process.settle()
  const heard = process.heardOf('a')
  assert.deepEqual(heard.map(({ text }) => text), count(7))
  for (const place of old) {
    for (const one of heard.slice(3)) assert.equal(driver.isNext(place, one.place!), false)
    assert.equal(await driver.read('a', longKept(20), place.at, 20), null)
  }
  assert.ok(driver.isNext(anew, heard[3]!.place!))
  await pass(lease)
  await until(async () => await driver.count('a') === 1, 'the member to be back')
  assert.deepEqual((await driver.members('a')).map(({ id, info }) => ({ id, info })), [{ id: 'ann', info: '1' }])
  assert.equal(await driver.leave('a', 'ann'), true)
}, { needs: ['flush'] })

clause('of a store that comes back with an older state, what it has forgotten is not known, though the numbers come again', async setting => {
  const { process, save, until } = setting
  const { driver } = process
  await process.subscribe('a', longKept(20))
  const publish = (text: string) => process.publish('a', text, longKept(20))
  const [, second] = [await publish('1'), await publish('2')]
  const restore = await save()
  const forgotten = [await publish('3'), await publish('4')]
  await process.hears('a', 4)
  const old = process.heardOf('a').map(({ place }) => place!)
  await restore()
  await until(() => driver.count('a').then(() => true, () => false), 'the store to be back')
  for (const at of forgotten) assert.equal(await driver.read('a', longKept(20), at, 20), null, 'not reached yet')
  await isBack(process, setting)
  for (const text of ['5', '6', '7']) await publish(text)
  for (const at of forgotten) assert.equal(await driver.read('a', longKept(20), at, 20), null, 'another message has its number')
  assert.deepEqual(texts((await driver.read('a', longKept(20), second, 20))!.messages), ['5', '6', '7'])
  await process.settle()
  const heard = process.heardOf('a').slice(4)
  assert.deepEqual(heard.map(({ text }) => text), ['5', '6', '7'])
  assert.ok(driver.isNext(old[1]!, heard[0]!.place!))
  for (const one of heard) for (const place of old.slice(2)) assert.equal(driver.isNext(place, one.place!), false)
}, { needs: ['save'] })

clause('closed, it tells nothing, every call has an end, and none throws', async setting => {
  const { process, pass, inTime } = setting
  const { driver } = process
  await process.driver.subscribe([{ topic: 'a', retention: longKept(5) }, { topic: 'b', retention: null }])
  const at = await process.publish('a', '1', longKept(5))
  await process.hears('a', 1)
  const told = process.heard.length
  await driver.close()
  await inTime(callAll(process, at), 'what was called')
  driver.unsubscribe(['a'])
  assert.equal((await inTime(driver.close(), 'close')).status, 'fulfilled', 'once more')
  await pass(100)
  assert.equal(process.heard.length, told)
  assert.deepEqual([process.signals, process.gone, process.back, process.states], [[], [], [], []])
})
