import { test } from 'tap'
import { compressed, deflate, inflate, OFFER, original } from '../support/deflate.ts'
import { masked } from '../support/frames.ts'
import { BINARY, PING, TEXT } from '../support/opcodes.ts'
import { nextMessage, pair, serve } from '../support/serve.ts'
import { noise } from '../support/splits.ts'
import { until } from '../support/until.ts'

const RSV1 = 4

const ECHO = (socket: any): void => { socket.on('message', (message: any) => { socket.send(message) }) }
/** More than is inflated or deflated at once, and hard to compress. */
const LARGE = noise(100_000)

test('a message goes both ways compressed, text as text and binary as binary', async t => {
  const { open } = await serve(t, ECHO, { deflate: { threshold: 0 } })
  const client = await open(OFFER)
  for (const [opcode, message] of [[TEXT, 'hello hello hello hellö'], [BINARY, Buffer.alloc(500, 7)]] as const) {
    client.write(compressed(opcode, message))
    const reply = await client.frame()
    t.match(reply, { fin: true, rsv: RSV1, opcode, masked: false })
    t.ok(inflate(reply.payload).equals(Buffer.from(message)))
    t.ok(reply.payload.length < message.length)
  }
})

test('a compressed message may come in fragments, with control frames between them', async t => {
  const { client, socket } = await pair(t, { deflate: true }, {}, OFFER)
  const payload = deflate('hello '.repeat(20))
  client.send(TEXT, payload.subarray(0, 3), { fin: false, rsv: RSV1 })
  client.send(PING, 'p')
  client.send(0, payload.subarray(3, 3), { fin: false })
  client.send(0, payload.subarray(3))
  t.equal(await nextMessage(socket), 'hello '.repeat(20))
  t.match(await client.frame(), { opcode: 10, rsv: 0 })
})

test('messages of fewer bytes than threshold, empty ones and those that would grow are sent as they are', async t => {
  const { client, socket } = await pair(t, { deflate: { threshold: 10 } }, {}, OFFER)
  const asTheyAre = ['', 'a'.repeat(9), 'ä'.repeat(4), Buffer.alloc(9), noise(10), noise(1000), LARGE]
  for (const message of asTheyAre) {
    socket.send(message)
    const frame = await client.frame()
    t.equal(frame.rsv, 0)
    t.ok(frame.payload.equals(Buffer.from(message)))
  }
  for (const message of ['a'.repeat(10), 'ä'.repeat(5), Buffer.alloc(10), 'a'.repeat(100_000)]) {
    socket.send(message)
    const frame = await client.frame()
    t.equal(frame.rsv, RSV1)
    t.ok(inflate(frame.payload).equals(Buffer.from(message)))
  }
})

test('empty messages come compressed, uncompressed, or compressed to nothing at all', async t => {
  const { client, socket } = await pair(t, { deflate: { threshold: 0 } }, {}, OFFER)
  const messages: unknown[] = []
  socket.on('message', message => { messages.push(message) })
  client.send(TEXT, deflate(''), { rsv: RSV1 })
  client.send(TEXT, '', { rsv: RSV1 })
  client.send(TEXT)
  client.send(BINARY, deflate(''), { rsv: RSV1 })
  client.send(BINARY, '', { rsv: RSV1 })
  client.send(TEXT, 'last')
  await until(() => messages.includes('last'))
  t.strictSame(messages.map(String), ['', '', '', '', '', 'last'])
  t.same(messages.map(message => typeof message), ['string', 'string', 'string', 'object', 'object', 'string'])
})

test('a client that does not offer compression gets none, and must not use it', async t => {
  const { client, socket } = await pair(t, { deflate: { threshold: 0 } })
  t.equal(socket.extensions, '')
  socket.send('a'.repeat(2000))
  t.match(await client.frame(), { rsv: 0, payload: Buffer.alloc(2000, 'a') })
  client.write(compressed(TEXT, 'hello'))
  t.equal((await client.close()).code, 1002)
})

test('a route without the option agrees on nothing', async t => {
  const { client, socket } = await pair(t, {}, {}, OFFER)
  t.equal(socket.extensions, '')
  client.write(compressed(TEXT, 'hello'))
  t.match(await client.close(), { code: 1002, reason: /reserved bit/ })
})

test('RSV1 on a control frame or a continuation is refused', async t => {
  const { open } = await serve(t, () => {}, { deflate: true })
  const wrong = [
    masked(PING, 'p', { rsv: RSV1 }), masked(8, '', { rsv: RSV1 }),
    Buffer.concat([masked(TEXT, 'a', { fin: false }), masked(0, 'b', { rsv: RSV1 })])
  ]
  for (const bytes of wrong) {
    const client = await open(OFFER)
    client.write(bytes)
    t.match(await client.close(), { code: 1002, reason: /RSV1 belongs on the first frame/ })
  }
})

const FAULTS: Array<[string, Buffer, number, RegExp]> = [
  ['broken data', masked(TEXT, Buffer.from('f248ff', 'hex'), { rsv: RSV1 }), 1007, /cannot be inflated/],
  ['a message cut short', masked(TEXT, deflate('hello').subarray(0, 4), { rsv: RSV1 }), 1007, /cannot be inflated/],
  ['an invalid block', masked(TEXT, Buffer.from('ffffffff', 'hex'), { rsv: RSV1 }), 1007, /cannot be inflated/],
  ['broken data in a large message', masked(TEXT, LARGE, { rsv: RSV1 }), 1007, /cannot be inflated/],
  ['text that is not UTF-8', compressed(TEXT, Buffer.from([0x61, 0xff])), 1007, /UTF-8/],
  ['large text that is not UTF-8', compressed(TEXT, LARGE), 1007, /UTF-8/],
  ['a bomb', compressed(TEXT, Buffer.alloc(200_001, 'a')), 1009, /maxPayload, 200000 bytes/],
  ['a message of one byte too many', compressed(BINARY, noise(200_001)), 1009, /maxPayload/]
]
for (const [name, bytes, code, reason] of FAULTS) {
  test(`${name} ends the connection with ${code}, and no other one notices`, async t => {
    const { open } = await serve(t, ECHO, { maxPayload: 200_000, deflate: { threshold: 0 } })
    const other = await open(OFFER)
    const client = await open(OFFER)
    client.write(Buffer.concat([compressed(TEXT, 'good'), bytes, compressed(TEXT, 'late')]))
    t.equal(original(await client.frame()).toString(), 'good')
    t.match(await client.close(), { code, reason })
    await client.end()
    t.equal(client.received.length, 0)
    for (const message of ['hello hello', noise(200_000)]) {
      other.write(compressed(BINARY, message))
      t.ok(original(await other.frame()).equals(Buffer.from(message)))
    }
  })
}

test('with context takeover a message that was sent before costs next to nothing, in both directions', async t => {
  const { connect } = await serve(t, ECHO, { deflate: { threshold: 0, contextTakeover: true } })
  const client = await connect({ perMessageDeflate: { threshold: 0 } })
  t.equal(client.extensions, 'permessage-deflate')
  const transport = (client as any)._socket
  const message = noise(5000)
  const sizes: number[] = []
  for (let i = 0; i < 3; i++) {
    const before = transport.bytesRead
    client.send(message)
    const reply = await new Promise<Buffer>(resolve => { client.once('message', resolve) })
    t.ok(reply.equals(message))
    sizes.push(transport.bytesRead - before)
  }
  t.ok(sizes[0]! > 5000)
  t.ok(sizes[1]! < 100)
  t.ok(sizes[2]! < 100)
})

test('what was agreed on is what the socket says', async t => {
  const { connect, app } = await serve(t, () => {}, { deflate: { contextTakeover: true, windowBits: 12 } })
  const client = await connect()
  const [socket] = app.sockets
  t.equal(socket!.extensions, 'permessage-deflate; server_max_window_bits=12; client_max_window_bits=12')
  t.equal(client.extensions, 'permessage-deflate')
})
