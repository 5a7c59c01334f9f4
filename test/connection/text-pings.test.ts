import type { Socket } from 'fastify-sockets'
import { test } from 'tap'
import { createApp } from '../support/app.ts'
import { fakeClock, noSpread } from '../support/clock.ts'
import { compressed, OFFER } from '../support/deflate.ts'
import { closeBody, masked } from '../support/frames.ts'
import { heard } from '../support/heard.ts'
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT } from '../support/opcodes.ts'
import type { RawClient } from '../support/raw-client.ts'
import { listenTo, pair, serve, stall } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

const JSON_ROUTE = { schema: { message: {}, send: {} } }
const ANSWER = { opcode: TEXT, fin: true, rsv: 0, payload: Buffer.alloc(0) }

/** What is on the wire until the pong that the test asks for. */
async function texts (client: RawClient): Promise<string[]> {
  const found: string[] = []
  for (;;) {
    const { opcode, payload } = await client.frame()
    if (opcode === PONG) return found
    found.push(payload.toString())
  }
}

for (const [name, route] of [
  ['schema.message and schema.send', JSON_ROUTE],
  ['schema.message', { schema: { message: { type: 'object' } } }],
  ['schema.send', { schema: { send: {} } }],
  ['a union as schema.message', { schema: { message: { anyOf: [{ type: 'string' }, { type: 'null' }] } } }],
  ['attachValidation', { schema: { message: { type: 'object' } }, attachValidation: true }]
] as const) {
  test(`an empty text is answered by one where a route has ${name}, and counts as no message`, async t => {
    const incoming = heard(t, 'message.in')
    const outgoing = heard(t, 'message.out')
    const errors = heard(t, 'error')
    const ws = { onInvalidMessage: () => { t.fail('it is no invalid message') } }
    const { client, socket, app } = await pair(t, ws, route)
    for (const event of ['message', 'ping', 'pong', 'error'] as const) socket.on(event, () => { t.fail(`it is no ${event}`) })
    for (let i = 0; i < 2; i++) {
      client.send(TEXT, '')
      t.match(await client.frame(), ANSWER)
    }
    t.equal(socket.validationError, null)
    t.match(app.sockets.stats(), { messagesIn: 0, messagesOut: 0, bytesIn: 12, bytesOut: 4 })
    t.same([incoming, outgoing, errors], [[], [], []])
    t.equal(socket.state, 'open')
  })
}

test('without a schema it is a message as any other', async t => {
  const { client, socket, app } = await pair(t)
  socket.on('message', message => { socket.send(`<${message}>`) })
  client.send(TEXT, '')
  t.equal((await client.frame()).payload.toString(), '<>')
  t.equal(app.sockets.stats().messagesIn, 1)
})

test('a route that also serves plain requests answers it', async t => {
  const app = createApp(t)
  app.get('/', { ...JSON_ROUTE, ws: { handler: () => {} } }, async () => 'http')
  const { open } = await listenTo(t, app)
  const client = await open()
  client.send(TEXT, '')
  t.match(await client.frame(), ANSWER)
})

for (const [what, opcode, payload, code] of [['a blank', TEXT, ' ', 1007], ['no bytes', BINARY, '', 1003]] as const) {
  test(`a message of ${what} is an invalid one, as ever`, async t => {
    const { client, socket } = await pair(t, {}, JSON_ROUTE)
    socket.on('message', () => {})
    client.send(opcode, payload)
    t.equal((await client.close()).code, code)
  })
}

test('it may come in fragments or compressed, and the answer is neither', async t => {
  const { client } = await pair(t, { deflate: { threshold: 0 } }, JSON_ROUTE, OFFER)
  for (const bytes of [
    Buffer.concat([masked(TEXT, '', { fin: false }), masked(CONTINUATION)]),
    compressed(TEXT, ''),
    masked(TEXT, '', { rsv: 4 })
  ]) {
    client.write(bytes)
    t.match(await client.frame(), ANSWER)
  }
})

test('a handler that is slow, or has messages left to take, does not keep it from being answered', async t => {
  const { client, socket, app } = await pair(t, {}, JSON_ROUTE)
  client.send(TEXT, '1')
  client.send(TEXT, '')
  t.match(await client.frame(), ANSWER)
  t.equal(app.sockets.stats().messagesIn, 1)
  socket.on('message', message => { socket.send(message) })
  t.equal((await client.frame()).payload.toString(), '1')
})

test('it comes in order: a reply to what was sent before it, at once, is ahead of its answer', async t => {
  const { client, socket } = await pair(t, {}, JSON_ROUTE)
  socket.on('message', message => { socket.send(message) })
  client.write(Buffer.concat([masked(TEXT, '1'), masked(TEXT), masked(TEXT, '2')]))
  for (const text of ['1', '', '2']) t.equal((await client.frame()).payload.toString(), text)
})

test('while a connection is not read, as beyond maxQueued, it waits like all that the client sends', async t => {
  const { client, socket, app } = await pair(t, { maxQueued: 0 }, JSON_ROUTE)
  client.send(TEXT, '1')
  await until(() => app.sockets.stats().paused === 1)
  client.send(TEXT, '')
  for (let i = 0; i < 5; i++) await turn()
  t.equal(app.sockets.stats().bytesOut, 0)
  socket.on('message', () => {})
  t.match(await client.frame(), ANSWER)
})

test('a large message that is still being compressed does not hold up the answer', async t => {
  const { client, socket } = await pair(t, { deflate: true, highWaterMark: 1_000_000 }, { schema: { message: {} } }, OFFER)
  socket.on('ping', () => { socket.send(Buffer.alloc(500_000, 'abc')) })
  client.write(Buffer.concat([masked(PING), masked(TEXT)]))
  t.equal((await client.frame()).opcode, PONG)
  t.match(await client.frame(), ANSWER)
  t.match(await client.frame(), { opcode: BINARY, rsv: 4 })
})

test('idleTimeout sees neither it nor its answer', async t => {
  noSpread(t)
  const clock = fakeClock(t)
  const { client } = await pair(t, { idleTimeout: 60_000, heartbeat: false }, JSON_ROUTE)
  for (let i = 0; i < 3; i++) {
    clock.tick(19_000)
    client.send(TEXT, '')
    t.match(await client.frame(), ANSWER)
  }
  clock.tick(3000)
  t.same(await client.close(), { code: 1001, reason: 'idle for too long' })
})

test('heartbeat takes it for a sign of life', async t => {
  noSpread(t)
  const clock = fakeClock(t)
  const { client, socket } = await pair(t, { heartbeat: { interval: 10_000, timeout: 10_000 } }, JSON_ROUTE)
  for (let i = 0; i < 6; i++) {
    clock.tick(9000)
    client.send(TEXT, '')
    t.match(await client.frame(), ANSWER)
  }
  t.equal(socket.state, 'open')
})

test('messagesPerSecond counts it', async t => {
  const { client } = await pair(t, { limits: { messagesPerSecond: 2 } }, JSON_ROUTE)
  client.write(Buffer.concat([masked(TEXT), masked(TEXT), masked(TEXT)]))
  for (let i = 0; i < 2; i++) t.match(await client.frame(), ANSWER)
  t.equal((await client.close()).code, 1013)
})

test('once we have closed, it is not answered, and what follows it is still delivered', async t => {
  noSpread(t)
  const clock = fakeClock(t)
  const { client, socket } = await pair(t, { maxLifetime: 10_000, heartbeat: false }, JSON_ROUTE)
  const found: unknown[] = []
  socket.on('message', message => { found.push(message) })
  clock.tick(10_000)
  t.equal((await client.close()).code, 1001)
  client.write(Buffer.concat([masked(TEXT), masked(TEXT, '1')]))
  await until(() => found.length === 1)
  t.strictSame(found, [1])
  client.send(CLOSE, closeBody(1001))
  await client.end()
  t.equal(client.received.length, 0)
})

test('a client that does not read is owed one answer, however often it asks', async t => {
  const { client, socket, app } = await pair(t, {}, { schema: { message: {} } })
  const sent = await stall(client, socket)
  const waits = socket.bufferedAmount
  const { bytesIn } = app.sockets.stats()
  client.write(Buffer.concat([...Array<Buffer>(1000).fill(masked(TEXT)), masked(PING, 'a'), masked(PING, 'b')]))
  await until(() => app.sockets.stats().bytesIn === bytesIn + 6 * 1000 + 14)
  t.equal(socket.bufferedAmount, waits)
  client.socket.resume()
  for (let i = 0; i < sent; i++) t.equal((await client.frame()).opcode, BINARY)
  t.match(await client.frame(), { opcode: PONG, payload: Buffer.from('b') })
  t.match(await client.frame(), ANSWER)
  client.send(PING, 'end')
  t.same(await texts(client), [], 'no more than that')
})

test('only who asks gets the answer', async t => {
  const { open, app } = await serve(t, () => {}, {}, JSON_ROUTE)
  const [one, other] = [await open(), await open()]
  one.send(TEXT, '')
  t.match(await one.frame(), ANSWER)
  app.sockets.broadcast({ a: 1 })
  for (const client of [one, other]) t.equal((await client.frame()).payload.toString(), '{"a":1}')
})

test('a client of our own that sends an empty text takes the answer for none of its messages, and answers nothing', async t => {
  const app = createApp(t)
  app.get('/', { ws: true, schema: { send: {} } }, (socket: Socket<any, any>) => { socket.on('message', message => { socket.send({ message }) }) })
  await app.ready()
  const client = await app.injectWS('/') as any
  t.teardown(() => client.terminate())
  client.send('')
  client.send('text')
  for await (const message of client) {
    t.same(message, { message: 'text' })
    break
  }
  t.match(app.sockets.stats(), { messagesIn: 1, messagesOut: 1, bytesIn: 16 })
})
