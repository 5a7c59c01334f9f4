import { test } from 'tap'
import { ProtocolError } from 'fastify-sockets'
import { closeBody, frame, masked } from '../support/frames.ts'
import { BINARY, CLOSE, PING, TEXT } from '../support/opcodes.ts'
import { nextMessage, pair } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

const VIOLATIONS = [
  { name: 'an unmasked frame', bytes: frame(TEXT, 'x'), code: 1002, reason: /must be masked/ },
  { name: 'a reserved opcode', bytes: masked(3), code: 1002, reason: /opcode 3 is reserved/ },
  { name: 'a reserved bit', bytes: masked(TEXT, 'x', { rsv: 4 }), code: 1002, reason: /reserved bit/ },
  { name: 'a fragmented ping', bytes: masked(PING, 'x', { fin: false }), code: 1002, reason: /must not be fragmented/ },
  { name: 'a ping of 126 bytes', bytes: masked(PING, Buffer.alloc(126)), code: 1002, reason: /125 bytes/ },
  { name: 'a continuation of nothing', bytes: masked(0, 'x'), code: 1002, reason: /no message to continue/ },
  { name: 'a length in too many bytes', bytes: masked(TEXT, 'x', { lengthBytes: 2 }), code: 1002, reason: /fewest/ },
  { name: 'a close frame of one byte', bytes: masked(CLOSE, 'x'), code: 1002, reason: /two-byte code/ },
  { name: 'a close frame with a forbidden code', bytes: masked(CLOSE, closeBody(1006)), code: 1002, reason: /1006/ },
  {
    name: 'a close reason that is not UTF-8',
    bytes: masked(CLOSE, closeBody(1000, Buffer.from([0xff]))),
    code: 1007,
    reason: /UTF-8/
  },
  { name: 'a text that is not UTF-8', bytes: masked(TEXT, Buffer.from([0xc3, 0x28])), code: 1007, reason: /UTF-8/ },
  { name: 'a message above maxPayload', bytes: masked(BINARY, Buffer.alloc(1001)), code: 1009, reason: /maxPayload/ },
  {
    name: 'fragments that are above maxPayload together',
    bytes: Buffer.concat([masked(BINARY, Buffer.alloc(600), { fin: false }), masked(0, Buffer.alloc(600))]),
    code: 1009,
    reason: /maxPayload/
  }
]

for (const { name, bytes, code, reason } of VIOLATIONS) {
  test(`${name} ends the connection with ${code} and an error event`, async t => {
    const { client, socket, app } = await pair(t, { maxPayload: 1000 })
    const events: any[] = []
    socket.on('error', error => { events.push(error) })
    socket.on('close', info => { events.push(info) })
    client.write(bytes)
    const seen = await client.close()
    t.equal(seen.code, code)
    t.match(seen.reason, reason)
    await client.end()
    const info = await socket.closed
    t.match(info, { code, reason, wasClean: false, initiator: 'local' })
    await turn()
    t.equal(events.length, 2)
    t.ok(events[0] instanceof ProtocolError)
    t.match(events[0], { code: 'FST_ERR_WS_PROTOCOL', closeCode: code, message: reason })
    t.equal(events[1], info)
    t.match(app.lines.find(line => line.ws), { level: 30, ws: { code }, err: { message: reason } })
  })
}

test('messages before a violation are delivered, the one that breaks the rule and those behind it are not', async t => {
  const { client, socket } = await pair(t)
  client.write(Buffer.concat([masked(TEXT, 'good'), masked(TEXT, Buffer.from([0xff])), masked(TEXT, 'late')]))
  const found = []
  for await (const message of socket) found.push(message)
  t.strictSame(found, ['good'])
  t.equal((await client.close()).code, 1007)
})

test('replies to the messages before a violation go out before the close frame', async t => {
  const { client, socket } = await pair(t)
  socket.on('message', message => { socket.send(message) })
  await turn()
  client.write(Buffer.concat([masked(TEXT, 'good'), masked(3)]))
  t.equal((await client.frame()).payload.toString(), 'good')
  t.equal((await client.close()).code, 1002)
})

test('a violation behind a full queue is found when the queue is taken', async t => {
  const { client, socket, app } = await pair(t, { maxQueued: 0 })
  const sent = Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b'), masked(3)])
  client.write(sent)
  await until(() => app.sockets.stats().bytesIn === sent.length)
  t.equal(socket.state, 'open')
  const found: unknown[] = []
  socket.on('message', message => { found.push(message) })
  t.equal((await client.close()).code, 1002)
  t.strictSame(found, ['a', 'b'])
})

test('a violation after our close frame ends the connection with our code and no second close frame', async t => {
  const { client, socket } = await pair(t)
  const errors: any[] = []
  socket.on('error', error => { errors.push(error) })
  const closed = socket.close(4000, 'bye')
  t.equal((await client.close()).code, 4000)
  client.write(masked(3))
  await client.end()
  t.equal(client.received.length, 0)
  t.strictSame(await closed, { code: 4000, reason: 'bye', wasClean: false, initiator: 'local' })
  t.strictSame(errors.map(error => error.code), ['FST_ERR_WS_PROTOCOL'])
})

test('bytes behind a violation are read and ignored, so that the close frame is not lost in a reset', async t => {
  const { client, socket, app } = await pair(t)
  client.write(masked(3))
  for (let i = 0; i < 50; i++) client.write(Buffer.alloc(10_000))
  t.equal((await client.close()).code, 1002)
  await client.end()
  t.equal((await socket.closed).code, 1002)
  t.equal(app.sockets.size, 0)
})

test('a message of exactly maxPayload is taken', async t => {
  const { client, socket } = await pair(t, { maxPayload: 1000 })
  client.send(BINARY, Buffer.alloc(1000, 7))
  const message = await nextMessage(socket)
  t.equal(message.equals(Buffer.alloc(1000, 7)), true)
})
