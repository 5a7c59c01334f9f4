import { randomBytes } from 'node:crypto'
import { test } from 'tap'
import type { SocketOptions } from 'fastify-sockets'
import { fakeClock } from '../support/clock.ts'
import { compressed, deflate, OFFER, RSV1 } from '../support/deflate.ts'
import { masked } from '../support/frames.ts'
import { inside } from '../support/inside.ts'
import { LARGE, limited, numbers, texts, turns } from '../support/limited.ts'
import { BINARY, TEXT } from '../support/opcodes.ts'
import { iterate, nextMessage, pair } from '../support/serve.ts'
import { resetCode } from '../support/transport.ts'
import { turn, until } from '../support/until.ts'

/*
 * A peer that is held back by its rate, and something else: a full inbox, a large message that is being inflated, the
 * end of the transport.
 */

const ONE_A_SECOND = { messagesPerSecond: 1, over: 'pause' } as const

/** One connection that is held back behind its second message, which nobody has taken. */
async function heldAndFull (t: Parameters<typeof pair>[0]) {
  const clock = fakeClock(t, 'performance')
  const both = await pair(t, { heartbeat: false, limits: ONE_A_SECOND, maxQueued: 0 })
  both.client.write(texts(4))
  t.equal(await nextMessage(both.socket), '0')
  const messages = iterate(t, both.socket)
  await until(() => both.app.sockets.stats().messagesIn === 2)
  return { ...both, clock, messages, take: async () => (await messages.next()).value }
}

test('a full inbox holds reading up when the rate does not any more', async t => {
  const { app, clock, take } = await heldAndFull(t)
  clock.tick(1000)
  await turns()
  t.match(app.sockets.stats(), { messagesIn: 2, paused: 1 })
  t.equal(await take(), '1')
  t.equal(app.sockets.stats().messagesIn, 3)
  t.equal(await take(), '2')
  t.match(app.sockets.stats(), { messagesIn: 3, paused: 1 }, 'held by the rate again')
  clock.tick(1000)
  t.equal(await take(), '3')
})

test('the rate holds reading up when the inbox does not any more', async t => {
  const { app, clock, take } = await heldAndFull(t)
  t.equal(await take(), '1')
  clock.tick(999)
  await turns()
  t.match(app.sockets.stats(), { messagesIn: 2, paused: 1 })
  clock.tick(1)
  t.equal(app.sockets.stats().messagesIn, 3)
  t.equal(await take(), '2')
  clock.tick(1000)
  t.equal(await take(), '3')
  clock.tick(1000)
  t.equal(app.sockets.stats().paused, 0)
})

test('a full inbox and the rate hold no closing handshake up', async t => {
  const { client, socket, clock } = await heldAndFull(t)
  const closed = socket.close(4000)
  t.equal((await client.close()).code, 4000)
  client.send(8)
  t.match(await closed, { code: 4000, wasClean: true })
  t.equal(clock.countTimers(), 0)
})

test('a large message counts when it has been inflated: it is delivered, and what follows waits', async t => {
  const { client, clock, events, app } = await limited(t, ONE_A_SECOND, { deflate: true }, OFFER)
  const large = compressed(BINARY, LARGE)
  client.write(Buffer.concat([masked(TEXT, '0'), large, masked(TEXT, '2'), large]))
  await until(() => events.length === 2)
  await turns()
  t.strictSame(events, ['0', LARGE.length])
  t.equal(app.sockets.stats().paused, 1)
  clock.tick(1000)
  t.strictSame(events, ['0', LARGE.length, '2'])
  clock.tick(1000)
  await until(() => events.length === 4)
  t.equal(app.sockets.stats().paused, 1)
  clock.tick(1000)
  t.equal(app.sockets.stats().paused, 0)
})

test('a full inbox, the rate and a large message, all at once, lose and reorder nothing', async t => {
  const ws: SocketOptions = { heartbeat: false, limits: ONE_A_SECOND, maxQueued: 0, deflate: true }
  const clock = fakeClock(t, 'performance')
  const { client, socket } = await pair(t, ws, {}, OFFER)
  const large = compressed(BINARY, LARGE)
  client.write(Buffer.concat([masked(TEXT, '0'), large, large, masked(TEXT, '1'), large, masked(TEXT, '2')]))
  const sizes: number[] = []
  const loop = (async () => {
    for await (const message of socket) {
      sizes.push(message.length)
      await turns()
      if (message === '2') return
    }
  })()
  while (sizes.length < 6) {
    clock.tick(100)
    await turn()
  }
  t.strictSame(sizes, [1, LARGE.length, LARGE.length, 1, LARGE.length, 1])
  t.ok(clock.now >= 4000)
  await loop
})

// How soon the end is noticed depends on how the socket is read: see connection/shared-read.ts.

test('a peer that ends TCP while it is held back: what it has sent is delivered in its time, then it is gone', async t => {
  const { client, socket, clock, events } = await limited(t, ONE_A_SECOND)
  client.socket.end(texts(4))
  await until(() => events.length === 2)
  clock.tick(999)
  await turns()
  t.equal(socket.state, 'open')
  t.strictSame(events, numbers(2))
  clock.tick(1)
  t.strictSame(events, numbers(3))
  clock.tick(1000)
  t.strictSame(events, numbers(4))
  clock.tick(1000)
  t.strictSame(await socket.closed, { code: 1006, reason: '', wasClean: false, initiator: 'remote' })
  await turn()
  t.strictSame(events, [...numbers(4), 1006])
  t.equal(clock.countTimers(), 0)
})

test('a peer that resets the connection while it is held back: no more is handed on than its time allows', async t => {
  const { client, socket, clock, events } = await limited(t, ONE_A_SECOND)
  const handedOn = (): unknown[] => events.filter(event => typeof event === 'string' && event !== 'ECONNRESET')
  client.write(texts(5))
  await until(() => events.length === 2)
  client.reset()
  await turns()
  clock.tick(999)
  t.strictSame(handedOn(), numbers(2))
  // How soon the reset is noticed depends on when the socket is read again: each second one more may have been by then.
  clock.tick(1)
  for (let most = 3; ; most++) {
    await turns()
    t.ok(handedOn().length <= most)
    if (socket.state === 'closed') break
    clock.tick(1000)
  }
  t.strictSame(await socket.closed, { code: 1006, reason: '', wasClean: false, initiator: 'remote' })
  await turn()
  t.strictSame(handedOn(), numbers(5).slice(0, handedOn().length), 'in order')
  t.ok(resetCode === null || events.includes(resetCode))
  t.equal(clock.countTimers(), 0)
})

test('what a rate holds back goes with the transport: to leave is no way round the rate', async t => {
  const { client, socket, clock, events } = await limited(t, ONE_A_SECOND, { deflate: true }, OFFER)
  client.write(Buffer.concat([texts(2), compressed(BINARY, LARGE), texts(3, 2)]))
  await until(() => events.length === 2)
  socket.request.socket.destroy()
  t.match(await socket.closed, { code: 1006 })
  await turn()
  t.strictSame(events, [...numbers(2), 1006])
  t.equal(clock.countTimers(), 0)
})

test('a message that is being inflated when the transport goes is still handed on, up to the rate', async t => {
  const { client, socket, clock, events } = await limited(t, ONE_A_SECOND, { deflate: true }, OFFER)
  // For the thread pool, and yet small enough to come in one piece with what follows it.
  const large = Buffer.concat(Array(450).fill(randomBytes(2000)))
  client.write(Buffer.concat([compressed(BINARY, large), texts(3)]))
  await until(() => inside(socket).connection.isPaused)
  t.strictSame(events, [])
  socket.request.socket.destroy()
  t.match(await socket.closed, { code: 1006 })
  await turn()
  t.strictSame(events, [large.length, '0', 1006])
  t.equal(clock.countTimers(), 0)
})

test('a message that cannot be inflated ends the connection, whatever holds it up', async t => {
  const { client, clock, events } = await limited(t, ONE_A_SECOND, { deflate: true }, OFFER)
  const broken = deflate(LARGE)
  broken.fill(0xff, 10_000)
  client.write(Buffer.concat([texts(1), masked(BINARY, broken, { rsv: RSV1 }), texts(3)]))
  t.equal((await client.close()).code, 1007)
  await turn()
  // It may have ended by now.
  t.strictSame(events.filter(event => event !== 1007), ['0', 'FST_ERR_WS_PROTOCOL'])
  // That of the closing handshake at most, where it takes both sides.
  t.ok(clock.countTimers() <= 1)
})
