import { once } from 'node:events'
import { test } from 'tap'
import type { Socket } from 'fastify-sockets'
import { masked } from '../support/frames.ts'
import { CLOSE, PING, PONG } from '../support/opcodes.ts'
import type { RawClient } from '../support/raw-client.ts'
import { CHUNK, codeOf, pair, stall } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

test('send() says false above highWaterMark; drain and drained() come when the peer reads again', async t => {
  const { client, socket } = await pair(t)
  const events: string[] = []
  const sent = await stall(client, socket)
  socket.on('drain', () => { events.push('drain') })
  t.ok(socket.bufferedAmount > 64 * 1024)
  const first = socket.drained().then(() => { events.push('first') })
  const second = socket.drained().then(() => { events.push('second') })
  for (let i = 0; i < 10; i++) await turn()
  t.strictSame(events, [], 'not while the peer does not read')
  client.socket.resume()
  await Promise.all([first, second])
  t.ok(socket.bufferedAmount <= 64 * 1024)
  t.strictSame(events.sort(), ['drain', 'first', 'second'])
  for (let i = 0; i < sent; i++) t.equal((await client.frame()).payload.length, CHUNK.length)
  t.equal(socket.bufferedAmount, 0)
  t.equal(socket.send('more'), true)
  t.equal(await codeOf(() => socket.drained()), undefined)
})

test('drain comes again after the next stall', async t => {
  const { client, socket } = await pair(t)
  let drains = 0
  socket.on('drain', () => { drains++ })
  for (let round = 1; round <= 2; round++) {
    await stall(client, socket)
    drains = 0
    client.socket.resume()
    await socket.drained()
    await until(() => drains > 0)
    t.equal(drains, 1, `round ${round}`)
  }
})

test('below highWaterMark send() says true, drained() resolves at once and no drain comes', async t => {
  const { client, socket } = await pair(t)
  let drains = 0
  socket.on('drain', () => { drains++ })
  t.equal(socket.send('small'), true)
  t.equal(socket.bufferedAmount, 7, 'header and payload, not written yet')
  await socket.drained()
  await client.frame()
  t.equal(socket.bufferedAmount, 0)
  t.equal(drains, 0)
})

test('with highWaterMark 0 a sender that waits after every false comes to its end', async t => {
  const { client, socket } = await pair(t, { highWaterMark: 0 })
  const received = (async () => { for (let i = 0; i < 50; i++) await client.frame() })()
  for (let i = 0; i < 50; i++) {
    if (!socket.send(CHUNK)) await socket.drained()
  }
  await received
})

test('drained() rejects when the connection is reset, also while nothing could be written', async t => {
  const { client, socket } = await pair(t)
  await stall(client, socket)
  const drained = socket.drained()
  const again = socket.drained()
  client.reset()
  t.equal(await codeOf(() => drained), 'FST_ERR_WS_NOT_OPEN')
  t.equal(await codeOf(() => again), 'FST_ERR_WS_NOT_OPEN')
})

test('drained() rejects when we cut the connection', async t => {
  const { client, socket } = await pair(t)
  await stall(client, socket)
  const drained = socket.drained()
  socket.terminate()
  t.equal(await codeOf(() => drained), 'FST_ERR_WS_NOT_OPEN')
})

test('drained() rejects at once on a connection that is no longer open', async t => {
  const { client, socket } = await pair(t)
  socket.close()
  t.equal(await codeOf(() => socket.drained()), 'FST_ERR_WS_NOT_OPEN')
  await client.close()
  client.send(CLOSE)
  await socket.closed
  t.equal(await codeOf(() => socket.drained()), 'FST_ERR_WS_NOT_OPEN')
})

test('a loop that sends while it may and then waits ends when the connection is reset', async t => {
  const { client, socket } = await pair(t)
  client.socket.pause()
  let sentAfterReset = 0
  let isReset = false
  const loop = (async () => {
    for (;;) {
      // Bounded: a send() that never says false must fail this test and not hang it.
      while (socket.send(CHUNK) && sentAfterReset < 1000) if (isReset) sentAfterReset++
      if (sentAfterReset >= 1000) return 'never ended'
      await socket.drained()
    }
  })()
  await turn()
  isReset = true
  client.reset()
  t.equal(await codeOf(() => loop), 'FST_ERR_WS_NOT_OPEN')
  t.ok(sentAfterReset < 1000)
})

/** A peer that does not read has sent these pings. Returns how many messages went out before. */
async function pingWhileStalled (client: RawClient, socket: Socket<any, any>, payloads: string[]): Promise<number> {
  const seen: string[] = []
  socket.on('ping', payload => { seen.push(payload.toString()) })
  const sent = await stall(client, socket)
  for (const payload of payloads) client.send(PING, payload)
  await until(() => seen.length === payloads.length)
  return sent
}

test('of the pings that came while the peer did not read the last is answered when it reads again', async t => {
  const { client, socket } = await pair(t)
  const sent = await pingWhileStalled(client, socket, ['one', 'two', 'three'])
  client.socket.resume()
  for (let i = 0; i < sent; i++) await client.frame()
  const pong = await client.frame()
  t.equal(pong.opcode, PONG)
  t.equal(pong.payload.toString(), 'three')
  client.send(PING, 'four')
  t.equal((await client.frame()).payload.toString(), 'four', 'and from then on each of them')
})

test('a ping that has not been answered when we close is not answered behind the close frame', async t => {
  const { client, socket } = await pair(t)
  const sent = await pingWhileStalled(client, socket, ['never answered'])
  const closed = socket.close()
  client.socket.resume()
  for (let i = 0; i < sent; i++) await client.frame()
  t.equal((await client.close()).code, 1000)
  client.send(CLOSE)
  await closed
  await client.end()
  t.equal(client.received.length, 0)
})

test('a peer that sends pings and never reads the pongs cannot fill the memory', async t => {
  const maxBuffered = 200_000
  const { client, socket } = await pair(t, { maxBuffered })
  client.socket.pause()
  const pings = Buffer.concat(Array(8000).fill(masked(PING, Buffer.alloc(125))))
  let most = 0
  for (let i = 0; i < 30 && socket.state === 'open'; i++) {
    if (!client.socket.write(pings)) await Promise.race([once(client.socket, 'drain'), socket.closed])
    most = Math.max(most, socket.bufferedAmount)
  }
  t.ok(most <= 2 * maxBuffered, `${most} bytes waited`)
  client.reset()
  await socket.closed
})
