import { test } from 'tap'
import type { Socket } from 'fastify-sockets'
import { frame, masked } from '../support/frames.ts'
import { BINARY, CLOSE, PING, PONG, TEXT } from '../support/opcodes.ts'
import type { RawClient } from '../support/raw-client.ts'
import { pair, serve } from '../support/serve.ts'
import { transportOf } from '../support/transport.ts'
import { turn, until } from '../support/until.ts'

/** The sizes of the writes to the transport from here on: several buffers may leave in one. */
function writesOf (socket: Socket<any, any>): number[] {
  const transport = transportOf(socket) as any
  const { _write, _writev } = transport
  const writes: number[] = []
  transport._write = function (chunk: Buffer, ...rest: any[]) {
    writes.push(chunk.length)
    _write.call(transport, chunk, ...rest)
  }
  transport._writev = function (chunks: Array<{ chunk: Buffer }>, ...rest: any[]) {
    writes.push(chunks.reduce((sum, { chunk }) => sum + chunk.length, 0))
    _writev.call(transport, chunks, ...rest)
  }
  return writes
}

async function texts (client: RawClient, count: number): Promise<string[]> {
  const found = []
  while (found.length < count) found.push((await client.frame()).payload.toString())
  return found
}

test('the replies to the frames of one chunk leave in one write, the pong among them', async t => {
  const { client, socket } = await pair(t)
  socket.on('message', message => { socket.send(`re ${message}`) })
  await turn()
  const writes = writesOf(socket)
  client.write(Buffer.concat([masked(TEXT, 'a'), masked(PING, 'p'), masked(TEXT, 'b'), masked(TEXT, 'c')]))
  t.strictSame(await texts(client, 4), ['re a', 'p', 're b', 're c'])
  t.strictSame(writes, [6 + 3 + 6 + 6])
})

test('several messages to one chunk are one write with the close that follows them', async t => {
  const { client, socket } = await pair(t)
  socket.on('message', message => { socket.send(message) })
  await turn()
  const writes = writesOf(socket)
  client.write(Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b'), masked(CLOSE)]))
  await socket.closed
  t.strictSame(writes, [3 + 3 + 2])
})

test('the replies to the messages that waited for the listener leave in one write', async t => {
  const { client, socket, app } = await pair(t)
  client.write(Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b')]))
  await until(() => app.sockets.stats().messagesIn === 2)
  const writes = writesOf(socket)
  socket.on('message', message => { socket.send(message) })
  t.strictSame(await texts(client, 2), ['a', 'b'])
  t.strictSame(writes, [6])
})

test('what asynchronous code sends in one turn leaves in one write', async t => {
  const { client, socket } = await pair(t)
  const writes = writesOf(socket)
  await turn()
  socket.send('a')
  socket.send('b')
  await Promise.resolve()
  socket.send('c')
  t.strictSame(writes, [], 'not before the code has come to its end')
  t.strictSame(await texts(client, 3), ['a', 'b', 'c'])
  t.strictSame(writes, [9])
})

test('sends of a later turn leave in a write of their own, and bytes out are counted', async t => {
  const { client, socket, app } = await pair(t)
  const writes = writesOf(socket)
  socket.send('a')
  await turn()
  socket.send('b')
  t.strictSame(await texts(client, 2), ['a', 'b'])
  t.strictSame(writes, [3, 3])
  t.equal(app.sockets.stats().bytesOut, 6)
  t.equal(app.sockets.stats().messagesOut, 2)
})

test('small and large messages, text and binary, keep their order', async t => {
  const { client, socket } = await pair(t, { highWaterMark: 10_000_000, maxBuffered: 10_000_000 })
  const sizes = [1, 20_000, 2, 3, 100_000, 70_000, 4, 2048, 2049, 5]
  for (const size of sizes) {
    socket.send('x'.repeat(size))
    socket.send(Buffer.alloc(size, 'y'))
  }
  for (const size of sizes) {
    const text = await client.frame()
    t.equal(text.opcode, TEXT)
    t.equal(text.payload.equals(Buffer.alloc(size, 'x')), true)
    const binary = await client.frame()
    t.equal(binary.opcode, BINARY)
    t.equal(binary.payload.equals(Buffer.alloc(size, 'y')), true)
  }
})

for (const size of [0, 125, 126, 2047, 2048, 2049, 65_535, 65_536]) {
  test(`a message of ${size} bytes is framed as the RFC says`, async t => {
    const { client, socket } = await pair(t)
    const wanted = Buffer.concat([frame(TEXT, Buffer.alloc(size, 'x')), frame(BINARY, Buffer.alloc(size, 1))])
    socket.send('x'.repeat(size))
    socket.send(Buffer.alloc(size, 1))
    await until(() => client.received.length >= wanted.length)
    t.equal(client.received.equals(wanted), true)
  })
}

test('far more small messages in one turn than any one buffer holds keep their order', async t => {
  const { client, socket } = await pair(t, { highWaterMark: 10_000_000, maxBuffered: 10_000_000 })
  const wanted = Array.from({ length: 2000 }, (_, i) => `${i} ${'.'.repeat(i % 300)}`)
  for (const text of wanted) socket.send(text)
  t.strictSame(await texts(client, wanted.length), wanted)
})

test('messages that go past highWaterMark in the middle of a chunk keep their order', async t => {
  const { client, socket } = await pair(t, { highWaterMark: 1000 })
  socket.on('message', message => { socket.send(`${message} ${'.'.repeat(300)}`) })
  await turn()
  client.write(Buffer.concat(Array.from({ length: 50 }, (_, i) => masked(TEXT, String(i)))))
  const found = await texts(client, 50)
  t.strictSame(found.map(text => text.split(' ')[0]), Array.from({ length: 50 }, (_, i) => String(i)))
})

test('messages to several connections in turn reach each its own, in order', async t => {
  const sockets: Socket[] = []
  const { open } = await serve(t, socket => { sockets.push(socket) })
  const clients = [await open(), await open(), await open()]
  for (let i = 0; i < 10; i++) {
    sockets.forEach((socket, which) => { socket.send(`${which} ${i}`) })
    sockets[1]!.send(Buffer.alloc(20_000 + i))
  }
  for (let i = 0; i < 10; i++) {
    for (const [which, client] of clients.entries()) {
      t.equal((await client.frame()).payload.toString(), `${which} ${i}`)
      if (which === 1) t.equal((await client.frame()).payload.length, 20_000 + i)
    }
  }
})

test("a handler that sends to all connections reaches all, in one write each", async t => {
  const { open, app } = await serve(t, socket => {
    socket.on('message', message => { for (const one of app.sockets) one.send(message) })
  })
  const clients = [await open(), await open(), await open()]
  const writes = [...app.sockets].map(writesOf)
  await turn()
  clients[1]!.write(Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b')]))
  for (const client of clients) t.strictSame(await texts(client, 2), ['a', 'b'])
  t.strictSame(writes, [[6], [6], [6]])
})

test('a connection that is reset while its frames wait does not disturb the others', async t => {
  const sockets: Socket[] = []
  const { open } = await serve(t, socket => { sockets.push(socket) })
  await open()
  const stays = await open()
  sockets[0]!.send('never written')
  sockets[0]!.terminate()
  process.nextTick(() => { sockets[1]!.send('written') })
  await sockets[0]!.closed
  t.equal((await stays.frame()).payload.toString(), 'written')
})

test('a large message leaves in one write with the small ones around it', async t => {
  const { client, socket } = await pair(t)
  const writes = writesOf(socket)
  socket.send('before')
  socket.send(Buffer.alloc(20_000))
  socket.send('after')
  await client.frame()
  await client.frame()
  t.equal((await client.frame()).payload.toString(), 'after')
  t.strictSame(writes, [8 + 20_004 + 7])
})

test('what an earlier message has left in memory does not show in the next', async t => {
  const { client, socket } = await pair(t)
  socket.send('a long text that fills the memory')
  await turn()
  socket.send('b')
  socket.send(Buffer.from([1]))
  await client.frame()
  t.match(await client.frame(), { opcode: TEXT, payload: Buffer.from('b') })
  t.match(await client.frame(), { opcode: BINARY, payload: Buffer.from([1]) })
})

test('a small buffer may be changed as soon as it was sent', async t => {
  const { client, socket } = await pair(t)
  const data = Buffer.from('before')
  socket.send(data)
  data.fill('!')
  t.equal((await client.frame()).payload.toString(), 'before')
})

test('pongs and messages keep their order', async t => {
  const { client, socket } = await pair(t)
  socket.on('message', message => { socket.send(message) })
  await turn()
  client.write(Buffer.concat([masked(PING, '1'), masked(TEXT, '2'), masked(PING, '3')]))
  const frames = [await client.frame(), await client.frame(), await client.frame()]
  t.strictSame(frames.map(one => [one.opcode, one.payload.toString()]), [[PONG, '1'], [TEXT, '2'], [PONG, '3']])
})

test('a buffer whose memory was given away cannot be sent, and the messages after it can', async t => {
  const sockets: Socket[] = []
  const { open } = await serve(t, socket => { sockets.push(socket) })
  const clients = [await open(), await open()]
  const data = new Uint8Array(10)
  structuredClone(data, { transfer: [data.buffer] })
  t.throws(() => sockets[0]!.send(data), { code: 'FST_ERR_WS_SEND_TYPE' })
  sockets[1]!.send('to 1')
  sockets[0]!.send('to 0')
  for (const [i, client] of clients.entries()) t.equal((await client.frame()).payload.toString(), `to ${i}`)
})
