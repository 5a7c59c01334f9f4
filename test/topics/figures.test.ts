import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { test } from 'tap'
import { createApp } from '../support/app.ts'
import { deferred } from '../support/handshakes.ts'
import { heard } from '../support/heard.ts'
import { turn, until } from '../support/until.ts'
import { errorOf, visitors } from './visitors.ts'

function withoutSocket (message: object): object {
  return { ...message, socket: undefined }
}

const NONE = { topics: 0, subscriptions: 0, published: 0, dropped: 0, recovered: 0, lost: 0 }

test('stats: figures of each declared topic whatever its parameters, and of all names together', async t => {
  const app = createApp(t)
  const visit = visitors(app)
  const rooms = app.topic('/rooms/:room', { history: { size: 5, ttl: 60_000 } })
  const news = app.topic('/news')
  await app.ready()
  t.strictSame(app.sockets.stats().topics, { '': NONE, '/rooms/:room': NONE, '/news': NONE })
  const [a, b] = [await visit(), await visit()]
  const { at } = await rooms.publish({ room: 'a' }, '1')
  await a.socket.subscribe(rooms, { room: 'a' }, { since: at })
  await a.socket.subscribe(rooms, { room: 'b' }, { since: 'unknown' })
  await b.socket.subscribe(rooms, { room: 'a' })
  await b.socket.subscribe(rooms, { room: 'a' })
  await a.socket.subscribe('x')
  await b.socket.subscribe('x')
  await b.socket.subscribe('y')
  await rooms.publish({ room: 'c' }, '2')
  await app.sockets.publish('z', '3')
  await errorOf(() => app.sockets.publish('x', {}))
  t.strictSame(app.sockets.stats().topics, {
    '': { ...NONE, topics: 2, subscriptions: 3, published: 1 },
    '/rooms/:room': { ...NONE, topics: 2, subscriptions: 3, published: 2, recovered: 1, lost: 1 },
    '/news': NONE
  })
  a.socket.unsubscribe(rooms, { room: 'a' })
  b.client.close()
  await until(() => app.sockets.size === 1)
  t.match(app.sockets.stats().topics, { '': { topics: 1, subscriptions: 1 }, '/rooms/:room': { topics: 1, subscriptions: 1 } })
  await a.socket.subscribe(news)
  a.client.terminate()
  await until(() => app.sockets.size === 0)
  t.match(app.sockets.stats().topics, { '': { topics: 0, subscriptions: 0, published: 1 }, '/rooms/:room': { topics: 0, subscriptions: 0, published: 2 } })
})

test('channels: what is published, who subscribes, and who no longer does', async t => {
  const published = heard(t, 'publish')
  const subscribed = heard(t, 'subscribe')
  const left = heard(t, 'unsubscribe')
  const app = createApp(t)
  const visit = visitors(app)
  const rooms = app.topic('/rooms/:room', { history: { size: 5, ttl: 60_000 } })
  const { socket, client } = await visit()
  const { at } = await rooms.publish({ room: 'a/b' }, '1', { id: 'x' })
  const name = await app.sockets.publish('talk', '2')
  const url = '/rooms/:room'
  t.strictSame(published, [{ topic: '/rooms/a%2Fb', url, at }, { topic: 'talk', url: '', at: name.at }])
  await errorOf(() => app.sockets.publish('', '3'))
  t.equal(published.length, 2)
  const begun = deferred()
  const first = socket.subscribe(rooms, { room: 'a/b' }, { since: at, begin: () => begun.promise })
  await turn()
  t.strictSame(subscribed, [], 'not before begin has ended')
  begun.resolve()
  const beginning = await first
  await socket.subscribe(rooms, { room: 'a/b' })
  const second = await socket.subscribe('talk')
  t.equal(subscribed.length, 2, 'once each')
  t.equal(subscribed[0]!.socket, socket)
  t.same(subscribed.map(withoutSocket), [
    { socket: undefined, topic: '/rooms/a%2Fb', url, ...beginning }, { socket: undefined, topic: 'talk', url: '', ...second }
  ])
  t.same([beginning.recovered, second.recovered], [true, false])
  socket.unsubscribe('talk')
  socket.unsubscribe('talk')
  t.equal(left.length, 1)
  client.terminate()
  await until(() => left.length === 2)
  t.equal(left[0]!.socket, socket)
  t.same(left.map(withoutSocket), [{ socket: undefined, topic: 'talk', url: '' }, { socket: undefined, topic: '/rooms/a%2Fb', url }])
})

test('of a subscription that never began no end is told', async t => {
  const subscribed = heard(t, 'subscribe')
  const left = heard(t, 'unsubscribe')
  const app = createApp(t)
  const visit = visitors(app)
  const { socket, client } = await visit()
  await errorOf(() => socket.subscribe('a', { begin: () => { throw new Error('of begin') } }))
  const undone = errorOf(() => socket.subscribe('b', { begin: () => new Promise(() => {}) }))
  t.ok(socket.unsubscribe('b'))
  t.equal((await undone).code, 'FST_ERR_WS_UNSUBSCRIBED')
  const cut = errorOf(() => socket.subscribe('c', { begin: async () => {
    client.terminate()
    await until(() => app.sockets.size === 0)
  } }))
  t.equal((await cut).code, 'FST_ERR_WS_NOT_OPEN')
  t.strictSame([subscribed, left], [[], []])
})

test('nor is a beginning told of one that ended as its first messages were delivered', async t => {
  const subscribed = heard(t, 'subscribe')
  const app = createApp(t)
  const visit = visitors(app)
  const { socket } = await visit()
  const onOut = (): void => { socket.unsubscribe('a') }
  subscribe('fastify-sockets.message.out', onOut)
  t.teardown(() => unsubscribe('fastify-sockets.message.out', onOut))
  await socket.subscribe('a', { begin: async () => { await app.sockets.publish('a', 'm') } })
  t.strictSame([subscribed, socket.subscriptions], [[], []])
})

test('a subscriber of a channel who unsubscribes at once is told of both, in order', async t => {
  const order: string[] = []
  const app = createApp(t)
  const visit = visitors(app)
  const onSubscribe = (message: any): void => {
    order.push('subscribe')
    message.socket.unsubscribe('a')
  }
  const onUnsubscribe = (): void => { order.push('unsubscribe') }
  subscribe('fastify-sockets.subscribe', onSubscribe)
  subscribe('fastify-sockets.unsubscribe', onUnsubscribe)
  t.teardown(() => {
    unsubscribe('fastify-sockets.subscribe', onSubscribe)
    unsubscribe('fastify-sockets.unsubscribe', onUnsubscribe)
  })
  const { socket } = await visit()
  await socket.subscribe('a')
  t.same(order, ['subscribe', 'unsubscribe'])
  t.strictSame(socket.subscriptions, [])
})

test('limits.subscriptions: so many topics of one socket, declared or not; those that it left do not count', async t => {
  const app = createApp(t, { limits: { subscriptions: 2 } })
  const visit = visitors(app)
  const rooms = app.topic('/rooms/:room')
  const { socket } = await visit()
  await socket.subscribe(rooms, { room: 'a' })
  await socket.subscribe('b')
  await socket.subscribe('b')
  t.match(await errorOf(() => socket.subscribe(rooms, { room: 'c' })), {
    code: 'FST_ERR_WS_TOO_MANY_SUBSCRIPTIONS', message: 'a socket may have at most 2 subscriptions: see limits.subscriptions'
  })
  t.strictSame(socket.subscriptions, ['/rooms/a', 'b'])
  t.match(app.sockets.stats().topics, { '': { topics: 1 }, '/rooms/:room': { topics: 1, subscriptions: 1 } }, 'nothing is left of the refused one')
  const { socket: other } = await visit()
  await other.subscribe('c')
  t.ok(socket.unsubscribe('b'))
  await socket.subscribe(rooms, { room: 'c' })
  t.equal(socket.state, 'open')
})

test('by default 1000; the route\'s own wins, and false means none', async t => {
  const app = createApp(t)
  const byDefault = visitors(app)
  const own = visitors(app, { ws: { limits: { subscriptions: 1 } } }, '/own')
  const none = visitors(app, { ws: { limits: { subscriptions: false } } }, '/none')
  const subscribeAll = async ({ socket }: Awaited<ReturnType<typeof own>>, count: number): Promise<string | undefined> => {
    const all = await Promise.allSettled(Array.from({ length: count }, (_, i) => socket.subscribe(`n${i}`)))
    const refused = all.filter(({ status }) => status === 'rejected')
    return `${refused.length} ${socket.subscriptions.length}`
  }
  t.equal(await subscribeAll(await byDefault(), 1001), '1 1000')
  t.equal(await subscribeAll(await own(), 3), '2 1')
  t.equal(await subscribeAll(await none(), 1500), '0 1500')
})
