import type { LimitOptions } from 'fastify-sockets'
import { test } from 'tap'
import { fakeClock, noSpread } from '../support/clock.ts'
import { closeBody, masked } from '../support/frames.ts'
import { inside } from '../support/inside.ts'
import { answerClose, limited, numbers, record, texts, turns } from '../support/limited.ts'
import { BINARY, CLOSE, PING, PONG, TEXT } from '../support/opcodes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { pair, serve } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

test('messagesPerSecond: a peer ahead of its rate is not read until it is within it; nothing is lost', async t => {
  const { client, socket, clock, events, app } = await limited(t, { messagesPerSecond: 4, over: 'pause' })
  client.write(texts(8))
  await until(() => events.length === 5)
  t.match(app.sockets.stats(), { open: 1, paused: 1, messagesIn: 5 })
  for (let count = 5; count < 8; count++) {
    clock.tick(249)
    await turns()
    t.equal(events.length, count)
    clock.tick(1)
    t.equal(events.length, count + 1)
  }
  t.strictSame(events, numbers(8))
  t.equal(app.sockets.stats().paused, 1)
  clock.tick(250)
  t.equal(app.sockets.stats().paused, 0)
  t.equal(socket.state, 'open')
})

test('within the rate nothing is held back, and time refills a second’s worth at most', async t => {
  const { client, clock, events, app } = await limited(t, { messagesPerSecond: 4, over: 'pause' })
  for (let i = 0; i < 12; i += 4) {
    client.write(texts(4, i))
    await until(() => events.length === i + 4)
    t.equal(app.sockets.stats().paused, 0)
    clock.tick(i === 0 ? 1000 : 3_600_000)
  }
  client.write(texts(6, 12))
  await until(() => events.length === 17)
  await turns()
  t.equal(app.sockets.stats().paused, 1)
  t.strictSame(events, numbers(17))
})

test('bytesPerSecond: reading stops in the midst of a message and goes on in time', async t => {
  const { client, clock, events, app } = await limited(t, { bytesPerSecond: 100, over: 'pause' })
  const bytes = masked(BINARY, Buffer.alloc(192))
  client.write(bytes.subarray(0, 150))
  await until(() => app.sockets.stats().paused === 1)
  client.write(bytes.subarray(150))
  await turns()
  t.equal(app.sockets.stats().bytesIn, 150)
  clock.tick(499)
  await turns()
  t.equal(app.sockets.stats().bytesIn, 150, 'what comes meanwhile waits in the transport')
  clock.tick(1)
  await until(() => app.sockets.stats().bytesIn === 200)
  t.strictSame(events, [192], 'what has been read is handed on, and not kept')
  t.equal(app.sockets.stats().paused, 1)
  clock.tick(499)
  t.equal(app.sockets.stats().paused, 1)
  clock.tick(1)
  t.equal(app.sockets.stats().paused, 0)
})

test('a peer that sends as fast as it can gets its rate, and TCP slows it down', async t => {
  const rate = 1_000_000
  const { client, clock, events, app } = await limited(t, { bytesPerSecond: rate, over: 'pause' })
  const message = masked(BINARY, Buffer.alloc(99_986))
  const count = 200
  for (let i = 0; i < count; i++) client.write(message)
  await until(() => app.sockets.stats().paused === 1)
  await turns()
  t.ok(client.socket.writableLength > 0, 'the client cannot get rid of it')
  while (events.length < count) {
    const { bytesIn, paused } = app.sockets.stats()
    // A read takes no more than the shared buffer holds.
    if (bytesIn - 1024 * 1024 > rate * (1 + clock.now / 1000)) t.fail(`${bytesIn} bytes in ${clock.now} ms`)
    if (paused === 1) clock.tick(10)
    await turn()
  }
  t.ok(events.every(size => size === 99_986))
  t.equal(app.sockets.stats().bytesIn, count * message.length)
  t.ok(clock.now >= 1000 * (count * message.length / rate - 1) - 1000, `took ${clock.now} ms`)
})

test('a peer whose first messages come together with its handshake is held back from the beginning', async t => {
  const clock = fakeClock(t, 'performance')
  let events: unknown[] = []
  const limits: LimitOptions = { messagesPerSecond: 2, over: 'pause' }
  const { app, port } = await serve(t, socket => { events = record(socket) }, { heartbeat: false, limits })
  const client = new RawClient(port)
  t.teardown(() => client.destroy())
  client.write(Buffer.concat([Buffer.from(handshake('/')), texts(5)]))
  t.equal((await client.response()).status, 101)
  await until(() => events.length === 3)
  client.write(texts(1, 5))
  await turns()
  t.match(app.sockets.stats(), { paused: 1, bytesIn: texts(5).length })
  clock.tick(1000)
  t.strictSame(events, numbers(5))
  clock.tick(500)
  await until(() => events.length === 6)
  t.strictSame(events, numbers(6))
})

test('pings and pongs are held back with the rest, and pings are answered in their time', async t => {
  const { client, clock, events } = await limited(t, { messagesPerSecond: 1, over: 'pause' })
  client.write(Buffer.concat([masked(PING, '1'), masked(PONG, '2'), masked(PING, '3'), masked(TEXT, '4')]))
  t.match(await client.frame(), { opcode: PONG, payload: Buffer.from('1') })
  await turns()
  t.strictSame(events, ['ping 1', 'pong 2'])
  t.equal(client.received.length, 0)
  clock.tick(1000)
  t.match(await client.frame(), { opcode: PONG, payload: Buffer.from('3') })
  clock.tick(1000)
  t.strictSame(events, ['ping 1', 'pong 2', 'ping 3', '4'])
})

test('a close frame of the peer is answered when its time has come', async t => {
  const { client, socket, clock, events } = await limited(t, { messagesPerSecond: 1, over: 'pause' })
  client.write(Buffer.concat([texts(3), masked(CLOSE, closeBody(4001, 'bye'))]))
  await until(() => events.length === 2)
  clock.tick(1000)
  t.equal(socket.state, 'open')
  clock.tick(1000)
  t.strictSame(await answerClose(client), { code: 4001, reason: '' })
  t.match(await socket.closed, { code: 4001, reason: 'bye', wasClean: true, initiator: 'remote' })
  await turn()
  t.strictSame(events, ['0', '1', '2', 4001])
})

test('a violation behind what is held back is found in its time', async t => {
  const { client, clock, events } = await limited(t, { messagesPerSecond: 1, over: 'pause' })
  client.write(Buffer.concat([texts(2), masked(3)]))
  await until(() => events.length === 2)
  clock.tick(999)
  await turns()
  t.equal(client.received.length, 0)
  clock.tick(1)
  t.equal((await client.close()).code, 1002)
})

test('a peer that is held back is pinged but not called dead, and is looked after again when it is read', async t => {
  noSpread(t)
  const { client, socket, clock, events } = await limited(
    t, { bytesPerSecond: 10, over: 'pause' }, { heartbeat: { interval: 5000, timeout: 5000 } })
  client.send(BINARY, Buffer.alloc(1002))
  await until(() => inside(socket).connection.isPaused)
  clock.tick(99_999)
  t.equal((await client.frame()).opcode, PING)
  t.equal(client.received.length, 0, 'once is enough where silence says nothing')
  t.equal(socket.state, 'open')
  t.strictSame(events, [1002])
  clock.tick(1)
  clock.tick(5000)
  t.equal((await client.frame()).opcode, PING)
  clock.tick(5000)
  t.equal((await socket.closed).code, 1006)
})

test('close() while a peer is held back reads its close frame at once, and delivers nothing any more', async t => {
  const { client, socket, clock, events } = await limited(t, { messagesPerSecond: 1, over: 'pause' })
  client.write(Buffer.concat([texts(1000), masked(PING)]))
  await until(() => inside(socket).connection.isPaused)
  t.equal(clock.countTimers(), 1)
  const closed = socket.close(4000, 'enough')
  t.strictSame(await answerClose(client), { code: 4000, reason: 'enough' })
  t.strictSame(await closed, { code: 4000, reason: 'enough', wasClean: true, initiator: 'local' })
  await turn()
  t.strictSame(events, ['0', '1', 4000])
  t.equal(clock.countTimers(), 0)
})

test('close() in the listener for the message that went past the rate ends the hold', async t => {
  const { client, socket, clock, events } = await limited(t, { messagesPerSecond: 1, over: 'pause' })
  socket.on('message', message => { if (message === '1') void socket.close(4000) })
  client.write(texts(5))
  await answerClose(client)
  t.match(await socket.closed, { code: 4000, wasClean: true })
  await turn()
  t.strictSame(events, ['0', '1', 4000])
  t.equal(clock.countTimers(), 0)
})

test('terminate() while a peer is held back leaves no timer behind', async t => {
  const { client, socket, clock, events } = await limited(t, { messagesPerSecond: 1, over: 'pause' })
  client.write(texts(5))
  await until(() => events.length === 2)
  socket.terminate()
  t.match(await socket.closed, { code: 1006, initiator: 'local' })
  await client.end()
  await until(() => clock.countTimers() === 0)
  t.strictSame(events, ['0', '1', 1006])
})

test('a client that keeps within its rate while we do not read is within it when we do', async t => {
  const clock = fakeClock(t, 'performance')
  const limits: LimitOptions = { messagesPerSecond: 4 }
  const { client, socket, app } = await pair(t, { heartbeat: false, limits, maxQueued: 0 })
  client.write(texts(1))
  await until(() => app.sockets.stats().paused === 1)
  for (let i = 1; i <= 20; i++) {
    clock.tick(500)
    client.write(texts(1, i))
  }
  const events = record(socket)
  await until(() => events.length === 21)
  t.equal(socket.state, 'open')
  // What is left: of ten seconds with four each, and the four that may come at once, twenty-one were used.
  client.write(texts(10 * 4 + 4 - 21 + 1, 21))
  t.equal((await client.close()).code, 1013)
  t.strictSame(events, [...numbers(10 * 4 + 4), 'FST_ERR_WS_OVER_RATE'])
})

test('a short pause gives no more than the time that it took', async t => {
  const clock = fakeClock(t, 'performance')
  const { client, socket, app } = await pair(t, { heartbeat: false, limits: { messagesPerSecond: 4 }, maxQueued: 0 })
  client.write(texts(1))
  await until(() => app.sockets.stats().paused === 1)
  clock.tick(250)
  const events = record(socket)
  await turns()
  client.write(texts(5, 1))
  t.equal((await client.close()).code, 1013)
  t.strictSame(events, [...numbers(5), 'FST_ERR_WS_OVER_RATE'])
})
