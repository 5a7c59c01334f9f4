import { test } from 'tap'
import type { CloseInfo, Socket } from 'fastify-sockets'
import { clientClosed } from '../support/app.ts'
import { closeBody, masked } from '../support/frames.ts'
import { CLOSE, TEXT } from '../support/opcodes.ts'
import { codeOf, pair, serve } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

/** Every call of a close listener. */
function closings (socket: Socket<any, any>): CloseInfo[] {
  const calls: CloseInfo[] = []
  socket.on('close', info => { calls.push(info) })
  return calls
}

test('a close by the peer is answered with its code, and the server ends the TCP connection', async t => {
  const { client, socket } = await pair(t)
  const calls = closings(socket)
  client.send(CLOSE, closeBody(4321, 'good bye'))
  t.strictSame(await client.close(), { code: 4321, reason: '' })
  await client.end()
  const info = await socket.closed
  t.strictSame(info, { code: 4321, reason: 'good bye', wasClean: true, initiator: 'remote' })
  await turn()
  t.strictSame(calls, [info])
})

test('an empty close frame is answered with an empty one and reported as 1005', async t => {
  const { client, socket } = await pair(t)
  client.send(CLOSE)
  t.strictSame(await client.close(), { code: 1005, reason: '' })
  t.strictSame(await socket.closed, { code: 1005, reason: '', wasClean: true, initiator: 'remote' })
})

test('a close by the server is sent, answered by the peer, and ended by the server', async t => {
  const { client, socket } = await pair(t)
  const calls = closings(socket)
  const closed = socket.close(4000, 'that is all')
  t.equal(socket.state, 'closing')
  t.strictSame(await client.close(), { code: 4000, reason: 'that is all' })
  t.equal(client.ended, false, 'the server waits for the answer')
  client.send(CLOSE, closeBody(1001, 'not reported'))
  await client.end()
  const info = await closed
  t.strictSame(info, { code: 4000, reason: 'that is all', wasClean: true, initiator: 'local' })
  t.equal(socket.state, 'closed')
  await turn()
  t.strictSame(calls, [info])
})

test('close() without arguments is a 1000 with no reason', async t => {
  const { client, socket } = await pair(t)
  socket.close()
  t.strictSame(await client.close(), { code: 1000, reason: '' })
})

test('a real client sees the code and the reason of close(), and the server those of the client', async t => {
  const sockets: Socket[] = []
  const { connect } = await serve(t, socket => { sockets.push(socket) })
  const first = await connect()
  const seen = clientClosed(first)
  t.strictSame(await sockets[0]!.close(4005, 'grüße'), {
    code: 4005, reason: 'grüße', wasClean: true, initiator: 'local'
  })
  t.strictSame(await seen, { code: 4005, reason: 'grüße' })
  const second = await connect()
  second.close(4006, 'von mir')
  t.strictSame(await sockets[1]!.closed, { code: 4006, reason: 'von mir', wasClean: true, initiator: 'remote' })
})

test('when both sides close at once each keeps what it said', async t => {
  const { client, socket } = await pair(t)
  // Written before the server's frame can have been seen.
  client.send(CLOSE, closeBody(4100, 'client first'))
  const closed = socket.close(4200, 'server first')
  t.strictSame(await client.close(), { code: 4200, reason: 'server first' })
  t.strictSame(await closed, { code: 4200, reason: 'server first', wasClean: true, initiator: 'local' })
  await client.end()
  t.equal(client.received.length, 0, 'one close frame is answer enough')
})

test('closed is one promise, resolved the same for those who ask before and after the end', async t => {
  const { client, socket } = await pair(t)
  const before = socket.closed
  t.equal(socket.closed, before)
  client.send(CLOSE, closeBody(1000))
  const info = await before
  t.equal(await socket.closed, info)
  t.equal(await socket.close(), info)
})

test('closed may be asked for the first time after the end', async t => {
  const { client, socket, app } = await pair(t)
  client.send(CLOSE, closeBody(1000))
  await until(() => app.sockets.size === 0)
  t.equal((await socket.closed).code, 1000)
})

test('a second close() changes nothing and waits for the same end', async t => {
  const { client, socket } = await pair(t)
  const first = socket.close(4000, 'first')
  const second = socket.close(4001, 'second')
  t.strictSame(await client.close(), { code: 4000, reason: 'first' })
  client.send(CLOSE)
  t.equal(await second, await first)
  t.equal(client.received.length, 0)
})

for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, -1, NaN, 1000.5, '1000', null, {}]) {
  test(`close(${String(code)}) throws, and the connection goes on as before`, async t => {
    const { client, socket, app } = await pair(t)
    client.send(TEXT, 'waiting')
    await until(() => app.sockets.stats().messagesIn === 1)
    t.equal(await codeOf(() => socket.close(code as number)), 'FST_ERR_WS_CLOSE_CODE')
    t.equal(socket.state, 'open')
    t.equal(socket.send('still open'), true)
    client.send(CLOSE, closeBody(4000))
    const found = []
    for await (const message of socket) found.push(message)
    t.strictSame(found, ['waiting'])
    t.match(await socket.closed, { code: 4000, initiator: 'remote' })
  })
}

test('an invalid close code is a RangeError that names the code', async t => {
  const { socket } = await pair(t)
  try {
    socket.close(1005)
    t.fail('it was to throw')
  } catch (error) {
    t.ok(error instanceof RangeError)
    t.match(error, { message: 'close code 1005 cannot be sent' })
  }
})

for (const code of [1000, 1003, 1007, 1014, 3000, 4999]) {
  test(`close(${code}) is sent`, async t => {
    const { client, socket } = await pair(t)
    socket.close(code)
    t.equal((await client.close()).code, code)
  })
}

test('a reason is cut to 123 bytes, not through a character, and reported as it was sent', async t => {
  const { client, socket } = await pair(t)
  const closed = socket.close(1000, `${'x'.repeat(121)}👋`)
  t.strictSame(await client.close(), { code: 1000, reason: 'x'.repeat(121) })
  client.send(CLOSE)
  t.equal((await closed).reason, 'x'.repeat(121))
})

test('a reason of exactly 123 bytes is sent whole', async t => {
  const { client, socket } = await pair(t)
  socket.close(1000, `${'x'.repeat(119)}👋`)
  t.equal((await client.close()).reason, `${'x'.repeat(119)}👋`)
})

test('what was sent before close() arrives before the close frame', async t => {
  const { client, socket } = await pair(t)
  socket.send('small')
  socket.send(Buffer.alloc(50_000))
  socket.close()
  t.equal((await client.frame()).payload.toString(), 'small')
  t.equal((await client.frame()).payload.length, 50_000)
  t.equal((await client.close()).code, 1000)
})

test('a large message on its way when the client closes arrives whole before the close frame', async t => {
  const { client, socket } = await pair(t)
  client.socket.pause()
  socket.send(Buffer.alloc(1_000_000, 1))
  client.send(CLOSE, closeBody(1000))
  await until(() => socket.state !== 'open')
  client.socket.resume()
  t.equal((await client.frame()).payload.length, 1_000_000)
  t.strictSame(await client.close(), { code: 1000, reason: '' })
  t.match(await socket.closed, { code: 1000, wasClean: true })
})

test('frames behind the close frame of the peer are ignored', async t => {
  const { client, socket, app } = await pair(t)
  const found: unknown[] = []
  socket.on('message', message => { found.push(message) })
  await turn()
  client.write(Buffer.concat([
    masked(CLOSE, closeBody(1000)), masked(TEXT, 'late'), masked(9, 'ping'), Buffer.from('rubbish')
  ]))
  t.equal((await client.close()).code, 1000)
  await client.end()
  t.equal(client.received.length, 0)
  t.strictSame(found, [])
  t.match(await socket.closed, { code: 1000, wasClean: true })
  t.equal(app.sockets.stats().messagesIn, 0)
})

test('no message is delivered after close(), though the peer sends on before it answers', async t => {
  const { client, socket, app } = await pair(t)
  const found: unknown[] = []
  socket.on('message', message => { found.push(message) })
  await turn()
  socket.close()
  await client.close()
  client.write(Buffer.concat([masked(TEXT, 'a'), masked(2, 'b'), masked(TEXT, 'c', { fin: false }), masked(CLOSE)]))
  t.match(await socket.closed, { code: 1000, wasClean: true, initiator: 'local' })
  t.strictSame(found, [])
  t.equal(app.sockets.stats().messagesIn, 0)
})

test('messages that still waited when close() was called are dropped', async t => {
  const { client, socket, app } = await pair(t)
  client.send(TEXT, 'waits')
  await until(() => app.sockets.stats().messagesIn === 1)
  socket.close()
  const found: unknown[] = []
  socket.on('message', message => { found.push(message) })
  await client.close()
  client.send(CLOSE)
  await socket.closed
  t.strictSame(found, [])
})

test('close() on a paused connection still finds the close frame behind the full queue', async t => {
  const { client, socket, app } = await pair(t, { maxQueued: 100 })
  const sent = Buffer.concat([...Array(50).fill(masked(TEXT, 'x')), masked(CLOSE, closeBody(4000))])
  client.write(sent)
  await until(() => app.sockets.stats().bytesIn === sent.length)
  t.ok(app.sockets.stats().messagesIn < 50, 'reading has paused')
  const info = await socket.close(4001)
  t.match(info, { code: 4001, wasClean: true, initiator: 'local' })
  t.equal((await client.close()).code, 4001)
})

test('close() on a paused connection reads what TCP held back, up to the close frame', async t => {
  const { client, socket, app } = await pair(t, { maxQueued: 100 })
  const chunk = Buffer.concat(Array(1000).fill(masked(TEXT, Buffer.alloc(1000))))
  for (let i = 0; i < 10; i++) client.write(chunk)
  client.send(CLOSE, closeBody(1000))
  await until(() => app.sockets.stats().messagesIn > 0)
  t.match(await socket.close(4001), { code: 4001, wasClean: true })
  t.ok(app.sockets.stats().bytesIn > 10 * chunk.length)
})

test('a close frame that arrives in pieces is a close', async t => {
  const { client, socket } = await pair(t)
  for (const byte of masked(CLOSE, closeBody(1000, 'slowly'))) {
    client.write(Buffer.from([byte]))
    await turn()
  }
  t.match(await socket.closed, { code: 1000, reason: 'slowly', wasClean: true })
})
