import { test } from 'tap'
import { decodeCompressed } from '../support/decode.ts'
import { compressed, OFFER, original } from '../support/deflate.ts'
import { closeBody, masked } from '../support/frames.ts'
import { inside } from '../support/inside.ts'
import { BINARY, CLOSE, PING, PONG, TEXT } from '../support/opcodes.ts'
import type { RawClient } from '../support/raw-client.ts'
import { nextMessage, pair, serve } from '../support/serve.ts'
import { noise } from '../support/splits.ts'
import { turn, until } from '../support/until.ts'

/** So large that it is inflated and deflated in the thread pool. */
const LARGE = Buffer.concat([noise(20_000), Buffer.alloc(20_000)])
const SIZES = [3, 40_000, 4, 5, 40_000, 40_000, 6]

/** What the client gets, up to the close frame: the sizes of messages, control frames by name. */
async function received (client: RawClient): Promise<unknown[]> {
  const seen: unknown[] = []
  for (;;) {
    const frame = await client.frame()
    if (frame.opcode === CLOSE) return [...seen, `close ${frame.payload.readUInt16BE(0)}`]
    seen.push(frame.opcode === PONG ? 'pong' : original(frame).length)
  }
}

for (const contextTakeover of [false, true]) {
  const deflate = { threshold: 0, contextTakeover }
  const mode = contextTakeover ? 'with context takeover' : 'without context takeover'

  test(`messages arrive in order, however large, ${mode}`, async t => {
    const { client, socket } = await pair(t, { deflate }, {}, OFFER)
    const sizes: number[] = []
    socket.on('message', message => { sizes.push(message.length) })
    client.write(Buffer.concat([
      compressed(BINARY, 'abc'), compressed(BINARY, LARGE), compressed(BINARY, 'abcd'), masked(TEXT, 'plain'),
      compressed(BINARY, LARGE), compressed(BINARY, LARGE), masked(TEXT, 'plain.')
    ]))
    await until(() => sizes.length === SIZES.length)
    t.strictSame(sizes, SIZES)
  })

  test(`messages leave in order, however large, and the close frame last, ${mode}`, async t => {
    const { connect, app } = await serve(t, () => {}, { deflate })
    const client = await connect()
    const [socket] = app.sockets
    const sizes: unknown[] = []
    client.on('message', (data: Buffer) => { sizes.push(data.length) })
    client.on('close', code => { sizes.push(code) })
    const changing = Buffer.alloc(4, 'x')
    socket!.send('abc')
    socket!.send(LARGE)
    socket!.send(changing)
    changing.fill(0)
    socket!.send('plain')
    socket!.send(LARGE)
    socket!.send(LARGE)
    socket!.send('plain.')
    const closed = socket!.close(4000)
    t.match(await closed, { code: 4000, wasClean: true })
    await until(() => sizes.length > SIZES.length)
    t.strictSame(sizes, [...SIZES, 4000])
    t.equal(socket!.bufferedAmount, 0)
  })
}

test('a message that waits behind a large one is not the caller’s any more', async t => {
  const { client, socket } = await pair(t, { deflate: true }, {}, OFFER)
  const changing = Buffer.alloc(4, 'x')
  socket.send(LARGE)
  socket.send(changing)
  changing.fill(0)
  await client.frame()
  t.equal((await client.frame()).payload.toString(), 'xxxx')
})

test('pings are answered while a large message is deflated', async t => {
  const { client, socket } = await pair(t, { deflate: true }, {}, OFFER)
  socket.on('ping', () => {
    socket.send(LARGE)
    socket.send('after')
  })
  client.send(PING)
  t.equal((await client.frame()).opcode, PONG)
  t.equal(original(await client.frame()).length, LARGE.length)
  t.equal((await client.frame()).payload.toString(), 'after')
})

test('a close frame of the peer is answered after the messages that were sent before', async t => {
  const { client, socket } = await pair(t, { deflate: true }, {}, OFFER)
  socket.on('ping', () => {
    socket.send(LARGE)
    socket.send('after')
  })
  client.write(Buffer.concat([masked(PING), masked(CLOSE, closeBody(4001))]))
  t.strictSame(await received(client), ['pong', LARGE.length, 5, 'close 4001'])
  await client.end()
  t.match(await socket.closed, { code: 4001, wasClean: true })
})

test('messages behind a large one wait for it, and so does a violation', async t => {
  const { client, socket } = await pair(t, { deflate: true }, {}, OFFER)
  const events: unknown[] = []
  socket.on('message', message => { events.push(message.length) })
  socket.on('error', error => { events.push((error as any).closeCode) })
  client.write(Buffer.concat([compressed(BINARY, LARGE), masked(TEXT, 'behind'), masked(3)]))
  t.equal((await client.close()).code, 1002)
  t.strictSame(events, [LARGE.length, 6, 1002])
})

test('a full queue stops reading behind a large message, and goes on when it is taken', async t => {
  const { client, socket, app } = await pair(t, { deflate: true, maxQueued: 0 }, {}, OFFER)
  client.write(Buffer.concat([compressed(BINARY, LARGE), masked(TEXT, 'one'), compressed(BINARY, LARGE), masked(TEXT, 'two')]))
  await until(() => app.sockets.stats().messagesIn === 1)
  for (let i = 0; i < 10; i++) await turn()
  t.equal(app.sockets.stats().messagesIn, 1)
  const sizes: number[] = []
  for await (const message of socket) {
    sizes.push(message.length)
    if (message === 'two') break
  }
  t.strictSame(sizes, [LARGE.length, 3, LARGE.length, 3])
})

test('a message that is being inflated when the queue becomes free is delivered once', async t => {
  const { client, socket } = await pair(t, { deflate: true, maxQueued: 0 }, {}, OFFER)
  client.write(Buffer.concat([masked(TEXT, 'first'), compressed(BINARY, LARGE), masked(TEXT, 'last')]))
  const sizes: number[] = []
  t.equal(await nextMessage(socket), 'first')
  socket.on('message', message => { sizes.push(message.length) })
  await until(() => sizes.length === 2)
  t.strictSame(sizes, [LARGE.length, 4])
})

test('reading stops while a large message is inflated', async t => {
  const { client, socket, app } = await pair(t, { deflate: true }, {}, OFFER)
  client.send(BINARY, '')
  await nextMessage(socket)
  const { connection } = inside(socket)
  const { bytesIn } = app.sockets.stats()
  const paused: boolean[] = []
  socket.on('ping', () => { paused.push(connection.isPaused) })
  socket.on('message', () => { paused.push(connection.isPaused) })
  client.write(Buffer.concat([masked(PING), compressed(BINARY, LARGE)]))
  await until(() => app.sockets.stats().bytesIn > bytesIn)
  t.equal(connection.isPaused, true)
  await until(() => paused.length === 2)
  t.strictSame(paused, [false, false])
})

test('send() says when too much waits to be deflated, and drained() when it has gone', async t => {
  const { client, socket } = await pair(t, { deflate: true, highWaterMark: 50_000 }, {}, OFFER)
  t.equal(socket.send(LARGE), true)
  t.equal(socket.bufferedAmount, LARGE.length)
  t.equal(socket.send(LARGE), false)
  t.ok(socket.bufferedAmount >= 2 * LARGE.length)
  let drains = 0
  socket.on('drain', () => { drains++ })
  await socket.drained()
  t.ok(socket.bufferedAmount <= 50_000)
  await client.frame()
  await client.frame()
  for (let i = 0; i < 10; i++) await turn()
  t.equal(socket.bufferedAmount, 0)
  t.equal(drains, 1)
  t.equal(socket.send('x'), true)
})

test('what waits to be deflated counts for maxBuffered', async t => {
  const { client, socket } = await pair(t, { deflate: true, maxBuffered: 50_000, overflow: 'drop' }, {}, OFFER)
  t.equal(socket.send(LARGE), true)
  t.equal(socket.send(LARGE), false)
  t.equal(socket.dropped, 1)
  t.equal(socket.send('small'), true)
  t.equal(original(await client.frame()).length, LARGE.length)
  t.equal((await client.frame()).payload.toString(), 'small')
})

test('who pauses and goes on inside of a large message gets it once, and what comes behind it in its order', async t => {
  const chunks = [compressed(BINARY, LARGE), Buffer.concat([masked(TEXT, 'a'), compressed(BINARY, LARGE), masked(TEXT, 'b')])]
  const { events, code } = await decodeCompressed('server', chunks, { contextTakeover: false, windowBits: 15 }, { acts: ['pause, resume'] })
  const large = `binary ${LARGE.toString('latin1')}`
  t.strictSame(events, [large, 'text a', large, 'text b'])
  t.equal(code, 0)
})
