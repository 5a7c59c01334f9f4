import { once } from 'node:events'
import { test } from 'tap'
import type { CloseInfo } from 'fastify-sockets'
import { masked } from '../support/frames.ts'
import { CLOSE, PING, TEXT } from '../support/opcodes.ts'
import { pair, serve } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

test('a listener gets the arguments of its event and nothing else, with the socket as this', async t => {
  const { client, socket } = await pair(t)
  const calls: unknown[][] = []
  socket.on('message', function (this: unknown, ...args: unknown[]) {
    t.equal(this, socket)
    calls.push(args)
  })
  socket.once('ping', function (this: unknown, ...args: unknown[]) {
    t.equal(this, socket)
    calls.push(args)
  })
  client.write(Buffer.concat([masked(TEXT, 'hello'), masked(PING, 'p')]))
  await until(() => calls.length === 2)
  t.strictSame(calls, [['hello'], [Buffer.from('p')]])
})

test('listeners are called in the order in which they were added, on() and addListener() being the same', async t => {
  const { client, socket } = await pair(t)
  const found: number[] = []
  socket.on('message', () => { found.push(1) }).addListener('message', () => { found.push(2) })
  socket.once('message', () => { found.push(3) })
  client.send(TEXT, 'x')
  await until(() => found.length === 3)
  t.strictSame(found, [1, 2, 3])
})

test('listenerCount() counts the listeners of one event', async t => {
  const { socket } = await pair(t)
  t.equal(socket.listenerCount('message'), 0)
  socket.on('message', () => {}).once('message', () => {}).on('pong', () => {})
  t.equal(socket.listenerCount('message'), 2)
  t.equal(socket.listenerCount('pong'), 1)
})

test('off() and removeListener() take out one listener, the one that was added last', async t => {
  const { client, socket } = await pair(t)
  const found: string[] = []
  const twice = (): void => { found.push('twice') }
  socket.on('message', twice).on('message', () => { found.push('other') }).on('message', twice)
  socket.off('message', twice)
  await turn()
  client.send(TEXT, 'x')
  await until(() => found.length === 2)
  t.strictSame(found, ['twice', 'other'])
  socket.removeListener('message', twice)
  client.send(TEXT, 'y')
  await until(() => found.length === 3)
  t.strictSame(found, ['twice', 'other', 'other'])
})

test('a listener added with once() is removed by its own name', async t => {
  const { client, socket } = await pair(t)
  const found: string[] = []
  const listener = (): void => { found.push('removed') }
  socket.once('message', listener).off('message', listener)
  t.equal(socket.listenerCount('message'), 0)
  socket.on('message', () => { found.push('kept') })
  client.send(TEXT, 'x')
  await until(() => found.length > 0)
  t.strictSame(found, ['kept'])
})

test('the same function may be added with once() to two sockets', async t => {
  const first = await pair(t)
  const second = await pair(t)
  const found: unknown[] = []
  const listener = (message: unknown): void => { found.push(message) }
  first.socket.once('message', listener)
  second.socket.once('message', listener)
  first.client.send(TEXT, 'to the first')
  await until(() => found.length === 1)
  second.client.send(TEXT, 'to the second')
  await until(() => found.length === 2)
  t.strictSame(found, ['to the first', 'to the second'])
})

test('removing a function that is not a listener changes nothing', async t => {
  const { client, socket } = await pair(t)
  const message = new Promise(resolve => { socket.on('message', resolve) })
  socket.off('message', () => {}).off('close', () => {})
  client.send(TEXT, 'x')
  t.equal(await message, 'x')
})

test('a listener removed by an earlier one is still called for the message in hand, and no longer', async t => {
  const { client, socket } = await pair(t)
  const found: string[] = []
  const second = (message: string): void => { found.push(message) }
  socket.on('message', () => { socket.off('message', second) }).on('message', second)
  await turn()
  client.write(Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b'), masked(PING)]))
  await client.frame()
  t.strictSame(found, ['a'])
})

test("once('message') again and again loses none of the messages of one chunk", async t => {
  const { client, socket } = await pair(t)
  const next = (): Promise<unknown> => new Promise(resolve => { socket.once('message', resolve) })
  const texts = Array.from({ length: 20 }, (_, i) => `message ${i}`)
  client.write(Buffer.concat(texts.map(text => masked(TEXT, text))))
  const found = []
  while (found.length < texts.length) {
    found.push(await next())
    if (found.length % 5 === 0) await turn()
  }
  t.strictSame(found, texts)
})

test("events.once of Node waits for one message, and what comes in between is kept", async t => {
  const { client, socket } = await pair(t)
  client.write(Buffer.concat(['a', 'b', 'c'].map(text => masked(TEXT, text))))
  const found = []
  for (let i = 0; i < 3; i++) {
    const [message] = await once(socket as any, 'message')
    found.push(message)
    await turn()
  }
  t.strictSame(found, ['a', 'b', 'c'])
  t.equal(socket.listenerCount('error'), 0)
})

test('a close listener added after the connection has ended is called once', async t => {
  const { client, socket } = await pair(t)
  client.send(CLOSE)
  const info = await socket.closed
  const calls: CloseInfo[] = []
  socket.on('close', late => { calls.push(late) })
  socket.once('close', late => { calls.push(late) })
  t.strictSame(calls, [], 'not before the caller has gone on')
  await turn()
  await turn()
  t.strictSame(calls, [info, info])
})

test('a close listener added by a close listener is called once', async t => {
  const { client, socket } = await pair(t)
  const calls: string[] = []
  socket.on('close', () => {
    calls.push('first')
    socket.on('close', () => { calls.push('second') })
  })
  client.send(CLOSE)
  await socket.closed
  await turn()
  t.strictSame(calls, ['first', 'second'])
})

test('an event that nobody listens to is no failure, the error event included', async t => {
  const { client, socket, app } = await pair(t)
  client.write(masked(3))
  t.equal((await client.close()).code, 1002)
  await socket.closed
  t.strictSame(app.lines.filter(line => line.level >= 50), [])
})

test('a message listener that answers asynchronously keeps the connection, and the answers their order', async t => {
  const { open } = await serve(t, socket => {
    socket.on('message', async message => {
      await turn()
      socket.send(message)
    })
  })
  const client = await open()
  for (const text of ['a', 'b', 'c']) client.send(TEXT, text)
  for (const text of ['a', 'b', 'c']) t.equal((await client.frame()).payload.toString(), text)
})
