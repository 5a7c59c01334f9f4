import { connect } from 'node:net'
import { test } from 'tap'
import type { Socket } from 'fastify-sockets'
import { readFrame } from '../support/frames.ts'
import { handshake } from '../support/raw-client.ts'
import { serve, stall } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'
import { KIB, MIB } from './support.ts'

const HIGH_WATER_MARK = 64 * KIB
/** Bytes that are read one at a time. */
const ONE_BY_ONE = 100_000

/** A client that takes as many bytes from the system at a time as it is told to. */
function bytewise (port: number) {
  const bytes = Buffer.alloc(32 * MIB)
  let length = 0
  let room = Buffer.alloc(1)
  const socket = connect({
    port,
    host: '127.0.0.1',
    onread: {
      buffer: () => room,
      callback (read, chunk) {
        if (read === 1) bytes[length] = chunk[0]!
        else bytes.set(chunk.subarray(0, read), length)
        length += read
        return true
      }
    }
  })
  socket.write(handshake('/'))
  return {
    socket,
    /** What has come so far. */
    received: () => bytes.subarray(0, length),
    take (count: number): void { room = Buffer.alloc(count) }
  }
}

test('a peer that reads a byte at a time gets everything, and holds no more than one that does not read', async t => {
  const sockets: Array<Socket<any, any>> = []
  const { port } = await serve(t, socket => { sockets.push(socket) }, { highWaterMark: HIGH_WATER_MARK, heartbeat: false })
  const { socket: tcp, received, take } = bytewise(port)
  t.teardown(() => { tcp.destroy() })
  await until(() => sockets.length === 1 && received().includes('\r\n\r\n'))
  const socket = sockets[0]!
  const start = received().length
  const sent = await stall({ socket: tcp }, socket)
  const waiting = socket.bufferedAmount
  t.ok(waiting > HIGH_WATER_MARK)

  const events: string[] = []
  socket.on('drain', () => { events.push('drain') })
  const drained = socket.drained().then(() => {
    events.push('drained')
    t.ok(socket.bufferedAmount <= HIGH_WATER_MARK)
  })
  tcp.resume()
  let most = 0
  while (events.length === 0) {
    most = Math.max(most, socket.bufferedAmount)
    // What the system holds besides comes faster.
    if (received().length - start > ONE_BY_ONE) take(64)
    await turn()
  }
  t.ok(most <= waiting)
  t.ok(received().length - start > ONE_BY_ONE)
  await drained
  t.equal(socket.send('the last one'), true)

  take(MIB)
  let rest = received().subarray(start)
  for (let i = 0; i < sent; i++) {
    await until(() => (rest = received().subarray(start + i * 64_004)).length >= 64_004)
    t.equal(readFrame(rest)!.payload.length, 64_000)
  }
  await until(() => received().length >= start + sent * 64_004 + 14)
  t.equal(readFrame(received().subarray(start + sent * 64_004))!.payload.toString(), 'the last one')
  t.same(events.sort(), ['drain', 'drained'])
})
