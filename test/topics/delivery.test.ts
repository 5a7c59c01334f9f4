import { channel } from 'node:diagnostics_channel'
import { test } from 'tap'
import { BINARY, TEXT } from '../support/opcodes.ts'
import { codeOf } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'
import { numbers, stage, text, texts, textsSoFar } from './stage.ts'

test('what is published after subscribe() has resolved arrives: at each subscriber, once, in order, and nowhere else', async t => {
  const { app, topics, open } = await stage(t, app => app.topic('/rooms/:room'))
  const all = []
  for (let i = 0; i < 3; i++) all.push(await open())
  const other = await open()
  const none = await open()
  await topics.publish({ room: 'a' }, 'too early')
  for (const { socket } of all) t.match(await socket.subscribe(topics, { room: 'a' }), { recovered: false, at: String })
  await other.socket.subscribe(topics, { room: 'b' })
  for (const message of numbers(10)) await topics.publish({ room: 'a' }, message)
  await topics.publish({ room: 'b' }, 'for the other')
  for (const one of all) t.same(await textsSoFar(one), numbers(10))
  t.same(await textsSoFar(other), ['for the other'])
  t.same(await textsSoFar(none), [])
  t.match(app.sockets.stats().topics, { '/rooms/:room': { topics: 2, subscriptions: 4, published: 12, dropped: 0 } })
})

test('a subscription begins where subscribe() resolves, also in one turn with what is published', async t => {
  const { app, open } = await stage(t)
  const { socket, client } = await open()
  void app.sockets.publish('news', 'before')
  const begun = socket.subscribe('news')
  void app.sockets.publish('news', 'meanwhile')
  await begun
  void app.sockets.publish('news', 'after')
  await turn()
  const all = await textsSoFar({ socket, client })
  t.notOk(all.includes('before'))
  t.equal(all.at(-1), 'after')
  t.ok(all.length <= 2, 'what is published while it subscribes may arrive, and does so once')
})

test('a socket subscribes once: the second answer is the first', async t => {
  const { app, open } = await stage(t)
  const one = await open()
  const first = one.socket.subscribe('news')
  const second = one.socket.subscribe('news', { begin: () => t.fail('it has begun') })
  t.equal(first, second)
  await first
  t.equal(one.socket.subscribe('news'), first, 'nor later')
  t.same(one.socket.subscriptions, ['news'])
  await app.sockets.publish('news', 'once')
  t.same(await textsSoFar(one), ['once'])
})

test('unsubscribe() delivers what was published before it, and nothing more', async t => {
  const { app, topics, open } = await stage(t, app => app.topic('/rooms/:room'))
  const one = await open()
  await one.socket.subscribe('news')
  await one.socket.subscribe(topics, { room: 'a' })
  void topics.publish({ room: 'a' }, 'in the room')
  void app.sockets.publish('news', 'old')
  t.equal(one.socket.unsubscribe('news'), true)
  void app.sockets.publish('news', 'new')
  t.equal(one.socket.unsubscribe('news'), false)
  t.equal(one.socket.unsubscribe(topics, { room: 'a' }), true)
  t.equal(one.socket.unsubscribe(topics, { room: 'b' }), false)
  t.same(one.socket.subscriptions, [])
  await turn()
  t.same(await textsSoFar(one), ['in the room', 'old'])
  t.equal(app.sockets.stats().topics['']!.subscriptions, 0)
})

test('unsubscribe() before the subscription has begun: subscribe() rejects, and a new one may begin', async t => {
  const { app, open, failures } = await stage(t)
  const one = await open()
  const joining = codeOf(() => one.socket.subscribe('news', { begin: () => t.fail('it must not begin') }))
  t.equal(one.socket.unsubscribe('news'), true)
  const again = one.socket.subscribe('news')
  t.equal(await joining, 'FST_ERR_WS_UNSUBSCRIBED')
  await again
  t.same(one.socket.subscriptions, ['news'])
  await app.sockets.publish('news', 'once')
  t.same(await textsSoFar(one), ['once'])
  void one.socket.subscribe('other')
  one.socket.unsubscribe('other')
  await turn()
  await turn()
  t.same(failures, [], 'and no failure of whoever does not wait')
})

test('a socket that is closing or closed cannot subscribe, which is no failure of its handler', async t => {
  const { app, open, failures } = await stage(t)
  const { socket, client } = await open()
  const { socket: other } = await open()
  const begun = codeOf(() => socket.subscribe('news', { begin: () => t.fail('it has not begun') }))
  const ended = socket.close()
  t.equal(await begun, 'FST_ERR_WS_NOT_OPEN', 'it closes before the subscription has begun')
  t.same(socket.subscriptions, [])
  t.equal(await codeOf(() => socket.subscribe('news')), 'FST_ERR_WS_NOT_OPEN')
  void socket.subscribe('news')
  client.socket.end()
  await ended
  t.equal(await codeOf(() => socket.subscribe('news')), 'FST_ERR_WS_NOT_OPEN')
  void socket.subscribe('news')
  const gone = codeOf(() => other.subscribe('news', { begin: () => other.terminate() }))
  t.equal(await gone, 'FST_ERR_WS_NOT_OPEN', 'it ends while begin runs')
  await turn()
  await turn()
  t.same(failures, [])
  t.equal(app.sockets.stats().topics['']!.subscriptions, 0)
})

test('except leaves out a socket, or all that subscribed with a name, and nobody else', async t => {
  const { app, open } = await stage(t)
  const ann = await open()
  const twin = await open()
  const bob = await open()
  const stranger = await open()
  for (const one of [ann, twin]) await one.socket.subscribe('news', { as: 'ann' })
  await bob.socket.subscribe('news')
  await app.sockets.publish('news', 'not for ann', { except: 'ann' })
  await app.sockets.publish('news', 'nor for bob', { except: bob.socket })
  await app.sockets.publish('news', 'nor for ann and her twin', { except: ann.socket })
  await app.sockets.publish('news', 'the socket of nobody', { except: stranger.socket })
  await app.sockets.publish('news', 'the name of nobody', { except: 'zoe' })
  const all = ['the socket of nobody', 'the name of nobody']
  for (const one of [ann, twin]) t.same(await textsSoFar(one), ['nor for bob', ...all])
  t.same(await textsSoFar(bob), ['not for ann', 'nor for ann and her twin', ...all])
  twin.socket.unsubscribe('news')
  void app.sockets.publish('news', 'a', { except: 'ann' })
  ann.socket.unsubscribe('news')
  void app.sockets.publish('news', 'b', { except: 'ann' })
  await turn()
  t.same(await textsSoFar(bob), ['a', 'b'])
  t.same(await textsSoFar(ann), [])
})

test('except in one turn with what is for all: each gets its part, in order', async t => {
  const { app, open } = await stage(t)
  const ann = await open()
  const bob = await open()
  for (const { socket } of [ann, bob]) await socket.subscribe('news')
  const { publish } = app.sockets
  void publish('news', 'm0')
  void publish('news', 'm1', { except: ann.socket })
  void publish('news', 'm2', { except: bob.socket })
  ann.socket.send('direct')
  void publish('news', 'm3')
  void publish('news', 'm4', { except: ann.socket })
  await turn()
  t.same(await textsSoFar(ann), ['m0', 'm2', 'direct', 'm3'])
  t.same(await textsSoFar(bob), ['m0', 'm1', 'm3', 'm4'])
  void publish('news', 'only for ann', { except: bob.socket })
  await turn()
  t.same(await textsSoFar(bob), [])
  t.same(await textsSoFar(ann), ['only for ann'])
})

test('text, bytes and what a route makes of a value', async t => {
  const { app, open } = await stage(t)
  const raw = await open()
  const values = await open('/values')
  await raw.socket.subscribe('bytes')
  await raw.socket.subscribe('text')
  await values.socket.subscribe('value')
  const bytes = Buffer.from([1, 2, 3])
  void app.sockets.publish('bytes', bytes)
  bytes.fill(0)
  await app.sockets.publish('text', '')
  await app.sockets.publish('value', { a: 1 })
  const first = await raw.client.frame()
  t.equal(first.opcode, BINARY)
  t.same([...first.payload], [1, 2, 3], 'bytes that change after publish() are sent as they were')
  t.match(await raw.client.frame(), { opcode: TEXT, payload: Buffer.alloc(0) })
  t.equal(await text(values.client), '{"a":1}')
  await raw.socket.subscribe('value')
  t.equal(await codeOf(() => app.sockets.publish('value', { a: 2 })), 'FST_ERR_WS_SEND_TYPE', 'a raw route has no form of it')
  t.equal(await codeOf(() => app.sockets.publish('news', 'x', { id: '1' })), 'FST_ERR_WS_NO_HISTORY')
  raw.socket.unsubscribe('value')
  await app.sockets.publish('value', { a: 3 })
  t.equal(await text(values.client), '{"a":3}', 'and what was refused was sent to nobody')
})

test('two routes that encode differently: each socket gets its own', async t => {
  const { app, open } = await stage(t)
  const raw = await open()
  const values = await open('/values')
  for (const { socket } of [raw, values]) for (const topic of ['a', 'b']) await socket.subscribe(topic)
  for (const message of numbers(3)) {
    void app.sockets.publish('a', message)
    void app.sockets.publish('b', message)
  }
  await turn()
  t.same(await texts(raw.client, 6), ['m0', 'm0', 'm1', 'm1', 'm2', 'm2'])
  t.same(await texts(values.client, 6), ['"m0"', '"m0"', '"m1"', '"m1"', '"m2"', '"m2"'])
})

test('the diagnostics channel message.out sees each message for each socket', async t => {
  const { app, open } = await stage(t)
  const ends = [await open(), await open()]
  for (const { socket } of ends) await socket.subscribe('news')
  const seen: any[] = []
  const note = (message: any): void => { seen.push(message) }
  const out = channel('fastify-sockets.message.out')
  out.subscribe(note)
  t.teardown(() => { out.unsubscribe(note) })
  for (const message of numbers(2)) void app.sockets.publish('news', message)
  for (const { client } of ends) t.same(await texts(client, 2), numbers(2))
  t.same(seen.map(({ data, accepted }) => [data, accepted]), [['m0', true], ['m1', true], ['m0', true], ['m1', true]])
  t.same(new Set(seen.map(one => one.socket)), new Set(ends.map(one => one.socket)))
})

test('subscriptions come and go on the diagnostics channels', async t => {
  const { app, topics, open } = await stage(t, app => app.topic('/rooms/:room'))
  const seen: any[] = []
  for (const event of ['subscribe', 'unsubscribe', 'publish']) {
    const note = (message: any): void => { seen.push([event, message]) }
    const events = channel(`fastify-sockets.${event}`)
    events.subscribe(note)
    t.teardown(() => { events.unsubscribe(note) })
  }
  const { socket } = await open()
  const { at } = await socket.subscribe(topics, { room: 'a b' })
  const published = await topics.publish({ room: 'a b' }, 'x')
  socket.unsubscribe(topics, { room: 'a b' })
  await socket.subscribe('news')
  socket.terminate()
  await until(() => app.sockets.size === 0)
  const room = { topic: '/rooms/a%20b', url: '/rooms/:room' }
  t.match(seen, [
    ['subscribe', { socket, ...room, recovered: false, at }],
    ['publish', { ...room, at: published.at }],
    ['unsubscribe', { socket, ...room }],
    ['subscribe', { socket, topic: 'news', url: '' }],
    ['unsubscribe', { socket, topic: 'news', url: '' }]
  ])
  t.equal(seen.length, 5)
})

test('in memory, through injectWS', async t => {
  const { app, inject } = await stage(t)
  const { socket, client } = await inject()
  await socket.subscribe('news')
  const got: string[] = []
  client.on('message', (message: string) => { got.push(message) })
  for (const message of numbers(3)) await app.sockets.publish('news', message)
  await until(() => got.length === 3)
  t.same(got, numbers(3))
  await client.close()
  await until(() => app.sockets.size === 0)
  t.equal(app.sockets.stats().topics['']!.subscriptions, 0)
})

test('a socket that has never subscribed is subscribed to nothing', async t => {
  const { open } = await stage(t)
  const { socket } = await open()
  t.strictSame(socket.subscriptions, [])
})
