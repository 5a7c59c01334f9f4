import { test } from 'tap'
import { CLOSE } from '../support/opcodes.ts'
import { CHUNK, pair, serve, type Served, stall } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

test("past maxBuffered the connection is closed with 1013 and an error event says why", async t => {
  const errors: any[] = []
  const failures: unknown[] = []
  const maxBuffered = 500_000
  const { client, socket } = await pair(t, { maxBuffered, onError: error => { failures.push(error) } })
  socket.on('error', error => { errors.push(error) })
  let accepted = await stall(client, socket)
  while (socket.state === 'open') {
    t.ok(socket.bufferedAmount <= maxBuffered + 1000)
    socket.send(CHUNK)
    if (socket.state === 'open') accepted++
  }
  t.equal(socket.dropped, 1)
  t.equal(socket.send('anything'), false)
  t.match(errors, [{ code: 'FST_ERR_WS_SLOW_PEER', closeCode: 1013, message: /500000 bytes \(maxBuffered\)/ }])
  t.strictSame(failures, [], 'which is nothing that the handler did')
  client.socket.resume()
  for (let i = 0; i < accepted; i++) await client.frame()
  t.strictSame(await client.close(), { code: 1013, reason: 'the peer reads too slowly' })
  client.send(CLOSE)
  t.match(await socket.closed, { code: 1013, wasClean: true, initiator: 'local' })
})

test('an error listener that sends when the peer is too slow does not start the same thing again', async t => {
  const errors: any[] = []
  const failures: unknown[] = []
  const { client, socket } = await pair(t, { maxBuffered: 500_000, onError: error => { failures.push(error) } })
  socket.on('error', error => {
    errors.push(error)
    socket.send(CHUNK)
  })
  await stall(client, socket)
  for (let i = 0; i < 20; i++) socket.send(CHUNK)
  t.equal(errors.length, 1)
  t.equal(failures.length, 0)
  client.reset()
  t.equal((await socket.closed).code, 1013)
})

test("with overflow 'drop' a message that does not fit is left out and counted, the connection goes on", async t => {
  const { client, socket, app } = await pair(t, { maxBuffered: 300_000, overflow: 'drop' })
  const errors: unknown[] = []
  socket.on('error', error => { errors.push(error) })
  let accepted = await stall(client, socket)
  let refused = 0
  for (let i = 0; i < 20; i++) {
    const before = socket.bufferedAmount
    t.equal(socket.send(CHUNK), false)
    if (socket.bufferedAmount === before) refused++
    else accepted++
  }
  t.ok(refused > 10)
  t.equal(socket.dropped, refused)
  t.equal(app.sockets.stats().messagesOut, accepted, 'only what was taken counts as sent')
  t.ok(socket.bufferedAmount <= 300_000 + 1000)
  t.equal(socket.state, 'open')
  client.socket.resume()
  for (let i = 0; i < accepted; i++) await client.frame()
  socket.send('after all that')
  t.equal((await client.frame()).payload.toString(), 'after all that')
  t.strictSame(errors, [])
})

for (const { kind, large } of [
  { kind: 'binary', large: Buffer.alloc(3_000_000, 'x') }, { kind: 'text', large: 'x'.repeat(3_000_000) }
]) {
  test(`a single ${kind} message above maxBuffered goes when nothing else waits`, async t => {
    const { client, socket } = await pair(t, { maxBuffered: 1000 })
    socket.send('small, and written first')
    await until(() => socket.bufferedAmount === 0)
    socket.send(large)
    t.equal((await client.frame()).payload.toString(), 'small, and written first')
    t.equal((await client.frame()).payload.length, large.length)
    t.equal(socket.dropped, 0)
    t.equal(socket.state, 'open')
  })
}

test('a single message above maxBuffered does not go when others wait', async t => {
  const { client, socket } = await pair(t, { overflow: 'drop' })
  await stall(client, socket)
  t.equal(socket.send(Buffer.alloc(3_000_000)), false)
  t.equal(socket.dropped, 1)
})

for (const { where, open } of [
  { where: 'over TCP', open: async (served: Served) => { await served.connect() } },
  { where: 'in memory', open: async (served: Served) => { await served.app.injectWS('/') } }
]) {
  test(`the answer to the handshake ${where} does not count as waiting, so the first message may be large`, async t => {
    let amount: number | undefined
    let closed = false
    const served = await serve(t, socket => {
      amount = socket.bufferedAmount
      socket.send(Buffer.alloc(2_000_000))
      closed = socket.state !== 'open'
    })
    await open(served)
    await until(() => amount !== undefined)
    t.equal(amount, 0)
    t.equal(closed, false)
  })

  test(`drained() at the beginning of a handler ${where} resolves, however low highWaterMark is`, async t => {
    let drained = false
    const served = await serve(t, async socket => {
      await socket.drained()
      drained = true
    }, { highWaterMark: 0 })
    await open(served)
    for (let i = 0; i < 10; i++) await turn()
    t.equal(drained, true)
  })
}

test('a text that does not fit is left out like any other message', async t => {
  const { client, socket } = await pair(t, { overflow: 'drop' })
  await stall(client, socket, 'x'.repeat(64_000))
  t.equal(socket.send('x'.repeat(1024 * 1024)), false)
  t.equal(socket.dropped, 1)
  t.equal(socket.state, 'open')
})

test('maxBuffered counts the bytes of a text, not its characters', async t => {
  const maxBuffered = 1024 * 1024
  const { client, socket } = await pair(t, { overflow: 'drop' })
  await stall(client, socket)
  const room = maxBuffered - socket.bufferedAmount
  t.equal(socket.send('€'.repeat(Math.floor(room / 2))), false)
  t.ok(socket.bufferedAmount <= maxBuffered)
  t.equal(socket.dropped, 1)
})
