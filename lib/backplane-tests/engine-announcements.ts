import assert from 'node:assert/strict'
import { engineClauses, plain, rises, texts } from './engine-setting.ts'
import { count } from './listening.ts'
import { MESSAGES, NAMES } from './samples.ts'

/** Numbers, the order, and who hears of it. */
export const { all: announcements, clause } = engineClauses()

clause('messages are announced in the order of publishing, with rising numbers, and as the answers say', async ({ process, keep }) => {
  await process.engine.subscribe('a', keep(50))
  const answers = await process.publishAll('a', count(20), keep(50))
  const heard = await process.hears('a', 20)
  assert.deepEqual(texts(heard), count(20))
  assert.deepEqual(heard.map(({ at }) => at), answers.map(({ at }) => at))
  assert.ok(rises(heard), 'each number is larger')
  assert.equal(new Set(heard.map(({ at }) => at)).size, 20, 'each position is another one')
})

clause('so are those of topics that keep nothing, each with a position of its own', async ({ process }) => {
  await process.engine.subscribe('a', null)
  const answers = await process.publishAll('a', count(20), null)
  assert.equal(answers.length, 20)
  const heard = await process.hears('a', 20)
  assert.deepEqual(texts(heard), count(20))
  assert.ok(rises(heard), 'each number is larger')
  assert.equal(new Set(heard.map(({ at }) => at)).size, 20, 'each position is another one')
})

clause('what is published at the same time has one order: of the calls, of the numbers, of the announcements, and of the history', async ({ process, keep }) => {
  const { engine } = process
  await engine.subscribe('a', keep(100))
  const answers = await Promise.all(count(100).map(async message => ({ message, at: (await engine.publish('a', message, keep(100), null)).at })))
  const heard = await process.hears('a', 100)
  assert.deepEqual(heard.map(({ message, at }) => ({ message, at })), answers)
  assert.ok(rises(heard))
  assert.deepEqual(plain(await engine.last('a', keep(100), 100)), plain(heard))
})

clause('only topics that are subscribed to are announced, each to its own name', async ({ process, keep }) => {
  const { engine } = process
  for (const retention of [null, keep(5)]) {
    const subscribed = NAMES.filter((_, i) => i % 2 === 0)
    await Promise.all(subscribed.map(name => engine.subscribe(name, retention)))
    for (const name of NAMES) await engine.publish(name, `to ${name}`, retention, null)
    for (const name of subscribed) assert.deepEqual(texts(await process.hears(name, 1)), [`to ${name}`], JSON.stringify(name))
    for (const name of NAMES) if (!subscribed.includes(name)) assert.deepEqual(process.heardOf(name), [], JSON.stringify(name))
    for (const name of subscribed) engine.unsubscribe(name)
    await process.settle()
    process.heard.length = 0
  }
})

clause('topics are apart in all that is kept, whatever they are called', async ({ process: { engine }, keep }) => {
  for (const name of NAMES) {
    await engine.publish(name, `to ${name}`, keep(5), 'the same id')
    await engine.join(name, { id: 'm', info: name })
  }
  for (const name of NAMES) {
    assert.deepEqual(texts(await engine.last(name, keep(5), 5)), [`to ${name}`], JSON.stringify(name))
    assert.deepEqual((await engine.members(name)).map(({ info }) => info), [name])
  }
})

clause('a message arrives and is kept as it is', async ({ process, keep }) => {
  const { engine } = process
  await engine.subscribe('a', keep(100))
  await process.publishAll('a', MESSAGES, keep(100))
  const heard = await process.hears('a', MESSAGES.length)
  const kept = await engine.last('a', keep(100), 100)
  for (const [i, message] of MESSAGES.entries()) {
    assert.ok(heard[i]!.message === message, `announced: ${JSON.stringify(message.slice(0, 20))}`)
    assert.ok(kept[i]!.message === message, `kept: ${JSON.stringify(message.slice(0, 20))}`)
  }
})

clause('what is published as soon as subscribe() has answered is announced', async ({ process, keep }) => {
  const { engine } = process
  for (const retention of [null, keep(5)]) {
    const names = count(200, retention === null ? 1 : 1001)
    for (const name of names) {
      await engine.subscribe(name, retention)
      void engine.publish(name, 'at once', retention, null)
    }
    for (const name of names) assert.deepEqual(texts(await process.hears(name, 1)), ['at once'])
  }
})

clause('behind the answer of subscribe(), exactly what has larger numbers is announced', async ({ process, keep }) => {
  const { engine } = process
  const before = process.publishAll('a', count(30), keep(100))
  const during = engine.publish('a', 'during', keep(100), null)
  const top = await engine.subscribe('a', keep(100))
  const heardBefore = process.heardOf('a').length
  await Promise.all([before, during])
  await process.publishAll('a', count(30, 101), keep(100))
  const all = await engine.last('a', keep(100), 100)
  assert.equal(all.length, 61)
  const behind = all.filter(({ seq }) => seq > top.seq)
  await process.hears('a', behind.length)
  const heard = process.heardOf('a')
  assert.deepEqual(plain(heard), plain(all.slice(-heard.length)), 'nothing is missing, nothing comes twice')
  assert.ok(heard.length >= behind.length)
  for (const { seq } of heard.slice(heardBefore)) assert.ok(seq > top.seq, 'nothing older comes behind the answer')
})

clause('whoever is told something may call whatever there is', async ({ process, keep }) => {
  const { engine } = process
  await engine.subscribe('a', keep(5))
  const calls: Array<Promise<unknown>> = []
  process.onHeard = message => {
    if (message === 'stop') engine.unsubscribe('a')
    if (message !== 'go on') return
    calls.push(
      engine.publish('a', '2', keep(5), null), engine.publish('a', '3', keep(5), null), engine.last('a', keep(5), 5),
      engine.subscribe('b', null), engine.join('a', { id: 'ann', info: null }), engine.leave('a', 'ann')
    )
  }
  await process.publishAll('a', ['go on'], keep(5))
  assert.deepEqual(texts(await process.hears('a', 3)), ['go on', '2', '3'])
  await Promise.all(calls)
  await process.publishAll('a', ['stop', '4'], keep(5))
  await process.settle()
  assert.equal(process.heardOf('a').at(-1)!.message, 'stop')
})

clause('what was published before subscribe() was called is not announced', async ({ process, keep }) => {
  const { engine } = process
  for (const [topic, retention] of [['a', null], ['b', keep(5)]] as const) {
    await engine.publish(topic, 'before', retention, null)
    const top = await engine.subscribe(topic, retention)
    for (const { seq } of await engine.last(topic, keep(5), 5)) assert.ok(seq <= top.seq)
    await engine.publish(topic, 'behind', retention, null)
    assert.deepEqual(texts(await process.hears(topic, 1)), ['behind'])
  }
})

clause('who has subscribed twice hears everything once, and unsubscribes once', async ({ process, keep }) => {
  const { engine } = process
  for (const [topic, retention] of [['a', null], ['b', keep(5)]] as const) {
    await Promise.all([engine.subscribe(topic, retention), engine.subscribe(topic, retention)])
    await engine.publish(topic, '1', retention, null)
    assert.deepEqual(texts(await process.hears(topic, 1)), ['1'])
    engine.unsubscribe(topic)
    await process.settle()
    await engine.publish(topic, '2', retention, null)
    await process.settle()
    assert.deepEqual(texts(process.heardOf(topic)), ['1'])
  }
})

clause('unsubscribed topics are not announced; the others still are', async ({ process }) => {
  const { engine } = process
  await Promise.all(['a', 'b'].map(name => engine.subscribe(name, null)))
  await process.publishAll('a', ['1'], null)
  await process.hears('a', 1)
  engine.unsubscribe('a')
  engine.unsubscribe('never subscribed')
  await process.settle()
  await process.publishAll('a', ['2'], null)
  await process.publishAll('b', ['3'], null)
  assert.deepEqual(texts(await process.hears('b', 1)), ['3'])
  assert.deepEqual(texts(process.heardOf('a')), ['1'])
})

clause('who subscribes again right after unsubscribing misses nothing from there on', async ({ process, keep, until }) => {
  const { engine } = process
  for (const [topic, retention] of [['a', null], ['b', keep(50)]] as const) {
    await engine.subscribe(topic, retention)
    for (let i = 0; i < 50; i++) {
      engine.unsubscribe(topic)
      await engine.subscribe(topic, retention)
      await engine.publish(topic, String(i + 1), retention, null)
      await until(() => process.heardOf(topic).length > i, `number ${i} of ${topic}`)
    }
    assert.deepEqual(texts(await process.hears(topic, 50)), count(50))
  }
})

clause('closed, it announces nothing, and every call has an end', async ({ process, keep, until, pass }) => {
  const { engine } = process
  await engine.subscribe('a', keep(5))
  await engine.publish('a', '1', keep(5), null)
  await process.hears('a', 1)
  const open = process.heard.length
  await engine.close()
  const calls = [
    () => engine.publish('a', '2', keep(5), null), () => engine.publish('a', '3', null, null), () => engine.publish('b', '4', keep(5), 'id'),
    () => engine.subscribe('a', keep(5)), () => engine.publish('a', '5', keep(5), null), () => engine.read('a', keep(5), '', 5),
    () => engine.last('a', keep(5), 5), () => engine.join('a', { id: 'ann', info: null }), () => engine.leave('a', 'ann'),
    () => engine.members('a'), () => engine.count('a')
  ]
  let ended = 0
  for (const call of calls) call().catch(() => {}).finally(() => { ended++ })
  await until(() => ended === calls.length, 'the ends of all calls')
  engine.unsubscribe('a')
  await pass(0.1)
  assert.equal(process.heard.length, open)
  await engine.close()
})
