import { type Test, test } from 'tap'
import { type Clock, fakeClock, noSpread } from '../support/clock.ts'
import { closeBody } from '../support/frames.ts'
import { CLOSE, PONG, TEXT } from '../support/opcodes.ts'
import { pair } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

/** Lives are as long as they may be. */
function stillClock (t: Test): Clock {
  noSpread(t)
  return fakeClock(t)
}

const IDLE = { code: 1001, reason: 'idle for too long' }

test('idleTimeout closes with 1001 when no message has passed for so long', async t => {
  const clock = stillClock(t)
  const { client, socket } = await pair(t, { idleTimeout: 60_000, heartbeat: false })
  clock.tick(59_999)
  await turn()
  t.equal(socket.state, 'open')
  clock.tick(1)
  t.strictSame(await client.close(), IDLE)
  client.send(CLOSE, closeBody(1001))
  t.strictSame(await socket.closed, { ...IDLE, wasClean: true, initiator: 'local' })
})

test('messages of either side are no idling, pings and pongs are; it is noticed late by a quarter at most', async t => {
  const clock = stillClock(t)
  const { client, socket, app } = await pair(t, { idleTimeout: 60_000, heartbeat: { interval: 20_000, timeout: 20_000 } })
  clock.tick(50_000 - 20_000)
  client.send(PONG)
  await until(() => app.sockets.stats().bytesIn === 6)
  client.send(TEXT, 'hello')
  await until(() => app.sockets.stats().messagesIn === 1)
  const answer = async (): Promise<void> => {
    const { bytesIn } = app.sockets.stats()
    client.send(PONG)
    await until(() => app.sockets.stats().bytesIn > bytesIn)
  }
  for (let i = 0; i < 2; i++) {
    clock.tick(20_000)
    await answer()
  }
  socket.send('hello')
  for (let i = 0; i < 3; i++) {
    t.equal(socket.state, 'open')
    clock.tick(18_000)
    await answer()
  }
  clock.tick(6000 + 15_000)
  t.equal(socket.state, 'closing')
})

test('a connection whose messages we do not read is not idle', async t => {
  const clock = stillClock(t)
  const { client, socket, app } = await pair(t, { idleTimeout: 60_000, heartbeat: false, maxQueued: 0 })
  client.send(TEXT, 'unread')
  await until(() => app.sockets.stats().paused === 1)
  clock.tick(600_000)
  t.equal(socket.state, 'open')
  socket.on('message', () => {})
  await turn()
  clock.tick(75_000)
  t.equal(socket.state, 'closing')
})

test('maxLifetime closes with 1001, whatever happens on the connection', async t => {
  const clock = stillClock(t)
  const { client, socket, app } = await pair(t, { maxLifetime: 3_600_000, heartbeat: false, idleTimeout: 600_000 })
  for (let minute = 1; minute <= 59; minute++) {
    clock.tick(60_000)
    client.send(TEXT, 'still here')
    await until(() => app.sockets.stats().messagesIn === minute)
  }
  clock.tick(59_999)
  await turn()
  t.equal(socket.state, 'open')
  clock.tick(1)
  t.strictSame(await client.close(), { code: 1001, reason: 'open for long enough: connect again' })
})

test('lives are spread over the last fifth of maxLifetime', async t => {
  const clock = fakeClock(t)
  const { open, app } = await pair(t, { heartbeat: false, maxLifetime: 100_000 })
  const draws = [0.999, 0.5]
  t.intercept(Math, 'random', { value: () => draws.shift() ?? 0 })
  const [first, second] = [await open(), await open()]
  const open3 = [...app.sockets]
  clock.tick(79_999)
  t.strictSame(open3.slice(1).map(socket => socket.state), ['open', 'open'])
  clock.tick(501)
  t.equal((await first!.close()).code, 1001)
  clock.tick(9000)
  t.equal(open3[2]!.state, 'open')
  clock.tick(1000)
  t.equal((await second!.close()).code, 1001)
})
