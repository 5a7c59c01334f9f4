import assert from 'node:assert/strict'
import { engineClauses, type EngineProcess, type EngineSetting, rises, texts } from './engine-setting.ts'
import { count } from './listening.ts'
import { longKept } from './world.ts'

/** What topics make of a store that cannot be reached, stands still, or has lost what it kept. */
export const { all: outages, clause } = engineClauses()

const DOWN_AND_UP = ['the engine is down', 'the engine is up']

const LOST = 'messages of a are missing'

/** Publishes a message, more than once if need be. */
async function publish ({ engine }: EngineProcess, message: string): Promise<void> {
  await engine.whenUp()
  await engine.publish('a', message, longKept(100), `id of ${message}`)
}

/**
 * Publishes until a process is told that messages are missing, and then three more, which it hears.
 *
 * @param published how many there are already: messages are numbers
 * @returns the first of the three
 */
async function publishUntilLost ({ process, until }: EngineSetting, published: number): Promise<number> {
  await until(async () => {
    await publish(process, String(++published)).catch(() => {})
    return process.alarms.includes(LOST)
  }, 'it to be told that messages are missing')
  const from = published + 1
  for (const message of count(3, from)) await publish(process, message)
  await until(() => process.heardOf('a').at(-1)?.message === String(from + 2), 'the last message')
  return from
}

clause('whoever is cut off misses nothing of what is kept, and hears nothing twice', async ({ process, another, cut, mend, until }) => {
  const other = await another()
  await process.engine.subscribe('a', longKept(100))
  await other.publishAll('a', count(10), longKept(100))
  await process.hears('a', 10)
  await cut(process)
  await until(() => process.engine.state === 'down', 'the engine to be down')
  await assert.rejects(process.engine.publish('a', 'never', longKept(100), null), { code: 'FST_ERR_WS_BACKPLANE' })
  await other.publishAll('a', count(10, 11), longKept(100))
  await mend(process)
  await until(() => process.heardOf('a').length >= 20, 'what was published meanwhile')
  await until(() => process.engine.state === 'up', 'the engine to be up')
  await Promise.all([process.publishAll('a', ['own'], longKept(100)), other.publishAll('a', count(10, 21), longKept(100))])
  const heard = await process.hears('a', 31)
  assert.deepEqual(heard.map(({ message }) => message).filter(message => message !== 'own'), count(30))
  assert.deepEqual(texts(await other.engine.last('a', longKept(100), 100)), texts(heard))
  assert.ok(rises(heard))
  assert.deepEqual(process.takeAlarms(), DOWN_AND_UP)
}, { needs: ['several', 'cut'] })

clause('what was acknowledged around a standstill is there, and is announced once', async ({ process, stop, resume, until }) => {
  const { engine } = process
  await engine.subscribe('a', longKept(100))
  const acknowledged: string[] = []
  const publishing = (messages: readonly string[]) => Promise.allSettled(messages.map(async message => {
    await engine.publish('a', message, longKept(100), null)
    acknowledged.push(message)
  }))
  await publishing(count(10))
  const before = publishing(count(10, 11))
  await stop()
  let isOver = false
  void Promise.all([before, publishing(count(10, 21))]).then(() => { isOver = true })
  await until(() => isOver, 'answers and rejections')
  await resume()
  await engine.whenUp()
  await publish(process, '31')
  await until(() => process.heardOf('a').some(({ message }) => message === '31'), 'the last message')
  await process.settle()
  const kept = texts(await engine.last('a', longKept(100), 100))!
  assert.deepEqual(texts(process.heardOf('a')), kept)
  assert.deepEqual(kept, count(31).filter(message => kept.includes(message)), 'in order, and none twice')
  assert.deepEqual(acknowledged.filter(message => !kept.includes(message)), [])
  assert.ok(!process.takeAlarms().includes(LOST))
}, { needs: ['stop'] })

clause('when a store has forgotten everything, it is told that messages are missing, and what comes then is heard', async setting => {
  const { process, flush } = setting
  const { engine } = process
  await engine.subscribe('a', longKept(100))
  const answers = await process.publishAll('a', count(3), longKept(100))
  await process.hears('a', 3)
  await flush()
  const from = await publishUntilLost(setting, 3)
  const heard = process.heardOf('a')
  assert.deepEqual(texts(heard.slice(-3)), count(3, from))
  assert.ok(rises(heard), 'the numbers go on')
  for (const { at } of answers) assert.equal(await engine.read('a', longKept(100), at, 100), null)
  assert.equal(process.takeAlarms().filter(alarm => alarm === LOST).length, 1)
}, { needs: ['flush'] })

clause('when a store has come back with an older state, it is told that messages are missing, and no order is mixed', async setting => {
  const { process, save } = setting
  const { engine } = process
  await engine.subscribe('a', longKept(100))
  const kept = await process.publishAll('a', count(2), longKept(100))
  const restore = await save()
  const forgotten = await process.publishAll('a', count(4, 3), longKept(100))
  await process.hears('a', 6)
  await restore()
  const from = await publishUntilLost(setting, 6)
  const heard = process.heardOf('a')
  assert.deepEqual(texts(heard.slice(0, 6)), count(6))
  assert.deepEqual(texts(heard.slice(-3)), count(3, from))
  assert.ok(rises(heard), 'the numbers go on')
  for (const { at } of forgotten) assert.equal(await engine.read('a', longKept(100), at, 100), null)
  const found = texts(await engine.read('a', longKept(100), kept[1]!.at, 100))!
  assert.deepEqual(found, texts(await engine.last('a', longKept(100), 100))!.slice(2), 'what it still knows can be gone on from')
  assert.equal(process.takeAlarms().filter(alarm => alarm === LOST).length, 1)
}, { needs: ['save'] })
