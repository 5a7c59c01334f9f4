import { once } from 'node:events'
import { test } from 'tap'
import { closeBody, masked } from '../support/frames.ts'
import { CLOSE, PING, PONG, TEXT } from '../support/opcodes.ts'
import { nextMessage, pair, serve } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

test('messages that come before the first listener are delivered to it in order', async t => {
  const { client, socket, app } = await pair(t)
  for (const text of ['one', 'two', 'three']) client.send(TEXT, text)
  await until(() => app.sockets.stats().messagesIn === 3)
  const found: unknown[] = []
  socket.on('message', message => { found.push(message) })
  await turn()
  client.send(TEXT, 'four')
  await until(() => found.length === 4)
  t.strictSame(found, ['one', 'two', 'three', 'four'])
})

test('a handler may await before it listens and loses nothing', async t => {
  let go = () => {}
  const gate = new Promise<void>(resolve => { go = resolve })
  const { open, app } = await serve(t, async socket => {
    await gate
    socket.on('message', message => { socket.send(`got ${message}`) })
  })
  const client = await open()
  client.send(TEXT, 'a')
  client.send(TEXT, 'b')
  await until(() => app.sockets.stats().messagesIn === 2)
  go()
  t.equal((await client.frame()).payload.toString(), 'got a')
  t.equal((await client.frame()).payload.toString(), 'got b')
})

test('pings are answered while messages wait for a listener', async t => {
  const { client } = await pair(t)
  client.write(Buffer.concat([masked(TEXT, 'waits'), masked(PING, 'there?')]))
  const pong = await client.frame()
  t.equal(pong.opcode, PONG)
  t.equal(pong.payload.toString(), 'there?')
})

test('all listeners that the handler adds in one go get the messages that waited', async t => {
  const { client, socket, app } = await pair(t)
  client.send(TEXT, 'early')
  await until(() => app.sockets.stats().messagesIn === 1)
  const found: string[] = []
  socket.on('message', message => { found.push(`first ${message}`) })
  socket.on('message', message => { found.push(`second ${message}`) })
  await turn()
  t.strictSame(found, ['first early', 'second early'])
})

test('past maxQueued reading pauses, the sender is held up, and it goes on when the messages are taken', async t => {
  const { client, socket, app } = await pair(t, { maxQueued: 10_000 })
  const message = masked(TEXT, Buffer.alloc(1000, 'x'))
  const total = 40_000
  // As much as a TCP connection cannot hold on its way.
  client.write(Buffer.concat(Array(total).fill(message)))
  const { stats } = app.sockets
  await until(() => stats().messagesIn > 0)
  let before
  do {
    before = stats().bytesIn
    for (let i = 0; i < 100; i++) await turn()
  } while (stats().bytesIn !== before)
  t.equal(stats().messagesIn, 10, 'ten of them with what they cost besides are more than 10,000')
  t.ok(before < 1024 * 1024, 'what was read beyond the queue is bounded')
  t.ok(client.socket.writableLength > 0, 'the sender still holds the rest')

  let received = 0
  socket.on('message', () => { received++ })
  await until(() => received === total)
  t.equal(stats().bytesIn, total * message.length)
})

test('every waiting message counts 100 bytes besides its payload, so empty ones are bounded too', async t => {
  const { client, app, socket } = await pair(t, { maxQueued: 1000 })
  const sent = Buffer.concat(Array(100).fill(masked(TEXT)))
  client.write(sent)
  await until(() => app.sockets.stats().bytesIn === sent.length)
  t.equal(app.sockets.stats().messagesIn, 11, 'ten fill the queue, the eleventh goes past it')
  let received = 0
  socket.on('message', () => { received++ })
  await until(() => received === 100)
})

test('maxQueued 0 takes in one message at a time', async t => {
  const { client, app, socket } = await pair(t, { maxQueued: 0 })
  const sent = Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b'), masked(TEXT, 'c')])
  client.write(sent)
  await until(() => app.sockets.stats().bytesIn === sent.length)
  t.equal(app.sockets.stats().messagesIn, 1)
  const found = []
  for await (const message of socket) {
    found.push(message)
    t.ok(app.sockets.stats().messagesIn <= found.length + 1)
    if (found.length === 3) break
  }
  t.strictSame(found, ['a', 'b', 'c'])
})

test('messages wait for a listener that is added after the peer has closed', async t => {
  const { client, socket } = await pair(t)
  client.send(TEXT, 'last words')
  client.send(CLOSE)
  await socket.closed
  t.equal(socket.state, 'closed')
  const message = await nextMessage(socket)
  t.equal(message, 'last words')
})

test('messages and the close frame behind a full queue are all found, though the peer has ended its side', async t => {
  const { client, socket, app } = await pair(t, { maxQueued: 1000 })
  const texts = Array.from({ length: 100 }, (_, i) => `message ${i}`)
  const sent = Buffer.concat([...texts.map(text => masked(TEXT, text)), masked(CLOSE, closeBody(1000))])
  client.socket.end(sent)
  await once(client.socket, 'finish')
  // Loopback has delivered its end already; here it is read.
  await until(() => app.sockets.stats().bytesIn === sent.length)
  await turn()
  const found: unknown[] = []
  socket.on('message', message => { found.push(message) })
  const { code, wasClean } = await socket.closed
  t.strictSame(found, texts)
  t.equal(code, 1000)
  t.equal(wasClean, true)
})

test('messages behind a full queue reach a loop, though the peer ended its side without a close frame', async t => {
  const { client, socket, app } = await pair(t, { maxQueued: 1000 })
  const sent = Buffer.concat(Array(100).fill(masked(TEXT, 'x')))
  client.socket.end(sent)
  await once(client.socket, 'finish')
  // Loopback has delivered its end already; here it is read.
  await until(() => app.sockets.stats().bytesIn === sent.length)
  await turn()
  let received = 0
  for await (const _ of socket) received++
  t.equal(received, 100)
  t.match(await socket.closed, { code: 1006, initiator: 'remote' })
})

test('what waits in the queue outlives a connection that is reset', async t => {
  const { client, socket, app } = await pair(t)
  client.send(TEXT, 'before the reset')
  await until(() => app.sockets.stats().messagesIn === 1)
  client.reset()
  await socket.closed
  const found = []
  for await (const message of socket) found.push(message)
  t.strictSame(found, ['before the reset'])
})

test('removing the last message listener makes messages wait again', async t => {
  const { client, socket, app } = await pair(t)
  const first: unknown[] = []
  const second: unknown[] = []
  const listener = (message: unknown): void => { first.push(message) }
  socket.on('message', listener)
  client.send(TEXT, 'a')
  await until(() => first.length === 1)
  socket.off('message', listener)
  client.send(TEXT, 'b')
  await until(() => app.sockets.stats().messagesIn === 2)
  socket.on('message', message => { second.push(message) })
  await turn()
  t.strictSame(first, ['a'])
  t.strictSame(second, ['b'])
})

test('a listener that removes itself in the middle of the queue leaves the rest to the next', async t => {
  const { client, socket, app } = await pair(t)
  for (const text of ['a', 'b', 'c']) client.send(TEXT, text)
  await until(() => app.sockets.stats().messagesIn === 3)
  const found: string[] = []
  socket.once('message', message => { found.push(`once ${message}`) })
  await turn()
  t.strictSame(found, ['once a'])
  socket.on('message', message => { found.push(`on ${message}`) })
  await turn()
  t.strictSame(found, ['once a', 'on b', 'on c'])
})

test('a listener may be replaced by another between two messages of one chunk', async t => {
  const { client, socket } = await pair(t)
  const found: string[] = []
  const first = (message: string): void => {
    found.push(`first ${message}`)
    socket.off('message', first).on('message', second)
  }
  const second = (message: string): void => { found.push(`second ${message}`) }
  socket.on('message', first)
  await turn()
  client.write(Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b'), masked(TEXT, 'c')]))
  await until(() => found.length === 3)
  t.strictSame(found, ['first a', 'second b', 'second c'])
})

test('a listener that closes in the middle of the queue gets nothing of the rest', async t => {
  const { client, socket, app } = await pair(t)
  for (const text of ['a', 'b', 'c']) client.send(TEXT, text)
  await until(() => app.sockets.stats().messagesIn === 3)
  const found: unknown[] = []
  socket.on('message', message => {
    found.push(message)
    socket.close()
  })
  t.strictSame(await client.close(), { code: 1000, reason: '' })
  client.send(CLOSE, closeBody(1000))
  await socket.closed
  t.strictSame(found, ['a'])
})

test('a listener that cuts the connection in the middle of the queue gets nothing of the rest', async t => {
  const { client, socket, app } = await pair(t)
  for (const text of ['a', 'b', 'c']) client.send(TEXT, text)
  await until(() => app.sockets.stats().messagesIn === 3)
  const found: unknown[] = []
  socket.on('message', message => {
    found.push(message)
    socket.terminate()
  })
  await socket.closed
  t.strictSame(found, ['a'])
})
