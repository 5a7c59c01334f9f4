import { test } from 'tap'
import { settledClock } from '../support/clock.ts'
import { closeBody, frame } from '../support/frames.ts'
import { linesWith } from '../support/handshakes.ts'
import { turn, until } from '../support/until.ts'
import { CANCEL, endOf, http2Pair, INTERNAL_ERROR, NO_ERROR, type StreamClient } from './support.ts'

/** Its session is as it was. */
async function stillThere (neighbour: StreamClient): Promise<string> {
  neighbour.send(1, 'still there')
  return await neighbour.text()
}

test('close() sends a close frame, and END_STREAM when it is answered', async t => {
  const { app, client, socket, neighbour } = await http2Pair(t)
  const events = endOf(socket)
  const closed = socket.close(4000, 'bye')
  t.same(await client.close(), { code: 4000, reason: 'bye' })
  t.equal(await stillThere(neighbour), 'still there')
  t.equal(client.ended, false, 'the client has its time to answer')
  client.send(8, closeBody(4000))
  t.equal(await client.end(), '')
  client.stream.end()
  t.equal(await client.rst(), NO_ERROR)
  t.match(await closed, { code: 4000, reason: 'bye', wasClean: true, initiator: 'local' })
  t.same(events, [[4000, true, 'local']])
  t.equal(await stillThere(neighbour), 'still there')
  t.equal(app.sockets.size, 1)
  t.match(linesWith(app.lines, 'websocket closed'), [{ ws: { code: 4000 } }])
})

test("a client's close frame is answered, and the server is the first to end the stream", async t => {
  const { client, socket } = await http2Pair(t)
  const events = endOf(socket)
  client.send(8, closeBody(1000, 'bye'))
  t.same(await client.close(), { code: 1000, reason: '' })
  t.equal(await client.end(), '')
  client.stream.end()
  t.equal(await client.rst(), NO_ERROR)
  await until(() => events.length > 0)
  t.same(events, [[1000, true, 'remote']])
})

test('a client that ends the stream with its close frame gets both in return', async t => {
  const { client, socket } = await http2Pair(t)
  const events = endOf(socket)
  client.send(8, closeBody(1000))
  client.stream.end()
  t.same(await client.close(), { code: 1000, reason: '' })
  t.equal(await client.end(), '')
  t.equal(await client.rst(), NO_ERROR)
  await until(() => events.length > 0)
  t.same(events, [[1000, true, 'remote']])
})

test('END_STREAM without a close frame is an unclean end, and the server ends its side', async t => {
  const { client, socket, neighbour } = await http2Pair(t)
  const events = endOf(socket)
  client.send(1, 'last words')
  client.stream.end()
  t.equal(await client.end(), '')
  t.equal(await client.rst(), NO_ERROR)
  await until(() => events.length > 0)
  t.same(events, [[1006, false, 'remote']])
  t.equal(await stillThere(neighbour), 'still there')
})

for (const [name, code, expected] of [
  ['CANCEL', CANCEL, [[1006, false, 'remote']]],
  ['NO_ERROR', NO_ERROR, [[1006, false, 'remote']]],
  ['INTERNAL_ERROR', INTERNAL_ERROR, ['ERR_HTTP2_STREAM_ERROR', [1006, false, 'remote']]]
] as const) {
  test(`RST_STREAM with ${name} is the loss of the connection`, async t => {
    const { app, client, socket, neighbour } = await http2Pair(t)
    const events = endOf(socket)
    client.stream.close(code)
    await until(() => app.sockets.size === 1)
    for (let i = 0; i < 5; i++) await turn()
    t.same(events, expected)
    t.equal(await stillThere(neighbour), 'still there')
  })
}

test('the end of its session is that of a socket', async t => {
  const { app, client, session, socket } = await http2Pair(t)
  const events = endOf(socket)
  session.destroy()
  await client.rst()
  await until(() => app.sockets.size === 0)
  t.same(events, [[1006, false, 'remote']])
})

test('terminate() is RST_STREAM with CANCEL, of this stream alone', async t => {
  const { client, socket, neighbour } = await http2Pair(t)
  const events = endOf(socket)
  socket.send('perhaps lost')
  socket.terminate()
  t.equal(await client.rst(), CANCEL)
  await until(() => events.length > 0)
  t.same(events, [[1006, false, 'local']])
  t.equal(await stillThere(neighbour), 'still there')
})

test('a client that does not answer the close frame is cut with CANCEL after closeTimeout', async t => {
  const { client, socket, neighbour } = await http2Pair(t, { closeTimeout: 1000 })
  const events = endOf(socket)
  const clock = await settledClock(t)
  const closed = socket.close(4000)
  t.equal((await client.close()).code, 4000)
  clock.tick(999)
  t.equal(await stillThere(neighbour), 'still there')
  t.equal(client.closed, false)
  clock.tick(1)
  t.equal(await client.rst(), CANCEL)
  t.match(await closed, { code: 4000, wasClean: false, initiator: 'local' })
  t.same(events, [[4000, false, 'local']])
})

test('a client need not end its side after ours (RFC 9113 section 8.1): nobody waits for it', async t => {
  for (const begin of ['client', 'server'] as const) {
    const { app, client, socket, neighbour } = await http2Pair(t, { closeTimeout: 1000 })
    const events = endOf(socket)
    const clock = await settledClock(t)
    if (begin === 'server') void socket.close(4000)
    else client.send(8, closeBody(4000))
    t.equal((await client.close()).code, 4000)
    if (begin === 'server') client.send(8, closeBody(4000))
    t.equal(await client.end(), '')
    t.equal(await client.rst(), NO_ERROR)
    await until(() => app.sockets.size === 1)
    t.same(events, [[4000, true, begin === 'server' ? 'local' : 'remote']])
    t.equal(await stillThere(neighbour), 'still there')
    t.equal(clock.countTimers(), 0)
    clock.uninstall()
  }
})

test('a protocol violation is answered with 1002 and END_STREAM', async t => {
  const { client, socket, neighbour } = await http2Pair(t)
  const events = endOf(socket)
  client.write(frame(1, 'not masked'))
  t.equal((await client.close()).code, 1002)
  t.equal(await client.end(), '')
  client.stream.end()
  t.equal(await client.rst(), NO_ERROR)
  await until(() => events.length > 1)
  t.same(events, ['FST_ERR_WS_PROTOCOL', [1002, false, 'local']])
  t.equal(await stillThere(neighbour), 'still there')
})

test('a ping is answered, and its round trip known', async t => {
  const { client, socket } = await http2Pair(t)
  client.send(9, 'are you there?')
  const pong = await client.frame()
  t.match([pong.opcode, pong.payload.toString()], [10, 'are you there?'])
  const rtt = socket.ping()
  const ping = await client.frame()
  t.equal(ping.opcode, 9)
  client.send(10, ping.payload)
  t.type(await rtt, 'number')
})
