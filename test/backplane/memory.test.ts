import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { test } from 'tap'
import { MemoryEngine } from '../../lib/backplane/memory.ts'
import { EngineProcess, texts } from '../../lib/backplane-tests/engine-setting.ts'
import { count } from '../../lib/backplane-tests/listening.ts'
import { fakeClock } from '../support/clock.ts'
import { plainNode } from '../support/plain-node.ts'

const TTL = 1000
const keep = (size: number) => ({ size, ttl: TTL })

async function opened (): Promise<EngineProcess> {
  const process = new EngineProcess(new MemoryEngine(), async () => {}, keep(5))
  await process.engine.open(process)
  return process
}

test('memory: an announcement comes before the answer, in the order of the calls', async t => {
  const process = await opened()
  await process.engine.subscribe('a', null)
  const answer = process.engine.publish('a', '1', null, null)
  t.strictSame(texts(process.heard), ['1'])
  t.equal(process.heard[0]!.at, (await answer).at)
})

test('memory: of the message that made room last, nothing behind is missing', async t => {
  fakeClock(t, 'performance')
  const { engine } = await opened()
  const tops = []
  for (const message of count(4)) tops.push(await engine.publish('a', message, keep(2), null))
  t.equal(await engine.read('a', keep(2), tops[0]!.at, 10), null)
  t.strictSame(texts(await engine.read('a', keep(2), tops[1]!.at, 10)), ['3', '4'])
})

test('memory: the ttl of all messages counts from the last one', async t => {
  const clock = fakeClock(t, 'performance')
  const { engine } = await opened()
  for (const message of count(5)) {
    await engine.publish('a', message, keep(5), null)
    clock.tick(TTL - 1)
  }
  t.strictSame(texts(await engine.last('a', keep(5), 10)), count(5))
  clock.tick(1)
  t.strictSame(await engine.last('a', keep(5), 10), [])
})

test('memory: 100,000 topics that are published to once expire, at most a thousand in one turn', async t => {
  const clock = fakeClock(t, 'performance')
  const { engine } = await opened()
  const names = Array.from({ length: 100_000 }, (_, i) => `topic ${i}`)
  // Not each is waited for: tap follows every promise.
  const tops = names.map(name => engine.publish(name, 'once', keep(10), null))
  const isKept = async (i: number) => (await engine.last(names[i]!, keep(10), 1)).length === 1
  const isKnown = async (i: number) => await engine.read(names[i]!, keep(10), (await tops[i]!).at, 1) !== null
  t.equal(clock.countTimers(), 1, 'with one timer')
  await stepsDown(isKept, 'the messages')
  t.ok(await isKnown(0), 'their positions are still known')
  await clock.tickAsync(TTL - 200)
  await stepsDown(i => isKnown(i - 1), 'then their positions, but for the last that has gone')
  t.equal(clock.countTimers(), 0, 'in the end, nothing is left to do')

  async function stepsDown (isThere: (i: number) => Promise<boolean>, what: string): Promise<void> {
    const wrong = []
    for (let gone = 1000; gone <= names.length; gone += 1000) {
      clock.next()
      if (await isThere(gone - 1) || (gone < names.length && !await isThere(gone))) wrong.push(gone)
    }
    t.strictSame(wrong, [], what)
  }
})

test('memory: of names that come and go, no more than ten thousand are remembered', async t => {
  const clock = fakeClock(t, 'performance')
  const { engine } = await opened()
  const names = Array.from({ length: 10_010 }, (_, i) => `topic ${i}`)
  const tops = names.map(name => engine.subscribe(name, keep(10)))
  const isKnown = async (i: number) => await engine.read(names[i]!, keep(10), (await tops[i]!).at, 1) !== null
  await engine.publish('other', '1', keep(10), null)
  clock.tick(1.5 * TTL)
  for (const name of names) engine.unsubscribe(name)
  t.ok(await isKnown(0))
  t.ok(await isKnown(10_009), 'no position is lost before it must be')
  clock.tick(0.6 * TTL)
  t.ok(await isKnown(0))
  t.ok(await isKnown(9_998))
  t.notOk(await isKnown(10_009), 'it cannot be told whether the message that has gone was of this topic')
  clock.tick(0.5 * TTL)
  t.notOk(await isKnown(0), 'those that are remembered are so for a ttl')
})

test('memory: closed, it has no timer, whatever is called', async t => {
  const clock = fakeClock(t, 'performance')
  const { engine } = await opened()
  for (const name of ['a', 'b']) await engine.subscribe(name, keep(5))
  await engine.publish('a', '1', keep(5), null)
  t.equal(clock.countTimers(), 1)
  await engine.close()
  t.equal(clock.countTimers(), 0)
  await engine.publish('a', '2', keep(5), null)
  await engine.publish('c', '2', { size: 1, ttl: 5 }, null)
  for (const name of ['a', 'b', 'c']) engine.unsubscribe(name)
  t.equal(clock.countTimers(), 0)
})

test('memory: what it keeps does not keep the process alive', async t => {
  const program = `
    import { MemoryEngine } from ${JSON.stringify(import.meta.resolve('../../lib/backplane/memory.js'))}
    const engine = new MemoryEngine()
    await engine.open({ onMessage () {} })
    await engine.subscribe('a', { size: 5, ttl: 3600000 })
    await engine.publish('a', '1', { size: 5, ttl: 3600000 }, null)
    await engine.join('a', { id: 'ann', info: null })
    console.log('done')
  `
  const { stdout } = await promisify(execFile)(...plainNode('--input-type=module', '--eval', program), { timeout: 60_000 })
  t.equal(stdout, 'done\n')
})

test('memory: it can always be reached, and has nobody else to tell', async t => {
  const { engine } = await opened()
  t.strictSame([engine.name, engine.state, engine.lag], [null, 'up', null])
  t.equal(await engine.whenUp(), undefined)
  t.equal(await engine.signal(Buffer.from('anything')), undefined)
})
