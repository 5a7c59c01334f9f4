import { channel } from 'node:diagnostics_channel'
import { test } from 'tap'
import { until } from '../support/until.ts'
import { block, stage, texts, textsSoFar } from './stage.ts'

test('options whose reading subscribes: there is one subscription, and unsubscribe() ends it', async t => {
  const { app, open } = await stage(t)
  const ends = await open()
  const { socket } = ends
  let within: Promise<unknown> | undefined
  const answer = socket.subscribe('a', { get since () { within ??= socket.subscribe('a'); return undefined } })
  t.equal(await answer, await within)
  t.equal(app.sockets.stats().topics['']!.subscriptions, 1)
  t.ok(socket.unsubscribe('a'))
  t.equal(app.sockets.stats().topics['']!.topics, 0)
  await app.sockets.publish('a', 'x')
  t.same(await textsSoFar(ends), [])
})

test('a begin that cannot be taken leaves no topic behind', async t => {
  const { app, open } = await stage(t)
  const { socket } = await open()
  const begin = (): void => {}
  Object.defineProperty(begin, 'name', { value: 5 })
  await socket.subscribe('a', { begin })
  socket.unsubscribe('a')
  const hostile = new Proxy(begin, { get () { throw new Error('mine') } })
  await t.rejects(socket.subscribe('b', { begin: hostile }), { message: 'mine' })
  t.equal(app.sockets.stats().topics['']!.topics, 0)
})

test('who is told of the end of a subscription may subscribe again, also while all of them end', async t => {
  const { topics, open } = await stage(t, app => app.topic('/a', { overflow: 'close' }))
  const { socket, client } = await open()
  await socket.subscribe(topics)
  await socket.subscribe('b')
  let told = 0
  const again = (): void => { if (++told < 10_000) void socket.subscribe(topics).catch(() => {}) }
  const ends = channel('fastify-sockets.unsubscribe')
  ends.subscribe(again)
  t.teardown(() => { ends.unsubscribe(again) })
  const release = block(socket)
  while (socket.bufferedAmount <= 65_536) socket.send('x'.repeat(10_000))
  await topics.publish('x')
  await until(() => socket.state !== 'open', 'the close')
  t.ok(told < 5, `told ${told} times`)
  release()
  client.socket.destroy()
  await socket.closed
  t.same(socket.subscriptions, [])
})

test('what begin is held for and what is published while that goes out are in order', async t => {
  const { topics, open } = await stage(t, app => app.topic('/a'))
  const { socket, client } = await open()
  const out = channel('fastify-sockets.message.out')
  const answer = ({ data }: any): void => {
    if (data !== 'm1') return
    void topics.publish('m3')
    socket.send('direct')
  }
  out.subscribe(answer)
  t.teardown(() => { out.unsubscribe(answer) })
  await socket.subscribe(topics, { async begin () { for (const text of ['m1', 'm2']) await topics.publish(text) } })
  t.same(await texts(client, 4), ['m1', 'm2', 'm3', 'direct'])
})

test('names that objects have already are names like any other', async t => {
  const { app, topics, open } = await stage(t, app => app.topic('/rooms/:__proto__/:constructor'))
  const ends = await open()
  const { socket } = ends
  for (const name of ['__proto__', 'constructor', 'toString']) {
    await socket.subscribe(name, { as: name })
    await app.sockets.publish(name, 'left out', { except: name })
    await app.sockets.publish(name, name)
    await app.sockets.user(name).close()
  }
  const params = { ['__proto__']: 'a', constructor: 'b' }
  await socket.subscribe(topics, params)
  await topics.publish(params, 'params')
  t.same(await textsSoFar(ends), ['__proto__', 'constructor', 'toString', 'params'])
  t.same(socket.subscriptions, ['__proto__', 'constructor', 'toString', '/rooms/a/b'])
  await t.rejects(topics.publish({} as any, 'x'), { code: 'FST_ERR_WS_TOPIC_PARAMS' })
})
