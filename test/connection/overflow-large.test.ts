import type { Socket, SocketOptions } from 'fastify-sockets'
import { type Test, test } from 'tap'
import type { WebSocket } from 'ws'
import { serve, stall } from '../support/serve.ts'
import { transportOf } from '../support/transport.ts'
import { until } from '../support/until.ts'

/*
 * A message larger than `maxBuffered` does not count against what follows it: a client that reads is not closed for it.
 */

const LARGE = 10_000_000

/** A socket, and the lengths of what a client of it has received: a real one, which takes large messages in its stride. */
async function large (t: Test, ws: SocketOptions = {}) {
  const sockets: Array<Socket<any, any>> = []
  const { connect } = await serve(t, socket => { sockets.push(socket) }, ws)
  const client: WebSocket = await connect()
  const received: number[] = []
  client.on('message', (data: Buffer) => { received.push(data.length) })
  return { socket: sockets[0]!, client, received }
}

for (const { kind, message } of [
  { kind: 'binary', message: Buffer.alloc(LARGE, 'x') }, { kind: 'text', message: 'x'.repeat(LARGE) }
]) {
  test(`a large ${kind} message and small ones, before and behind it in one turn, reach a client that reads`, async t => {
    const { socket, received } = await large(t)
    const sizes = [5, LARGE, 5, 1000, 100_000]
    for (const size of sizes) socket.send(size === LARGE ? message : 'x'.repeat(size))
    t.equal(socket.state, 'open')
    await until(() => received.length === sizes.length)
    t.strictSame(received, sizes)
    t.equal(socket.dropped, 0)
  })
}

test('one after the other may be large, each when those before have left', async t => {
  const { socket, received } = await large(t)
  for (let i = 1; i <= 3; i++) {
    socket.send(Buffer.alloc(LARGE))
    socket.send('small')
    await until(() => received.length === 2 * i && socket.bufferedAmount === 0)
  }
  t.strictSame(received, [LARGE, 5, LARGE, 5, LARGE, 5])
  t.equal(socket.dropped, 0)
})

test('what waits behind a large message is bounded by maxBuffered', async t => {
  const { client, socket, received } = await large(t, { maxBuffered: 200_000, highWaterMark: 10_000, overflow: 'drop' })
  client.pause()
  socket.send(Buffer.alloc(LARGE))
  let taken = 0
  while (socket.dropped === 0) {
    socket.send(Buffer.alloc(10_000))
    if (socket.dropped === 0) taken++
  }
  t.ok(taken <= 20, `${taken} of 10,000 bytes`)
  t.ok(taken > 15, `${taken} of 10,000 bytes`)
  t.ok(socket.bufferedAmount <= LARGE + 200_000 + 1000)
  socket.send(Buffer.alloc(LARGE))
  t.equal(socket.dropped, 2, 'a second large one')
  client.resume()
  await until(() => received.length === 1 + taken)
  t.strictSame(received, [LARGE, ...Array(taken).fill(10_000)])
})

test('when it has left, the bound is maxBuffered again', async t => {
  const maxBuffered = 500_000
  const { socket, client, received } = await large(t, { maxBuffered, overflow: 'drop' })
  socket.send(Buffer.alloc(LARGE))
  await until(() => received.length === 1 && socket.bufferedAmount === 0)
  client.pause()
  await stall({ socket: (client as any)._socket }, socket)
  for (let i = 0; i < 20; i++) socket.send(Buffer.alloc(64_000))
  t.ok(socket.dropped > 0)
  t.ok(socket.bufferedAmount <= maxBuffered + 1000, `${socket.bufferedAmount}`)
  t.ok(transportOf(socket).writableLength <= maxBuffered + 1000)
})

test('a large message is refused where more than highWaterMark waits: send() has returned false', async t => {
  const { client, socket } = await large(t, { maxBuffered: 200_000 })
  client.pause()
  await stall({ socket: (client as any)._socket }, socket)
  t.equal(socket.send(Buffer.alloc(LARGE)), false)
  t.equal(socket.dropped, 1)
  client.resume()
  t.equal((await socket.closed).code, 1013)
})
