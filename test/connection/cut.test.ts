import { test } from 'tap'
import type { CloseInfo } from 'fastify-sockets'
import { fakeClock } from '../support/clock.ts'
import { closeBody, masked } from '../support/frames.ts'
import { CLOSE, TEXT } from '../support/opcodes.ts'
import { halfOpenPair, pair, stall } from '../support/serve.ts'
import { resetCode, transportOf } from '../support/transport.ts'
import { turn, until } from '../support/until.ts'

test('a close that is never answered is cut after closeTimeout, and not before', async t => {
  const { client, socket } = await pair(t, { closeTimeout: 3000 })
  const clock = fakeClock(t)
  const closed = socket.close(4000, 'anybody?')
  await client.close()
  clock.tick(2999)
  await turn()
  t.equal(socket.state, 'closing')
  t.equal(client.ended, false)
  clock.tick(1)
  t.strictSame(await closed, { code: 4000, reason: 'anybody?', wasClean: false, initiator: 'local' })
  await client.end()
})

test('closeTimeout counts from the first close(), not from the second', async t => {
  const { client, socket } = await pair(t, { closeTimeout: 3000 })
  const clock = fakeClock(t)
  const closed = socket.close()
  await client.close()
  clock.tick(2000)
  socket.close()
  clock.tick(1000)
  t.equal((await closed).wasClean, false)
})

test('a peer that sends on and on after our close frame is cut after closeTimeout', async t => {
  const { client, socket } = await pair(t, { closeTimeout: 3000 })
  const clock = fakeClock(t)
  const closed = socket.close()
  await client.close()
  for (let i = 0; i < 3; i++) {
    client.send(TEXT, 'more')
    await turn()
    clock.tick(1000)
  }
  t.equal((await closed).wasClean, false)
})

test('the timer of the closing handshake is gone when the connection is', async t => {
  const { client, socket } = await pair(t, { heartbeat: false })
  const clock = fakeClock(t)
  const closed = socket.close()
  t.equal(clock.countTimers(), 1)
  await client.close()
  client.send(CLOSE)
  await closed
  t.equal(clock.countTimers(), 0)
})

test('a reset is an error event, but over HTTP/2, and a close with 1006', async t => {
  const { client, socket } = await pair(t)
  const events: string[] = []
  socket.on('error', error => { events.push((error as NodeJS.ErrnoException).code!) })
  socket.on('close', () => { events.push('close') })
  client.reset()
  t.strictSame(await socket.closed, { code: 1006, reason: '', wasClean: false, initiator: 'remote' })
  await turn()
  t.strictSame(events, resetCode === null ? ['close'] : [resetCode, 'close'])
})

test('a reset during our closing handshake keeps our code', async t => {
  const { client, socket } = await pair(t)
  const closed = socket.close(4000, 'bye')
  await client.close()
  client.reset()
  t.strictSame(await closed, { code: 4000, reason: 'bye', wasClean: false, initiator: 'local' })
})

test('a peer that ends TCP without a close frame is a close with 1006, and our side is ended too', async t => {
  const { client, socket } = await halfOpenPair(t)
  client.socket.end()
  t.strictSame(await socket.closed, { code: 1006, reason: '', wasClean: false, initiator: 'remote' })
  await client.end()
  t.equal(client.received.length, 0, 'no close frame answers what was none')
})

test('what was sent before the peer ended TCP still goes out', async t => {
  const { client, socket } = await halfOpenPair(t)
  socket.send(Buffer.alloc(300_000))
  client.socket.end()
  t.equal((await client.frame()).payload.length, 300_000)
  await client.end()
  t.equal((await socket.closed).code, 1006)
})

test('a peer that ends TCP and never reads the rest is cut after closeTimeout', async t => {
  const { client, socket } = await halfOpenPair(t, { closeTimeout: 3000, maxBuffered: 100 * 1024 * 1024 })
  client.socket.pause()
  while (socket.send(Buffer.alloc(65_000)));
  socket.send(Buffer.alloc(20_000_000))
  const clock = fakeClock(t)
  client.socket.end()
  await until(() => socket.state === 'closing')
  await turn()
  t.equal(socket.state, 'closing')
  clock.tick(3000)
  t.equal((await socket.closed).code, 1006)
})

test('a peer that ends TCP in the middle of a frame is a close with 1006', async t => {
  const { client, socket } = await pair(t)
  client.socket.end(masked(TEXT, 'cut in two').subarray(0, 8))
  t.match(await socket.closed, { code: 1006, wasClean: false })
})

test('a peer that ends TCP instead of answering our close frame leaves it unclean', async t => {
  const { client, socket } = await pair(t)
  const closed = socket.close(4000)
  await client.close()
  client.socket.end()
  t.strictSame(await closed, { code: 4000, reason: '', wasClean: false, initiator: 'local' })
})

test('terminate() cuts the connection without a close frame', async t => {
  const { client, socket } = await pair(t)
  const calls: CloseInfo[] = []
  socket.on('close', info => { calls.push(info) })
  socket.terminate()
  const info = await socket.closed
  t.strictSame(info, { code: 1006, reason: '', wasClean: false, initiator: 'local' })
  await client.end()
  t.equal(client.received.length, 0)
  socket.terminate()
  await turn()
  t.strictSame(calls, [info])
})

test('terminate() during the closing handshake cuts it short and keeps its code', async t => {
  const { client, socket } = await pair(t)
  const closed = socket.close(4000, 'bye')
  await client.close()
  socket.terminate()
  t.strictSame(await closed, { code: 4000, reason: 'bye', wasClean: false, initiator: 'local' })
})

test('close() after terminate() does not claim a close frame that was never sent', async t => {
  const { client, socket } = await pair(t)
  socket.terminate()
  t.strictSame(await socket.close(4000, 'too late'), { code: 1006, reason: '', wasClean: false, initiator: 'local' })
  await client.end()
  t.equal(client.received.length, 0)
})

test('messages that waited when terminate() was called are dropped', async t => {
  const { client, socket, app } = await pair(t)
  client.send(TEXT, 'waits')
  await until(() => app.sockets.stats().messagesIn === 1)
  socket.terminate()
  const found = []
  for await (const message of socket) found.push(message)
  t.strictSame(found, [])
})

test('a close frame that the peer never reads is no clean end', async t => {
  const clock = fakeClock(t)
  const { client, socket } = await pair(t, { closeTimeout: 3000, heartbeat: false })
  await stall(client, socket)
  client.send(CLOSE, closeBody(4001))
  await until(() => socket.state === 'closing')
  clock.tick(3000)
  t.match(await socket.closed, { code: 4001, wasClean: false, initiator: 'remote' })
})

test('nor is it if a slow handler then gets to the close frame of the peer itself', async t => {
  const clock = fakeClock(t)
  const { client, socket, app, endHandler } = await pair(t, { closeTimeout: 3000, heartbeat: false, maxQueued: 0 })
  await stall(client, socket)
  const bytes = Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b'), masked(CLOSE, closeBody(4001))])
  client.write(bytes)
  await until(() => app.sockets.stats().bytesIn === bytes.length)
  const closed = app.close()
  await until(() => socket.state === 'closing')
  clock.tick(3000)
  t.match(await socket.closed, { code: 1001, wasClean: false, initiator: 'local' })
  const messages = []
  for await (const message of socket) messages.push(message)
  t.strictSame(messages, ['a', 'b'])
  endHandler()
  await closed
})

test('what is sent while the transport is going goes with it, and not to another peer', async t => {
  const { client, socket, open, app } = await pair(t)
  let sent: boolean | null = null
  transportOf(socket).prependListener('close', () => { sent = socket.send('too late') })
  const other = await open()
  client.reset()
  await until(() => app.sockets.size === 1)
  // Where a reset is told as the end of reading first, it is too late.
  t.not(sent, null)
  for (const one of app.sockets) one.send('hello')
  t.equal((await other.frame()).payload.toString(), 'hello')
  t.equal(other.received.length, 0)
})
