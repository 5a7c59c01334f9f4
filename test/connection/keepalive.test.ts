import { type Test, test } from 'tap'
import { createApp } from '../support/app.ts'
import { type Clock, fakeClock, noSpread } from '../support/clock.ts'
import { closeBody, masked } from '../support/frames.ts'
import { CLOSE, PING, PONG, TEXT } from '../support/opcodes.ts'
import { RawClient } from '../support/raw-client.ts'
import { listenTo, pair, stall } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

const HEARTBEAT = { interval: 5000, timeout: 5000 }

/** Pings come no earlier than they must. */
function stillClock (t: Test): Clock {
  noSpread(t)
  return fakeClock(t)
}

test('a connection that is silent for the interval gets an empty ping, one for each silence', async t => {
  const clock = stillClock(t)
  const { client } = await pair(t, { heartbeat: { interval: 5000, timeout: 60_000 } })
  clock.tick(4999)
  await turn()
  t.equal(client.received.length, 0)
  clock.tick(1)
  t.match(await client.frame(), { opcode: PING, payload: Buffer.alloc(0) })
  clock.tick(50_000)
  await turn()
  t.equal(client.received.length, 0)
})

test('a connection that stays silent is cut after interval and timeout, with 1006', async t => {
  const clock = stillClock(t)
  const { client, socket } = await pair(t, { heartbeat: HEARTBEAT })
  clock.tick(9999)
  await turn()
  t.equal(socket.state, 'open')
  clock.tick(1)
  t.strictSame(await socket.closed, { code: 1006, reason: '', wasClean: false, initiator: 'local' })
  t.equal((await client.frame()).opcode, PING)
  await client.end()
  t.equal(client.received.length, 0, 'without a close frame')
})

test('by default the ping comes after 30 s and the cut after 60', async t => {
  const clock = stillClock(t)
  const { client, socket } = await pair(t)
  clock.tick(29_999)
  await turn()
  t.equal(client.received.length, 0)
  clock.tick(1)
  t.equal((await client.frame()).opcode, PING)
  clock.tick(29_999)
  await turn()
  t.equal(socket.state, 'open')
  clock.tick(1)
  t.equal((await socket.closed).code, 1006)
})

for (const { kind, bytes } of [
  { kind: 'a pong', bytes: masked(PONG) },
  { kind: 'a ping', bytes: masked(PING) },
  { kind: 'a message', bytes: masked(TEXT, 'hello') },
  { kind: 'the first byte of a message', bytes: masked(TEXT, 'hello').subarray(0, 1) }
]) {
  test(`${kind} is a sign of life: the silence begins anew`, async t => {
    const clock = stillClock(t)
    const { client, socket, app } = await pair(t, { heartbeat: HEARTBEAT })
    clock.tick(9999)
    client.write(bytes)
    await until(() => app.sockets.stats().bytesIn === bytes.length)
    clock.tick(9000)
    await turn()
    t.equal(socket.state, 'open')
    clock.tick(1000)
    t.equal((await socket.closed).code, 1006)
  })
}

test('a real client is kept as long as it answers', async t => {
  const clock = stillClock(t)
  const { connect, app } = await pair(t, { heartbeat: HEARTBEAT })
  const client = await connect()
  const socket = [...app.sockets][1]!
  let pongs = 0
  socket.on('pong', () => { pongs++ })
  for (let round = 1; round <= 4; round++) {
    clock.tick(5000)
    await until(() => pongs === round)
  }
  t.equal(socket.state, 'open')
  client.terminate()
})

test('a connection that we have paused is pinged but not called dead, and is looked after again when we read on', async t => {
  const clock = stillClock(t)
  const { client, socket, app } = await pair(t, { heartbeat: HEARTBEAT, maxQueued: 0 })
  client.send(TEXT, 'unread')
  await until(() => app.sockets.stats().messagesIn === 1)
  clock.tick(1_000_000)
  t.equal((await client.frame()).opcode, PING)
  t.equal(socket.state, 'open')
  client.received = Buffer.alloc(0)
  socket.on('message', () => {})
  await turn()
  clock.tick(5000)
  t.equal((await client.frame()).opcode, PING)
  clock.tick(5000)
  t.equal((await socket.closed).code, 1006)
})

test('messages that wait are still delivered when the heartbeat has cut the connection', async t => {
  const clock = stillClock(t)
  const { client, socket, app } = await pair(t, { heartbeat: HEARTBEAT })
  client.send(TEXT, 'last words')
  await until(() => app.sockets.stats().messagesIn === 1)
  clock.tick(10_000)
  await socket.closed
  const found = []
  for await (const message of socket) found.push(message)
  t.strictSame(found, ['last words'])
})

test('heartbeat: false sends no pings and cuts nothing', async t => {
  const clock = stillClock(t)
  const { client, socket } = await pair(t, { heartbeat: false })
  clock.tick(10_000_000)
  await turn()
  t.equal(client.received.length, 0)
  t.equal(socket.state, 'open')
})

test('a connection that is closing gets no pings and is left to closeTimeout', async t => {
  const clock = stillClock(t)
  const { client, socket } = await pair(t, { heartbeat: HEARTBEAT, closeTimeout: 20_000 })
  clock.tick(4000)
  const closed = socket.close()
  await client.close()
  clock.tick(15_999)
  await turn()
  t.equal(client.received.length, 0)
  t.equal(socket.state, 'closing')
  client.send(CLOSE, closeBody(1000))
  t.equal((await closed).wasClean, true)
})

test('routes with different heartbeats each keep their own', async t => {
  const clock = stillClock(t)
  const app = createApp(t, { heartbeat: { interval: 20_000, timeout: 20_000 } })
  app.get('/', { ws: { heartbeat: { interval: 100, timeout: 50 } } }, () => {})
  app.get('/slow', { ws: true }, () => {})
  app.get('/never', { ws: { heartbeat: false } }, () => {})
  const { port } = await listenTo(t, app)
  const [fast, slow, never] = [
    await RawClient.open(port, '/'), await RawClient.open(port, '/slow'), await RawClient.open(port, '/never')
  ]
  t.teardown(() => Promise.all([slow.destroy(), never.destroy()]))
  clock.tick(100)
  t.equal((await fast.frame()).opcode, PING)
  clock.tick(50)
  await fast.end()
  clock.tick(19_849)
  await turn()
  t.equal(slow.received.length, 0)
  clock.tick(1)
  t.equal((await slow.frame()).opcode, PING)
  clock.tick(20_000)
  await slow.end()
  t.equal(never.received.length, 0)
  await until(() => app.sockets.size === 1)
})

test('a connection that joins between two turns is pinged no later than a fiftieth of the interval after it', async t => {
  const clock = stillClock(t)
  const { open } = await pair(t, { heartbeat: { interval: 1000, timeout: 10_000 } })
  clock.tick(130)
  const client = await open()
  clock.tick(999)
  await turn()
  const early = client.received.length > 0
  clock.tick(201)
  t.equal((await client.frame()).opcode, PING)
  t.equal(early, false, 'and never early')
})

test('times shorter than five milliseconds work', async t => {
  const clock = stillClock(t)
  const { client, socket } = await pair(t, { heartbeat: { interval: 3, timeout: 1 } })
  clock.tick(3)
  t.equal((await client.frame()).opcode, PING)
  clock.tick(1)
  t.equal((await socket.closed).code, 1006)
})

test('one timer serves all connections, and none runs when there are no connections', async t => {
  const clock = stillClock(t)
  const { client, open, app } = await pair(t, { heartbeat: HEARTBEAT })
  t.equal(clock.countTimers(), 1)
  const second = await open()
  t.equal(clock.countTimers(), 1)
  await client.destroy()
  await second.destroy()
  await until(() => app.sockets.size === 0)
  clock.tick(1000)
  await until(() => clock.countTimers() === 0)
  const third = await open()
  t.equal(clock.countTimers(), 1)
  clock.tick(5000)
  t.equal((await third.frame()).opcode, PING)
})

test('before the first connection no timer runs', async t => {
  const clock = stillClock(t)
  const app = createApp(t)
  app.get('/', { ws: true }, () => {})
  const { open } = await listenTo(t, app)
  t.equal(clock.countTimers(), 0)
  await open()
  t.equal(clock.countTimers(), 1)
})

test('pings are spread over the last tenth of the interval', async t => {
  const clock = fakeClock(t)
  const { open } = await pair(t, { heartbeat: { interval: 10_000, timeout: 60_000 } })
  const draws = [0.999, 0.5, 0]
  t.intercept(Math, 'random', { value: () => draws.shift() ?? 0 })
  const clients = [await open(), await open(), await open()]
  const pinged = (): number => clients.filter(client => client.received.length > 0).length
  clock.tick(8999)
  await turn()
  t.equal(pinged(), 0, 'and never earlier')
  for (const [i, milliseconds] of [1 + 200, 500, 500].entries()) {
    clock.tick(milliseconds)
    await until(() => pinged() === i + 1)
  }
})

test('a connection that answers is pinged again after a new interval', async t => {
  const clock = stillClock(t)
  const { client, socket, app } = await pair(t, { heartbeat: HEARTBEAT })
  for (let round = 1; round <= 3; round++) {
    clock.tick(5000)
    t.equal((await client.frame()).opcode, PING)
    client.send(PONG)
    await until(() => app.sockets.stats().bytesIn === round * 6)
  }
  t.equal(socket.state, 'open')
})

test('a peer that does not answer is told of on the error event, with its reason in the log', async t => {
  const clock = stillClock(t)
  const { socket, app } = await pair(t, { heartbeat: HEARTBEAT })
  const errors: unknown[] = []
  socket.on('error', error => { errors.push(error) })
  clock.tick(10_000)
  await socket.closed
  t.match(errors, [{ code: 'FST_ERR_WS_NO_PONG', message: /for 5000 ms it has neither answered/ }])
  t.match(app.lines.find(line => line.msg === 'websocket closed'), { err: { code: 'FST_ERR_WS_NO_PONG' }, ws: { code: 1006 } })
})

test('a connection that is paused behind a peer that does not read gets no pings on top', async t => {
  const clock = stillClock(t)
  const { client, socket, app } = await pair(t, { heartbeat: HEARTBEAT, maxQueued: 0, maxBuffered: 1e9 })
  client.send(TEXT, 'unread')
  await until(() => app.sockets.stats().paused === 1)
  await stall(client, socket)
  const { bytesOut, bufferedAmount } = app.sockets.stats()
  clock.tick(60_000)
  t.match(app.sockets.stats(), { bytesOut, bufferedAmount })
  t.equal(socket.state, 'open')
})

test('no timer runs for connections that nothing is to be watched of', async t => {
  const clock = fakeClock(t)
  const { socket } = await pair(t, { heartbeat: false })
  t.equal(socket.state, 'open')
  t.equal(clock.countTimers(), 0)
})

test('a listener that closes when it hears of the missing pong does not change how the connection ends', async t => {
  const clock = stillClock(t)
  const { socket } = await pair(t, { heartbeat: HEARTBEAT })
  const heard: unknown[] = []
  socket.on('error', (error: any) => {
    heard.push(error.code)
    socket.close(4000)
  })
  clock.tick(10_000)
  t.strictSame(await socket.closed, { code: 1006, reason: '', wasClean: false, initiator: 'local' })
  t.strictSame(heard, ['FST_ERR_WS_NO_PONG'])
})
