import { test } from 'tap'
import { stall } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'
import { block, numbers, stage, text, texts, textsSoFar } from './stage.ts'

const HISTORY = { size: 10_000, ttl: 60_000 }
const WS = { highWaterMark: 1000, maxBuffered: 10_000 }

/** What a client gets that did not read while 100 messages of 100 B were published, ten in each turn, and then reads. */
const CASES: Array<{
  name: string
  topic: object
  ws?: object
  /** How many of the first ones, and of the last ones, arrive. */
  first: number
  last: number
  closes?: string
}> = [
  { name: 'the default, within maxBuffered', topic: {}, ws: { maxBuffered: 20_000 }, first: 100, last: 0 },
  { name: 'the default closes beyond it', topic: {}, first: 98, last: 0, closes: 'FST_ERR_WS_SLOW_PEER' },
  { name: 'where the route drops, the default does', topic: {}, ws: { overflow: 'drop' }, first: 98, last: 0 },
  { name: 'close', topic: { overflow: 'close' }, first: 10, last: 0, closes: 'FST_ERR_WS_LAGGING' },
  { name: 'drop', topic: { overflow: 'drop' }, first: 10, last: 0 },
  { name: 'latest', topic: { overflow: 'latest' }, first: 10, last: 1 },
  { name: 'catch-up', topic: { overflow: 'catch-up', history: HISTORY }, first: 100, last: 0 }
]

for (const { name, topic, ws = {}, first, last, closes } of CASES) {
  test(`a subscriber that does not read, and then does: ${name}`, async t => {
    const { app, topics, open } = await stage(t, app => app.topic('/t', topic), { ws: { ...WS, ...ws } })
    const slow = await open()
    const other = await open()
    for (const { socket } of [slow, other]) await socket.subscribe(topics)
    const errors: any[] = []
    slow.socket.on('error', error => { errors.push(error) })
    const release = block(slow.socket)
    const messages = numbers(100).map(message => message.padEnd(100))
    for (const [i, message] of messages.entries()) {
      void topics.publish(message)
      if (i % 10 === 9) await turn()
    }
    await turn()
    t.strictSame(await texts(other.client, 100), messages, 'the others do not notice')
    t.ok(slow.socket.bufferedAmount <= ((ws as any).maxBuffered ?? 10_000) + 100, `${slow.socket.bufferedAmount} bytes wait`)
    release()
    if (closes === undefined) {
      const expected = [...messages.slice(0, first), ...messages.slice(100 - last)]
      t.strictSame(await texts(slow.client, expected.length), expected)
      t.same(errors, [])
      t.equal(slow.socket.dropped, 100 - expected.length)
      t.equal(app.sockets.stats().topics['/t']!.dropped, 'overflow' in topic ? 100 - expected.length : 0)
      await until(() => slow.socket.bufferedAmount === 0)
      await topics.publish('live')
      t.equal(await text(slow.client), 'live')
      t.same(await textsSoFar(slow), [])
    } else {
      t.strictSame(await texts(slow.client, first), messages.slice(0, first))
      t.match(await slow.client.close(), { code: 1013 })
      t.match(errors, [{ code: closes }])
      slow.client.socket.end()
      await until(() => app.sockets.stats().topics['/t']!.subscriptions === 1)
    }
  })
}

test('latest: a message that replaces another, one that is in time after all, and one that is left', async t => {
  const { topics, open } = await stage(t, app => app.topic('/t/:id', { overflow: 'latest' }), { ws: WS })
  const { socket, client } = await open()
  for (const id of ['a', 'b', 'c']) await socket.subscribe(topics, { id })
  const release = block(socket)
  const filling = 'x'.repeat(1001)
  socket.send(filling)
  void topics.publish({ id: 'a' }, 'a0')
  void topics.publish({ id: 'b' }, 'b0')
  void topics.publish({ id: 'a' }, 'a1')
  void topics.publish({ id: 'c' }, 'c0')
  await turn()
  t.equal(socket.dropped, 1)
  socket.unsubscribe(topics, { id: 'c' })
  void topics.publish({ id: 'b' }, 'b1')
  await turn()
  release()
  t.same(await texts(client, 3), [filling, 'a1', 'b1'], 'in the order of publishing')
  t.equal(socket.dropped, 2)
  t.same(await textsSoFar({ socket, client }), [])
})

test('latest of many topics is sent as the client reads, not all at once', async t => {
  const { app, topics, open } = await stage(t, app => app.topic('/t/:id', { overflow: 'latest' }), { ws: WS })
  const { socket, client } = await open()
  for (let id = 0; id < 50; id++) await socket.subscribe(topics, { id })
  let release = block(socket)
  socket.send('x'.repeat(1001))
  // Once it has drained, and has been given what fits, it takes nothing again.
  socket.once('drain', () => { release = block(socket) })
  const messages = numbers(50).map(message => message.padEnd(500))
  for (const [id, message] of messages.entries()) void topics.publish({ id }, message)
  await turn()
  release()
  await text(client)
  await turn()
  t.ok(socket.bufferedAmount < 3000, `${socket.bufferedAmount} bytes wait`)
  release()
  t.strictSame(await texts(client, 50), messages)
  t.equal(app.sockets.stats().topics['/t/:id']!.dropped, 0)
})

test('a slow socket has topics of every kind: each as it says', async t => {
  const { app, topics, open } = await stage(t, app => ({
    drop: app.topic('/drop', { overflow: 'drop' }),
    latest: app.topic('/latest', { overflow: 'latest' }),
    all: app.topic('/all', { overflow: 'catch-up', history: HISTORY })
  }), { ws: WS })
  const { socket, client } = await open()
  for (const topic of [...Object.values(topics), 'default']) await socket.subscribe(topic as any)
  const release = block(socket)
  const filling = 'x'.repeat(1001)
  socket.send(filling)
  for (let i = 0; i < 3; i++) {
    for (const [name, topic] of Object.entries(topics)) void topic.publish(`${name} ${i}`)
    void app.sockets.publish('default', `default ${i}`)
    await turn()
  }
  release()
  const got = await texts(client, 8)
  t.same(got.slice(0, 4), [filling, 'default 0', 'default 1', 'default 2'])
  t.same(got.filter(message => message.startsWith('all')), ['all 0', 'all 1', 'all 2'])
  t.ok(got.includes('latest 2'))
  t.equal(socket.dropped, 3 + 2)
  await until(() => socket.bufferedAmount === 0)
  for (const topic of Object.values(topics)) await topic.publish('live')
  t.same(await texts(client, 3), ['live', 'live', 'live'])
})

test('real clients that do not read, beside one that does', async t => {
  const { topics, open } = await stage(t, app => ({
    drop: app.topic('/drop', { overflow: 'drop' }),
    latest: app.topic('/latest', { overflow: 'latest' }),
    all: app.topic('/all', { overflow: 'catch-up', history: HISTORY })
  }))
  const ends: Record<string, Awaited<ReturnType<typeof open>>> = {}
  const sent: Record<string, number> = {}
  for (const [name, topic] of Object.entries(topics)) {
    ends[name] = await open()
    await ends[name].socket.subscribe(topic)
    sent[name] = await stall(ends[name].client, ends[name].socket)
  }
  const reader = await open()
  for (const topic of Object.values(topics)) await reader.socket.subscribe(topic)
  for (const message of numbers(300)) {
    for (const [name, topic] of Object.entries(topics)) void topic.publish(`${name} ${message}`)
    await texts(reader.client, 3)
  }
  const got: Record<string, string[]> = {}
  for (const [name, { client, socket }] of Object.entries(ends)) {
    client.socket.resume()
    for (let i = 0; i < sent[name]!; i++) await client.frame()
    await until(() => socket.bufferedAmount === 0)
    got[name] = name === 'all' ? await texts(client, 300) : await textsSoFar({ client, socket })
  }
  t.same(got, { drop: [], latest: ['latest m299'], all: numbers(300).map(message => `all ${message}`) })
})
