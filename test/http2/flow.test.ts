import type { Socket } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { listen } from '../support/app.ts'
import { masked } from '../support/frames.ts'
import { CHUNK } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'
import { http2App, http2Pair, openSession, openSocket, type StreamClient } from './support.ts'

const MESSAGE = masked(2, Buffer.alloc(16_000))

async function echoes (t: Test, neighbour: StreamClient): Promise<void> {
  for (let i = 0; i < 20; i++) {
    const text = `message ${i}`
    neighbour.send(1, text)
    t.equal(await neighbour.text(), text)
  }
}

/** Writes messages until the window of the stream is used up. Returns how many. */
async function fillWindow ({ stream }: StreamClient): Promise<number> {
  let sent = 0
  let waiting = 0
  do {
    waiting = stream.writableLength
    stream.write(MESSAGE)
    sent++
    for (let i = 0; i < 10; i++) await turn()
  } while (waiting === 0 || stream.writableLength < waiting + MESSAGE.length)
  return sent
}

test('messages that nobody takes make their sender wait, and nobody else', async t => {
  const { app, client, socket, neighbour } = await http2Pair(t, { maxQueued: 32_000 })
  const sent = await fillWindow(client)
  t.equal(app.sockets.stats().paused, 1)
  let written = false
  client.stream.write(MESSAGE, () => { written = true })
  await echoes(t, neighbour)
  t.equal(written, false)
  t.ok(client.stream.writableLength > MESSAGE.length)
  let came = 0
  socket.on('message', () => { came++ })
  await until(() => came === sent + 1)
  t.equal(client.stream.writableLength, 0)
  t.equal(app.sockets.stats().paused, 0)
})

test('a loop that takes its time slows its sender, and nobody else', async t => {
  const app = http2App(t)
  const gates: Array<() => void> = []
  let taken = 0
  app.get('/slow', { ws: { maxQueued: 32_000 } }, async socket => {
    for await (const _message of socket) {
      taken++
      await new Promise<void>(resolve => { gates.push(resolve) })
    }
  })
  app.get('/echo', { ws: true }, (socket: Socket<any, any>) => { socket.on('message', message => { socket.send(message) }) })
  const session = await openSession(t, await listen(app))
  const client = await openSocket(session, '/slow')
  const neighbour = await openSocket(session, '/echo')
  const sent = await fillWindow(client)
  await echoes(t, neighbour)
  t.equal(taken, 1)
  t.ok(client.stream.writableLength > 0)
  for (let i = 0; i < sent; i++) {
    await until(() => gates.length > 0)
    gates.shift()!()
  }
  t.equal(taken, sent)
  t.equal(client.stream.writableLength, 0)
})

test('a paused socket whose client resets its stream ends', async t => {
  const { app, client, socket } = await http2Pair(t, { maxQueued: 32_000 })
  await fillWindow(client)
  client.stream.close(8)
  t.match(await socket.closed, { code: 1006, wasClean: false })
  t.equal(app.sockets.size, 1)
})

test('a client that does not read is waited for: send() says so, drain comes, and nobody else waits', async t => {
  const { client, socket, neighbour } = await http2Pair(t)
  client.stream.pause()
  let sent = 0
  let drained = false
  socket.on('drain', () => { drained = true })
  while (socket.bufferedAmount <= 65_536) {
    socket.send(CHUNK)
    sent++
    for (let i = 0; i < 20; i++) await turn()
  }
  t.equal(socket.send(CHUNK), false)
  sent++
  const waiting = socket.bufferedAmount
  t.ok(waiting > CHUNK.length)
  drained = false
  await echoes(t, neighbour)
  t.equal(drained, false)
  t.equal(socket.bufferedAmount, waiting, 'nothing has moved meanwhile')
  client.stream.resume()
  await until(() => drained)
  for (let i = 0; i < sent; i++) t.equal((await client.frame()).payload.length, CHUNK.length)
  await until(() => socket.bufferedAmount === 0)
  t.equal(client.received.length, 0)
})

test('a client that does not read is closed at maxBuffered, and its neighbour lives on', async t => {
  const { client, socket, neighbour } = await http2Pair(t, { maxBuffered: 200_000 })
  const codes: unknown[] = []
  socket.on('error', error => { codes.push((error as NodeJS.ErrnoException).code) })
  client.stream.pause()
  while (socket.state === 'open') {
    socket.send(CHUNK)
    await turn()
  }
  t.same(codes, ['FST_ERR_WS_SLOW_PEER'])
  await echoes(t, neighbour)
})
