import { test } from 'tap'
import { closeBody, readFrame } from '../support/frames.ts'
import { CLOSE } from '../support/opcodes.ts'
import { turn, until } from '../support/until.ts'
import { type AnySocket, type Ends, numbers, stage, texts, textsSoFar, textsUpTo, writesOf } from './stage.ts'

const TOPICS = ['a', 'b', 'c', 'd']

/** The payloads of the frames in these bytes. */
function payloads (bytes: Buffer): string[] {
  const all = []
  for (let rest = bytes; rest.length > 0;) {
    const frame = readFrame(rest)!
    all.push(frame.payload.toString())
    rest = rest.subarray(frame.size)
  }
  return all
}

test('topics interleaved on one socket arrive in the order of publishing, in one write a turn', async t => {
  const { app, open } = await stage(t)
  const all: Array<Ends & { topics: string[], writes: Buffer[] }> = []
  // Each set of topics occurs twice: who gets the same shares its bytes, whatever it subscribed to first.
  for (const topics of [TOPICS, TOPICS.toReversed(), ['a', 'c'], ['c', 'a'], ['d'], ['b', 'd', 'c']]) {
    const one = await open()
    for (const topic of topics) await one.socket.subscribe(topic)
    all.push({ ...one, topics, writes: writesOf(one.socket) })
  }
  for (let round = 0; round < 3; round++) {
    const published: string[] = []
    for (let i = 0; i < 20; i++) {
      const topic = TOPICS[i * 7 % 11 % 4]!
      published.push(`${topic}${round} ${i}`)
      void app.sockets.publish(topic, published.at(-1))
    }
    await until(() => all.every(({ writes }) => writes.length > round))
    await turn()
    for (const { topics, writes } of all) {
      t.equal(writes.length, round + 1, 'one write')
      t.same(payloads(writes[round]!), published.filter(message => topics.includes(message[0]!)))
    }
  }
})

test('one message leaves in one write, too, and a turn in which nothing was published in none', async t => {
  const { app, open } = await stage(t)
  const { socket } = await open()
  await socket.subscribe('news')
  const writes = writesOf(socket)
  await app.sockets.publish('news', 'x')
  await turn()
  await app.sockets.publish('other', 'y')
  await turn()
  await turn()
  t.same(writes.map(payloads), [['x']])
})

test('bytes that one turn brings to many: those of few and of many alike', async t => {
  const { app, inject } = await stage(t)
  const all: Array<{ socket: AnySocket, got: string[] }> = []
  for (let i = 0; i < 40; i++) {
    const { socket, client } = await inject()
    const got: string[] = []
    client.on('message', (message: string) => { got.push(message) })
    await socket.subscribe('all')
    if (i < 3) await socket.subscribe('few')
    all.push({ socket, got })
  }
  for (const message of numbers(5)) {
    void app.sockets.publish('all', message)
    void app.sockets.publish('few', `few ${message}`)
  }
  await until(() => all.every(({ got }) => got.includes('m4')))
  const few = numbers(5).flatMap(message => [message, `few ${message}`])
  await until(() => all.slice(0, 3).every(({ got }) => got.length === 10))
  for (const [i, { got }] of all.entries()) t.same(got, i < 3 ? few : numbers(5))
})

test('send() puts what was published before it out first, close() too, and unsubscribe()', async t => {
  const { app, open } = await stage(t)
  const { socket, client } = await open()
  for (const topic of TOPICS) await socket.subscribe(topic)
  const { publish, prepare } = app.sockets
  void publish('b', 'm0')
  void publish('a', 'm1')
  socket.send('m2')
  socket.send('m3')
  void publish('a', 'm4')
  socket.send(prepare('m5'))
  void publish('c', 'm6')
  void publish('b', 'm7')
  socket.unsubscribe('b')
  void publish('b', 'not for it')
  void publish('d', 'm8')
  void socket.close(4000, 'bye')
  void publish('d', 'too late')
  t.same(await texts(client, 9), numbers(9))
  t.same(await client.close(), { code: 4000, reason: 'bye' })
  t.equal(client.received.length, 0)
})

test('what was sent before it was published goes out first', async t => {
  const { app, open } = await stage(t)
  const one = await open()
  await one.socket.subscribe('a')
  one.socket.send('m0')
  void app.sockets.publish('a', 'm1')
  await turn()
  one.socket.send('m2')
  await app.sockets.publish('a', 'm3')
  t.same(await texts(one.client, 4), numbers(4))
})

test('messages that are together too large to join, and one larger than highWaterMark, keep their place', async t => {
  const { app, open } = await stage(t)
  const one = await open()
  const other = await open()
  for (const { socket } of [one, other]) for (const topic of ['a', 'b']) await socket.subscribe(topic)
  const sent: string[] = []
  for (const [i, size] of [10, 30_000, 40_000, 10, 200_000, 10].entries()) {
    sent.push(String(i).padEnd(size, '.'))
    void app.sockets.publish(i % 2 === 0 ? 'a' : 'b', sent.at(-1))
  }
  await turn()
  for (const { client } of [one, other]) t.strictSame(await texts(client, 6), sent)
  void app.sockets.publish('a', sent[4])
  void app.sockets.publish('b', 'small')
  for (const { client } of [one, other]) t.strictSame(await texts(client, 2), [sent[4], 'small'])
})

test('what a peer sends is answered in order with what is published meanwhile', async t => {
  const { app, open } = await stage(t)
  const { socket, client } = await open()
  await socket.subscribe('a')
  socket.on('message', message => {
    void app.sockets.publish('a', `published ${message}`)
    if (message === '1') socket.send('sent 1')
  })
  for (let i = 0; i < 3; i++) client.send(1, String(i))
  t.same(await texts(client, 4), ['published 0', 'published 1', 'sent 1', 'published 2'])
})

test('everybody gets messages of several publishers in the same order', async t => {
  const { app, open } = await stage(t)
  const all = []
  for (let i = 0; i < 4; i++) {
    const one = await open()
    await one.socket.subscribe('a')
    one.socket.on('message', (message: string) => { void app.sockets.publish('a', `${i} ${message}`) })
    all.push(one)
  }
  for (let round = 0; round < 25; round++) for (const { client } of all) client.send(1, String(round))
  const orders = []
  for (const { client } of all) orders.push(await texts(client, 100))
  for (const order of orders) t.strictSame(order, orders[0])
  for (let i = 0; i < 4; i++) {
    t.strictSame(orders[0]!.filter(message => message.startsWith(`${i} `)), Array.from({ length: 25 }, (_, n) => `${i} ${n}`))
  }
})

test('a socket that is closing gets nothing more, which is no failure', async t => {
  const { app, topics, open, failures } = await stage(t, app => app.topic('/t', { overflow: 'close' }), { ws: { highWaterMark: 10 } })
  const { socket, client } = await open()
  const errors: unknown[] = []
  socket.on('error', error => { errors.push(error) })
  await socket.subscribe(topics)
  await socket.subscribe('a')
  client.socket.pause()
  while (socket.send(Buffer.alloc(100_000)) || socket.bufferedAmount < 500_000) await turn()
  void socket.close()
  for (const message of numbers(3)) await topics.publish(message)
  await app.sockets.publish('a', 'x')
  await turn()
  t.same([errors, failures, socket.dropped], [[], [], 0])
  t.equal(topics.url, '/t')
  client.socket.resume()
  for (let frame = await client.frame(); frame.opcode !== CLOSE; frame = await client.frame()) t.equal(frame.payload.length, 100_000)
  client.send(CLOSE, closeBody(1000))
  await socket.closed
  t.equal(app.sockets.stats().topics['/t']!.subscriptions, 0)
})

test('a message that everybody is being given while a subscriber ends', async t => {
  const { app, open } = await stage(t)
  const one = await open()
  const other = await open()
  for (const { socket } of [one, other]) await socket.subscribe('a')
  void app.sockets.publish('a', 'm0')
  one.socket.terminate()
  await until(() => app.sockets.size === 1)
  await app.sockets.publish('a', 'm1')
  t.same(await textsSoFar(other), ['m0', 'm1'])
  other.socket.send('[end]')
  t.same(await textsUpTo(other.client, '[end]'), [])
})
