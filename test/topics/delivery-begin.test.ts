import { AsyncLocalStorage } from 'node:async_hooks'
import { test } from 'tap'
import { codeOf } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'
import { type Ends, numbers, stage, text, texts, textsSoFar } from './stage.ts'

const HISTORY = { size: 100, ttl: 60_000 }

/** What `begin` waits for, and the way to end it. */
function gate () {
  let open = (): void => {}
  const opened = new Promise<void>(resolve => { open = resolve })
  return { open, opened }
}

test('delivery is held until begin has ended: what it sends comes first, then what was published meanwhile', async t => {
  const { app, topics, open } = await stage(t, app => app.topic('/t', { history: HISTORY }))
  for (const topic of [topics, 'a']) {
    const one = await open()
    const { open: end, opened } = gate()
    const publish = (message: string) => typeof topic === 'string' ? app.sockets.publish(topic, message) : topic.publish(message)
    let beginning: unknown
    const begun = one.socket.subscribe(topic, {
      async begin (given) {
        beginning = given
        one.socket.send('welcome')
        await publish('m0')
        await opened
        one.socket.send('still before')
        void publish('m1')
      }
    })
    const answered = { yes: false }
    void begun.then(() => { answered.yes = true })
    await until(() => beginning !== undefined)
    for (let i = 0; i < 5; i++) await turn()
    t.equal(answered.yes, false)
    t.same(one.socket.subscriptions.length, 1)
    end()
    t.strictSame(await begun, beginning)
    t.match(beginning, { recovered: false, at: String })
    void publish('m2')
    t.same(await texts(one.client, 5), ['welcome', 'still before', ...numbers(3)])
  }
})

test('begin is not held up by other subscriptions, nor are they by it', async t => {
  const { app, open } = await stage(t)
  const one = await open()
  const { open: end, opened } = gate()
  await one.socket.subscribe('b')
  const begun = one.socket.subscribe('a', { begin: () => opened })
  await turn()
  void app.sockets.publish('a', 'of a')
  await app.sockets.publish('b', 'of b')
  t.equal(await text(one.client), 'of b')
  one.socket.send('sent')
  t.equal(await text(one.client), 'sent')
  end()
  await begun
  t.equal(await text(one.client), 'of a')
})

test('begin that throws or rejects: subscribe() rejects with that, and the socket is not subscribed', async t => {
  const { app, open, failures } = await stage(t)
  const one = await open()
  const bad: Array<() => unknown> = [() => { throw new Error('mine') }, async () => { throw new Error('mine') }]
  for (const begin of bad) {
    await t.rejects(one.socket.subscribe('a', { begin }), { message: 'mine' })
    t.same(one.socket.subscriptions, [])
    t.same(failures.splice(0), [])
    void one.socket.subscribe('a', { begin })
    await until(() => failures.length > 0)
    t.match(failures.splice(0), [{ message: 'mine' }], 'nobody waits: onError is told')
  }
  await app.sockets.publish('a', 'x')
  t.same(await textsSoFar(one), [])
  await one.socket.subscribe('a')
  await app.sockets.publish('a', 'y')
  t.same(await textsSoFar(one), ['y'])
})

test('begin that unsubscribes, or closes', async t => {
  const { app, open } = await stage(t)
  const one = await open()
  t.equal(await codeOf(() => one.socket.subscribe('a', { begin: () => { one.socket.unsubscribe('a') } })), 'FST_ERR_WS_UNSUBSCRIBED')
  await app.sockets.publish('a', 'x')
  t.same(await textsSoFar(one), [])
  t.equal(await codeOf(() => one.socket.subscribe('a', { begin: () => { void one.socket.close() } })), 'FST_ERR_WS_NOT_OPEN')
  await app.sockets.publish('a', 'x')
  t.match(await one.client.close(), { code: 1000 })
})

test('what except leaves out is left out while begin runs', async t => {
  const { app, open } = await stage(t)
  const one = await open()
  const { open: end, opened } = gate()
  const begun = one.socket.subscribe('a', { as: 'ann', begin: () => opened })
  await turn()
  await app.sockets.publish('a', 'not this', { except: 'ann' })
  await app.sockets.publish('a', 'nor this', { except: one.socket })
  await app.sockets.publish('a', 'this')
  end()
  await begun
  t.same(await textsSoFar(one), ['this'])
})

test('begin has the AsyncLocalStorage of subscribe(), and the handler is waited for while it runs', async t => {
  const { app, open } = await stage(t)
  const { socket, client } = await open()
  const storage = new AsyncLocalStorage<string>()
  const { open: end, opened } = gate()
  let ended = false
  const begun = storage.run('mine', () => socket.subscribe('a', {
    async begin () {
      t.equal(storage.getStore(), 'mine')
      await opened
      ended = true
    }
  }))
  await turn()
  const closed = app.close()
  client.socket.destroy()
  setTimeout(end, 20)
  t.equal(await codeOf(() => begun), 'FST_ERR_WS_NOT_OPEN')
  await closed
  t.equal(ended, true)
})

test('options that are none are refused', async t => {
  const { open } = await stage(t)
  const { socket } = await open()
  for (const options of [{ as: '' }, { as: 5 }, { begin: {} }]) {
    t.equal(await codeOf(() => socket.subscribe('a', options as any)), 'FST_ERR_WS_TOPIC_OPTION')
  }
  t.same(socket.subscriptions, [])
})

/** Publishes so many messages of 1 KB while `begin` runs, with `highWaterMark` 4 KB and `maxBuffered` 8 KB. */
const OVERFLOWS: Array<{
  name: string
  topic: object
  overflow?: 'close' | 'drop'
  count: number
  size?: number
  /** The numbers of the messages that arrive. */
  arrive: number[]
  dropped?: number
  closes?: string
}> = [
  { name: 'the default takes maxBuffered', topic: {}, count: 7, arrive: [0, 1, 2, 3, 4, 5, 6] },
  { name: 'the default closes beyond it', topic: {}, count: 20, arrive: [], closes: 'FST_ERR_WS_LAGGING' },
  { name: 'overflow of the route drops', topic: {}, overflow: 'drop', count: 20, arrive: [0, 1, 2, 3, 4, 5, 6], dropped: 13 },
  { name: 'with a history the default reads that', topic: { history: HISTORY }, count: 7, arrive: [0, 1, 2, 3, 4, 5, 6] },
  { name: 'also where the route drops', topic: { history: HISTORY }, overflow: 'drop', count: 9, arrive: [0, 1, 2, 3, 4, 5, 6, 7, 8] },
  { name: 'close', topic: { overflow: 'close' }, count: 20, arrive: [], closes: 'FST_ERR_WS_LAGGING' },
  { name: 'close takes highWaterMark', topic: { overflow: 'close' }, count: 3, arrive: [0, 1, 2] },
  { name: 'drop', topic: { overflow: 'drop' }, count: 20, arrive: [0, 1, 2], dropped: 17 },
  { name: 'latest', topic: { overflow: 'latest' }, count: 20, arrive: [19], dropped: 19 },
  { name: 'catch-up', topic: { overflow: 'catch-up', history: HISTORY }, count: 9, arrive: [0, 1, 2, 3, 4, 5, 6, 7, 8] },
  { name: 'one message may be as large as it is', topic: {}, count: 1, size: 20_000, arrive: [0] },
  { name: 'and then none beside it', topic: { overflow: 'drop' }, count: 3, size: 20_000, arrive: [0], dropped: 2 }
]

for (const { name, topic, overflow = 'close', count, size = 1000, arrive, dropped = 0, closes } of OVERFLOWS) {
  test(`more is published while begin runs than can be kept: ${name}`, async t => {
    const { app, topics, open } = await stage(t, app => app.topic('/t', topic), { ws: { highWaterMark: 4000, maxBuffered: 8000, overflow } })
    const one: Ends = await open()
    const errors: any[] = []
    one.socket.on('error', error => { errors.push(error) })
    const { open: end, opened } = gate()
    const begun = one.socket.subscribe(topics, { begin: () => opened })
    await turn()
    for (const message of numbers(count)) await topics.publish(message.padEnd(size))
    t.same(errors, [], 'no listener is called in the midst of a publish()')
    if (closes !== undefined) {
      await until(() => errors.length > 0)
      t.match(errors, [{ code: closes }])
      end()
      t.equal(await codeOf(() => begun), 'FST_ERR_WS_NOT_OPEN')
      t.match(await one.client.close(), { code: 1013 })
      return
    }
    end()
    await begun
    const got = []
    while (got.length < arrive.length) got.push((await text(one.client)).trim())
    t.same(got, arrive.map(i => `m${i}`))
    t.equal(one.socket.dropped, dropped)
    t.match(app.sockets.stats().topics['/t'], { dropped, lost: 0 })
    await until(() => one.socket.bufferedAmount === 0)
    await topics.publish('live')
    t.same(await texts(one.client, 1), ['live'])
  })
}

test('who is held beyond its limit may still leave before it is closed', async t => {
  const { app, open, failures } = await stage(t, undefined, { ws: { maxBuffered: 10, highWaterMark: 10 } })
  const one = await open()
  const begun = codeOf(() => one.socket.subscribe('a', { begin: () => new Promise(resolve => { setTimeout(resolve, 10) }) }))
  await turn()
  for (const message of numbers(3)) void app.sockets.publish('a', message)
  one.socket.unsubscribe('a')
  t.equal(await begun, 'FST_ERR_WS_UNSUBSCRIBED')
  t.same(await textsSoFar(one), [])
  t.same(failures, [])
})
