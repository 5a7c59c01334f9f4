import { channel } from 'node:diagnostics_channel'
import { test } from 'tap'
import { turn, until } from '../support/until.ts'
import { block, numbers, stage, text, texts, textsSoFar } from './stage.ts'

test('publish() in a message listener: each comes behind what was published before it', async t => {
  const { app, open } = await stage(t)
  const one = await open()
  const other = await open()
  for (const { socket } of [one, other]) await socket.subscribe('a')
  one.socket.on('message', async message => {
    void app.sockets.publish('a', `heard ${message}`)
    void app.sockets.publish('a', `once more ${message}`, { except: one.socket })
  })
  for (let i = 0; i < 3; i++) one.client.send(1, String(i))
  t.same(await texts(other.client, 6), [0, 1, 2].flatMap(i => [`heard ${i}`, `once more ${i}`]))
  t.same(await textsSoFar(one), ['heard 0', 'heard 1', 'heard 2'])
})

test('publish(), send() and unsubscribe() in a serializer: what it publishes comes first', async t => {
  const { app, open } = await stage(t)
  const { socket, client } = await open('/values')
  const other = await open('/values')
  const { publish } = app.sockets
  for (const ends of [socket, other.socket]) await ends.subscribe('a')
  const calls: string[] = []
  const message = {
    get text () {
      calls.push('serialized')
      void publish('a', { text: 'within' })
      socket.send({ text: 'sent within' })
      other.socket.unsubscribe('a')
      return 'outer'
    }
  }
  await publish('a', message)
  await turn()
  const texts = [await text(client), await text(client), await text(client)]
  t.same(texts.map(one => JSON.parse(one).text), ['within', 'sent within', 'outer'])
  t.same(calls, ['serialized'], 'once')
  t.same((await textsSoFar(other)).map(one => JSON.parse(one).text), ['within'], 'and not for who has left meanwhile')
})

test('a value that cannot be serialized is refused where it is published, and is sent to nobody', async t => {
  const { app, open, failures } = await stage(t)
  const one = await open('/values')
  await one.socket.subscribe('a')
  const bad = { get text () { throw new Error('mine') } }
  await t.rejects(app.sockets.publish('a', bad), { message: 'mine' })
  void app.sockets.publish('a', bad)
  await app.sockets.publish('a', 1)
  t.equal(await text(one.client), '1')
  await until(() => app.lines.some(({ msg }) => /publish/i.test(msg) || /topic/i.test(msg)), 'a line of the log')
  t.same(failures, [], 'nobody who is subscribed is to blame')
})

test('publish() in onError, and in a close listener of a subscriber: for those who are left', async t => {
  const { app, open } = await stage(t, undefined, {
    ws: { onError: (_error, socket) => { void app.sockets.publish('a', `failed ${socket.subscriptions}`, { except: socket }) } }
  })
  const one = await open()
  const other = await open()
  for (const { socket } of [one, other]) await socket.subscribe('a')
  one.socket.on('message', () => { throw new Error('mine') })
  one.socket.on('close', () => { void app.sockets.publish('a', `closed ${one.socket.subscriptions}`) })
  one.client.send(1, 'x')
  t.equal(await text(other.client), 'failed a')
  one.client.socket.destroy()
  t.equal(await text(other.client), 'closed ')
  t.same(await textsSoFar(other), [])
  t.equal(app.sockets.stats().topics['']!.subscriptions, 1)
})

test('publish() and send() in onDrain come before the close frame, in order', async t => {
  const { app, open } = await stage(t, undefined, {
    ws: {
      onDrain (socket) {
        void app.sockets.publish('a', 'm1')
        socket.send('m2')
        void app.sockets.publish('a', 'm3')
      }
    }
  })
  const { socket, client } = await open()
  await socket.subscribe('a')
  void app.sockets.publish('a', 'm0')
  const closed = app.close()
  t.same(await texts(client, 4), numbers(4))
  t.match(await client.close(), { code: 1001 })
  client.socket.end()
  await closed
})

test('what is called for a message, and sends something, does not change the order', async t => {
  const { app, open } = await stage(t)
  const { socket, client } = await open()
  await socket.subscribe('a')
  await socket.subscribe('b')
  const out = channel('fastify-sockets.message.out')
  const answer = ({ data }: any): void => {
    if (data === 'm0') {
      void app.sockets.publish('b', 'm4')
      socket.send('m5')
      void app.sockets.publish('a', 'm6')
    }
  }
  out.subscribe(answer)
  t.teardown(() => { out.unsubscribe(answer) })
  for (const [i, message] of numbers(4).entries()) void app.sockets.publish(i % 2 === 0 ? 'a' : 'b', message)
  t.same(await texts(client, 7), numbers(7))
  void app.sockets.publish('a', 'm0')
  void app.sockets.publish('a', 'm1')
  socket.send('m7')
  t.same(await texts(client, 5), ['m0', 'm1', 'm4', 'm5', 'm7'], 'also where a send() brings it out')
  t.equal(await text(client), 'm6')
})

test('nor does what is called while a send() brings out what was published, and only sends', async t => {
  const { app, open } = await stage(t)
  const { socket, client } = await open()
  await socket.subscribe('a')
  const out = channel('fastify-sockets.message.out')
  const answer = ({ data }: any): void => { if (data === 'm0') socket.send('m2') }
  out.subscribe(answer)
  t.teardown(() => { out.unsubscribe(answer) })
  for (const message of numbers(2)) void app.sockets.publish('a', message)
  socket.send('m3')
  t.same(await texts(client, 4), numbers(4))
})

test('a subscriber that is closed because it is too slow, in the midst of what it is given', async t => {
  const { app, topics, open } = await stage(t, app => app.topic('/t', { overflow: 'close' }), { ws: { highWaterMark: 100 } })
  const { socket, client } = await open()
  const other = await open()
  await socket.subscribe('a')
  for (const ends of [socket, other.socket]) for (const topic of [topics, 'b']) await ends.subscribe(topic)
  const errors: any[] = []
  socket.on('error', error => {
    errors.push(error)
    socket.send('not any more')
    void app.sockets.publish('b', 'somebody was too slow')
    t.equal(socket.unsubscribe('a'), false, 'it is subscribed to nothing any more')
  })
  const release = block(socket)
  for (let i = 0; i < 3; i++) {
    void app.sockets.publish('a', 'x'.repeat(60))
    void topics.publish(`m${i}`)
  }
  await until(() => errors.length > 0)
  await turn()
  release()
  t.match(errors, [{ code: 'FST_ERR_WS_LAGGING', message: /\/t/ }])
  t.same(await texts(client, 3), ['x'.repeat(60), 'm0', 'x'.repeat(60)])
  t.match(await client.close(), { code: 1013 })
  t.same(await textsSoFar(other), [...numbers(3), 'somebody was too slow'])
})
