import { type Test, test } from 'tap'
import { fakeClock } from '../support/clock.ts'
import { turns } from '../support/late-engine.ts'
import { nodes } from './backplane-stage.ts'
import { block, numbers, stage, text, texts, textsSoFar } from './stage.ts'

/*
 * `recent`: the last messages of a topic come first.
 */

const history = { size: 10, ttl: 60_000 }

/** Of a route whose sockets soon have too much to send. */
const NARROW = { highWaterMark: 1000, maxBuffered: 1e6 }
const TOO_MUCH = 'x'.repeat(NARROW.highWaterMark + 1)

/** A client that has read nothing so far, and gets the last two messages of so many. */
async function slow (t: Test, options: { overflow: 'drop' | 'latest', history: typeof history }, published: number) {
  const { topics, open } = await stage(t, app => app.topic('/t', options), { ws: NARROW })
  for (const message of numbers(published)) await topics.publish(message)
  const { socket, client } = await open()
  const release = block(socket)
  socket.send(TOO_MUCH)
  await socket.subscribe(topics, { recent: 2 })
  return { topics, client, release }
}

test('the last messages come behind begin, and then everything that follows them', async t => {
  const { topics, open } = await stage(t, app => app.topic('/rooms/:room', { history }))
  for (const [room, published, recent] of [['none', 0, 3], ['few', 2, 3], ['more', 8, 3], ['all', 12, 100]] as const) {
    for (const message of numbers(published)) {
      await topics.publish({ room }, message)
      await topics.publish({ room: 'other' }, 'of another')
    }
    const one = await open()
    const beginning = await one.socket.subscribe(topics, { room }, {
      recent,
      async begin () {
        one.socket.send('welcome')
        await topics.publish({ room }, 'meanwhile')
        one.socket.send('still before')
      }
    })
    t.match(beginning, { recovered: false, at: String })
    void topics.publish({ room }, 'live')
    // One of them makes room for what is published meanwhile.
    const last = numbers(published).slice(-Math.min(recent, history.size - 1))
    t.same(await texts(one.client, 4 + last.length), ['welcome', 'still before', ...last, 'meanwhile', 'live'])
    t.same(await textsSoFar(one), [])
  }
})

test('of many who come while it is published, nobody misses anything, and nothing comes twice', async t => {
  const { topics, open } = await stage(t, app => app.topic('/t', { history: { size: 1000, ttl: 60_000 } }))
  const all = await Promise.all(numbers(20).map(() => open()))
  for (const [i, { socket }] of all.entries()) {
    await topics.publish(`m${3 * i}`)
    void topics.publish(`m${3 * i + 1}`)
    void socket.subscribe(topics, { recent: 1000 })
    void topics.publish(`m${3 * i + 2}`)
  }
  for (const { client } of all) t.same(await texts(client, 60), numbers(60))
})

test('who has missed nothing gets what follows, and nobody whose position is not known gets a part of it', async t => {
  const { topics, open } = await stage(t, app => app.topic('/t', { history }))
  const since = (await topics.publish('m0')).at
  for (const message of numbers(4, 1)) await topics.publish(message)
  const back = await open()
  t.match(await back.socket.subscribe(topics, { since, recent: 2 }), { recovered: true })
  t.same(await textsSoFar(back), numbers(4, 1))
  const unknown = await open()
  t.match(await unknown.socket.subscribe(topics, { since: 'x', recent: 2 }), { recovered: false })
  t.same(await textsSoFar(unknown), numbers(2, 3))
  const nothing = await open()
  await nothing.socket.subscribe(topics, { recent: 0 })
  t.same(await textsSoFar(nothing), [])
})

test('a history of one message: what is published meanwhile comes in its place, however much it is', async t => {
  const { topics, open } = await stage(t, app => app.topic('/t', { history: { size: 1, ttl: 60_000 } }))
  await topics.publish('m0')
  const one = await open()
  await one.socket.subscribe(topics, { recent: 1, begin: async () => { for (const message of numbers(5, 1)) await topics.publish(message) } })
  void topics.publish('m6')
  t.same(await texts(one.client, 6), numbers(6, 1))
  const full = await open()
  const long = 'x'.repeat(2 * 1024 * 1024)
  await full.socket.subscribe(topics, { recent: 1, begin: async () => { for (const message of numbers(2)) await topics.publish(message + long) } })
  t.same(await texts(full.client, 2), numbers(2).map(message => message + long))
})

test('who is left out of what is published meanwhile has missed nothing', async t => {
  const { topics, open } = await stage(t, app => app.topic('/t', { history: { size: 3, ttl: 60_000 } }))
  await topics.publish('m0')
  const one = await open()
  let begun = 0
  await one.socket.subscribe(topics, { as: 'ada', recent: 1, async begin () {
    begun++
    for (let i = 0; i < 2; i++) await topics.publish('to others', { except: 'ada' })
  } })
  for (let i = 0; i < 5; i++) await topics.publish('to others', { except: 'ada' })
  t.same(await textsSoFar(one), ['m0'])
  t.equal(begun, 1)
})

for (const [overflow, last] of [['drop', ['m21', 'm22']], ['latest', ['m22']]] as const) {
  test(`${overflow}: who reads too slowly misses some, and is not closed for it`, async t => {
    const { topics, client, release } = await slow(t, { overflow, history: { size: 2, ttl: 60_000 } }, 3)
    for (const message of numbers(20, 3)) await topics.publish(message)
    await turns(20)
    release()
    t.same(await texts(client, 2 + last.length), [TOO_MUCH, 'm1', ...last])
    void topics.publish('live')
    t.equal(await text(client), 'live')
  })

  test(`${overflow}: what it misses while begin runs is not read afterwards`, async t => {
    const { topics, open } = await stage(t, app => app.topic('/t', { overflow, history: { size: 100, ttl: 60_000 } }), { ws: NARROW })
    await topics.publish('m0')
    const one = await open()
    await one.socket.subscribe(topics, { recent: 1, async begin () {
      for (const message of numbers(20, 1)) await topics.publish(message.padEnd(300))
    } })
    await turns(20)
    const kept = (await textsSoFar(one)).map(message => message.trim())
    t.equal(kept[0], 'm0')
    t.equal(kept.length - 1 + one.socket.dropped, 20)
  })
}

test('who reads too slowly for a history that ends meanwhile gets what is live', async t => {
  const clock = fakeClock(t, 'performance')
  const { topics, client, release } = await slow(t, { overflow: 'drop', history: { size: 2, ttl: 1000 } }, 2)
  for (const message of numbers(5, 2)) await topics.publish(message)
  await turns(20)
  clock.tick(1001)
  release()
  t.same(await texts(client, 2), [TOO_MUCH, 'm0'])
  await turns(20)
  void topics.publish('live')
  t.equal(await text(client), 'live')
})

test('who is left out by its name is, also of the last messages', async t => {
  const { topics, open } = await stage(t, app => app.topic('/t', { history }))
  await topics.publish('m0', { except: 'ada' })
  await topics.publish('m1')
  const ada = await open()
  await ada.socket.subscribe(topics, { as: 'ada', recent: 5 })
  t.same(await textsSoFar(ada), ['m1'])
})

test('what is no number, or of what has no history, is refused', async t => {
  const { topics, open } = await stage(t, app => ({ kept: app.topic('/kept', { history }), loose: app.topic('/loose') }))
  const { socket } = await open()
  for (const recent of [-1, 1.5, NaN, Infinity, '20', null, {}] as any[]) {
    await t.rejects(socket.subscribe(topics.kept, { recent }), { code: 'FST_ERR_WS_TOPIC_OPTION' }, String(recent))
  }
  for (const topic of [topics.loose, 'name'] as any[]) {
    await t.rejects(socket.subscribe(topic, { recent: 1 }), { code: 'FST_ERR_WS_NO_HISTORY' })
    t.match(await socket.subscribe(topic, { recent: 0 }), { recovered: false })
  }
})

test('after a loss, the last messages come once more', async t => {
  const { here, there, store } = await nodes(t, app => app.topic('/t', { history }) as any)
  for (const message of numbers(3)) await there.topics.publish(message)
  const { socket, client } = await here.open()
  let begun = 0
  await socket.subscribe(here.topics, { recent: 2, begin () {
    // Otherwise they would be kept for each socket as long as its `begin` runs.
    t.equal(here.driver.calls.filter(call => call === 'last /t').length, begun, 'they are read behind it')
    socket.send(`begin ${++begun}`)
  } })
  t.same(await texts(client, 3), ['begin 1', 'm1', 'm2'])
  store.flush()
  await there.topics.publish('after')
  t.same(await texts(client, 2), ['begin 2', 'after'])
  await there.topics.publish('live')
  t.equal(await text(client), 'live')
})

test('after a loss, an engine that does not tell the last messages is asked until it does, or nobody waits for them', async t => {
  const { here, there, store } = await nodes(t, app => app.topic('/t', { history }) as any)
  const all = await Promise.all([here.open(), here.open()])
  for (const { socket } of all) await socket.subscribe(here.topics, { recent: 2, begin: () => { socket.send('begin') } })
  const [one, other] = all as [typeof all[0], typeof all[0]]
  for (let i = 0; i < 2; i++) here.driver.refuse('last')
  store.flush()
  await there.topics.publish('after')
  for (const { client } of all) t.same(await texts(client, 2), ['begin', 'begin'])
  other.socket.unsubscribe(here.topics)
  t.equal(await text(one.client), 'after')
  t.same(await textsSoFar(other), [])
  here.driver.refuse('last')
  const late = await here.open()
  await t.rejects(late.socket.subscribe(here.topics, { recent: 2 }), { code: 'FST_ERR_WS_BACKPLANE' }, 'subscribe() tells it')
})

for (const withBegin of [true, false]) {
  test(`lost while the last messages are read${withBegin ? '' : ', without begin'}: they are read once more`, async t => {
    const { here, there, store } = await nodes(t, app => app.topic('/t', { history }) as any)
    await there.topics.publish('before')
    const other = await here.open()
    await other.socket.subscribe(here.topics, { begin () {} })
    const last = here.driver.last.bind(here.driver)
    let asked = 0
    here.driver.last = async (...args) => {
      const messages = await last(...args)
      if (++asked > 1) return messages
      store.flush()
      await there.topics.publish('after')
      await turns(50)
      return messages
    }
    const { socket, client } = await here.open()
    let begun = 0
    const begin = { begin () { begun++ } }
    t.match(await socket.subscribe(here.topics, { recent: 5, ...withBegin ? begin : {} }), { recovered: false })
    await there.topics.publish('live')
    t.same(await texts(client, 2), ['after', 'live'])
    t.equal(asked, 2)
    t.equal(begun, withBegin ? 2 : 0, 'and it is told')
  })
}
