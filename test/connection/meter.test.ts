import type { LimitOptions } from 'fastify-sockets'
import { test } from 'tap'
import { createApp } from '../support/app.ts'
import { fakeClock } from '../support/clock.ts'
import { compressed, OFFER } from '../support/deflate.ts'
import { closeBody, masked } from '../support/frames.ts'
import { answerClose, LARGE, limited, numbers, record, texts } from '../support/limited.ts'
import { BINARY, CLOSE, PING, PONG, TEXT } from '../support/opcodes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { listenTo, pair, serve } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

const REASON = 'too many messages or bytes a second'
const OVER_RATE = { code: 1013, reason: REASON, wasClean: true, initiator: 'local' }

for (const { kind, bytes, event } of [
  { kind: 'text message', bytes: masked(TEXT, 'text'), event: 'text' },
  { kind: 'binary message', bytes: masked(BINARY, 'abc'), event: 3 },
  { kind: 'empty message', bytes: masked(TEXT), event: '' },
  {
    kind: 'message in fragments',
    bytes: Buffer.concat([masked(TEXT, 'te', { fin: false }), masked(0, 'xt')]),
    event: 'text'
  },
  { kind: 'compressed message', bytes: compressed(TEXT, 'text'), event: 'text' },
  { kind: 'large compressed message', bytes: compressed(BINARY, LARGE), event: LARGE.length },
  { kind: 'ping', bytes: masked(PING, 'p'), event: 'ping p' },
  { kind: 'pong', bytes: masked(PONG, 'p'), event: 'pong p' }
]) {
  test(`messagesPerSecond: each ${kind} counts as one; the message past the limit is not delivered`, async t => {
    const { client, socket, events } = await limited(t, { messagesPerSecond: 3 }, { deflate: true }, OFFER)
    client.write(Buffer.concat([bytes, bytes, bytes]))
    await until(() => events.length === 3)
    t.equal(socket.state, 'open', 'a second’s worth may come at once')
    client.send(TEXT, 'too many')
    for (let answers = kind === 'ping' ? 3 : 0; answers > 0; answers--) t.equal((await client.frame()).opcode, PONG)
    t.strictSame(await answerClose(client), { code: 1013, reason: REASON })
    t.strictSame(await socket.closed, OVER_RATE)
    await turn()
    t.strictSame(events, [event, event, event, 'FST_ERR_WS_OVER_RATE', 1013])
  })
}

test('a ping past the limit is neither reported nor answered', async t => {
  const { client, events } = await limited(t, { messagesPerSecond: 1 })
  client.write(Buffer.concat([masked(PING, '1'), masked(PING, '2')]))
  t.match(await client.frame(), { opcode: PONG, payload: Buffer.from('1') })
  t.equal((await client.close()).code, 1013)
  t.strictSame(events, ['ping 1', 'FST_ERR_WS_OVER_RATE'])
})

test('a large compressed message past the limit is not delivered when it has been inflated', async t => {
  const { client, events } = await limited(t, { messagesPerSecond: 1 }, { deflate: true }, OFFER)
  client.write(Buffer.concat([masked(TEXT, 'one'), compressed(BINARY, LARGE), masked(TEXT, 'three')]))
  t.equal((await client.close()).code, 1013)
  t.strictSame(events, ['one', 'FST_ERR_WS_OVER_RATE'])
})

test('the error says what the peer did, and the log says it too', async t => {
  const { client, socket, app } = await limited(t, { messagesPerSecond: 1 })
  const errors: Error[] = []
  socket.on('error', error => { errors.push(error) })
  client.write(texts(2))
  await answerClose(client)
  await socket.closed
  const message = 'the peer sends more than limits.messagesPerSecond or limits.bytesPerSecond allow'
  t.match(errors, [{ code: 'FST_ERR_WS_OVER_RATE', closeCode: 1013, message }])
  const line = app.lines.find(({ msg }) => msg === 'websocket closed')
  t.match(line, { ws: { code: 1013, reason: REASON, messagesIn: 1 }, err: { code: 'FST_ERR_WS_OVER_RATE', message } })
})

test('time refills what may come, in step, and no more of it than a second’s worth', async t => {
  const { client, socket, clock, events } = await limited(t, { messagesPerSecond: 4 })
  client.write(texts(4))
  await until(() => events.length === 4)
  for (let i = 4; i < 8; i++) {
    clock.tick(250)
    client.write(texts(1, i))
    await until(() => events.length === i + 1)
  }
  clock.tick(3_600_000)
  client.write(texts(4, 8))
  await until(() => events.length === 12)
  clock.tick(249)
  t.equal(socket.state, 'open')
  client.write(texts(1, 12))
  t.equal((await client.close()).code, 1013)
  t.strictSame(events, [...numbers(12), 'FST_ERR_WS_OVER_RATE'])
})

for (const { what, within, past } of [
  {
    what: 'a message with its header',
    within: masked(BINARY, Buffer.alloc(94)),
    past: masked(BINARY, Buffer.alloc(95))
  },
  {
    what: 'headers of empty pongs',
    within: Buffer.concat(Array(16).fill(masked(PONG))),
    past: Buffer.concat(Array(17).fill(masked(PONG)))
  },
  {
    what: 'a message that has not come to its end',
    within: masked(BINARY, Buffer.alloc(200)).subarray(0, 100),
    past: masked(BINARY, Buffer.alloc(200)).subarray(0, 101)
  }
]) {
  test(`bytesPerSecond counts ${what}`, async t => {
    const { client, socket, app, open } = await limited(t, { bytesPerSecond: 100 })
    client.write(within)
    await until(() => app.sockets.stats().bytesIn === within.length)
    t.equal(socket.state, 'open')
    const other = await open()
    const errors: unknown[] = []
    const [, second] = app.sockets
    second!.on('error', error => { errors.push((error as any).code) })
    second!.on('message', () => { t.fail('a message past the limit was delivered') })
    other.write(past)
    t.strictSame(await other.close(), { code: 1013, reason: REASON })
    t.strictSame(errors, ['FST_ERR_WS_OVER_RATE'])
    t.equal(socket.state, 'open', 'each connection has its own limit')
  })
}

test('time refills the bytes that may come, and no more of them than a second’s worth', async t => {
  const { client, socket, clock, app } = await limited(t, { bytesPerSecond: 100 })
  let sent = 0
  /** Sends so many bytes; they are within the limit. */
  async function send (bytes: number): Promise<void> {
    client.write(masked(BINARY, Buffer.alloc(bytes - 6)))
    sent += bytes
    await until(() => app.sockets.stats().bytesIn === sent)
    t.equal(socket.state, 'open')
  }
  await send(100)
  clock.tick(500)
  await send(50)
  clock.tick(3_600_000)
  await send(100)
  clock.tick(490)
  client.write(masked(BINARY, Buffer.alloc(44)))
  t.equal((await client.close()).code, 1013)
})

test('both limits hold', async t => {
  for (const bytes of [texts(3), masked(BINARY, Buffer.alloc(95))]) {
    const limits = { messagesPerSecond: 2, bytesPerSecond: 100 }
    const { open } = await serve(t, () => {}, { heartbeat: false, limits })
    const client = await open()
    client.write(bytes)
    t.equal((await client.close()).code, 1013)
  }
})

test('what comes behind the limit is read up to the peer’s close frame: one error, a clean end', async t => {
  const { client, socket, events } = await limited(t, { messagesPerSecond: 2, bytesPerSecond: 1000 })
  const more = Buffer.concat([texts(50), masked(PING), masked(BINARY, Buffer.alloc(2000))])
  client.write(Buffer.concat([more, masked(CLOSE, closeBody(1013))]))
  t.equal((await client.close()).code, 1013)
  await client.end()
  t.strictSame(await socket.closed, OVER_RATE)
  await turn()
  t.strictSame(events, ['FST_ERR_WS_OVER_RATE', 1013])
})

test('what comes together with the handshake counts', async t => {
  const { port } = await serve(t, () => {}, { heartbeat: false, limits: { messagesPerSecond: 2 } })
  const client = new RawClient(port)
  client.write(Buffer.concat([Buffer.from(handshake('/')), texts(3)]))
  t.equal((await client.response()).status, 101)
  t.equal((await client.close()).code, 1013)
  await client.destroy()
})

test('without a limit any number of messages is delivered', async t => {
  const { client, socket } = await pair(t, { heartbeat: false, limits: {} })
  const events = record(socket)
  client.write(texts(5000))
  await until(() => events.length === 5000)
  t.equal(socket.state, 'open')
})

for (const { plugin, route, delivered } of [
  { plugin: { messagesPerSecond: 2 }, route: undefined, delivered: 2 },
  { plugin: { messagesPerSecond: 2 }, route: { connections: 10 }, delivered: 2 },
  { plugin: { messagesPerSecond: 2 }, route: { messagesPerSecond: 4 }, delivered: 4 },
  { plugin: { messagesPerSecond: 4 }, route: { messagesPerSecond: 2 }, delivered: 2 },
  { plugin: { messagesPerSecond: 2, over: 'pause' }, route: { over: 'close' }, delivered: 2 },
  { plugin: { messagesPerSecond: 2 }, route: { messagesPerSecond: undefined }, delivered: 2 },
  { plugin: { over: 'close' }, route: { messagesPerSecond: 2 }, delivered: 2 },
  { plugin: undefined, route: { messagesPerSecond: 2 }, delivered: 2 },
  // A 7 B frame each.
  { plugin: { messagesPerSecond: 4 }, route: { bytesPerSecond: 25 }, delivered: 3 },
  { plugin: { messagesPerSecond: 2, bytesPerSecond: 1 }, route: { bytesPerSecond: 1000 }, delivered: 2 }
] satisfies Array<{ plugin?: LimitOptions, route?: LimitOptions, delivered: number }>) {
  test(`a route’s limits ${JSON.stringify(route)} go before the plugin’s ${JSON.stringify(plugin)}`, async t => {
    fakeClock(t, 'performance')
    const app = createApp(t, { limits: plugin })
    app.get('/', { ws: { limits: route } }, () => {})
    const { open } = await listenTo(t, app)
    const client = await open()
    const events = record([...app.sockets][0]!)
    for (let i = 0; i < delivered; i++) {
      client.write(texts(1, i))
      await until(() => events.length === i + 1)
    }
    client.write(texts(1, delivered))
    t.equal((await client.close()).code, 1013)
    t.strictSame(events, [...numbers(delivered), 'FST_ERR_WS_OVER_RATE'])
  })
}

test('a route that does not say what happens to a client over its rate follows the plugin', async t => {
  fakeClock(t, 'performance')
  const app = createApp(t, { limits: { messagesPerSecond: 1, over: 'pause' } })
  app.get('/', { ws: { limits: { messagesPerSecond: 2 } } }, () => {})
  const { open } = await listenTo(t, app)
  const client = await open()
  const events = record([...app.sockets][0]!)
  client.write(texts(4))
  await until(() => app.sockets.stats().paused === 1)
  t.strictSame(events, numbers(3))
})

for (const over of ['close', 'pause'] as const) {
  test(`the rate of an injected client is limited too, with '${over}'`, async t => {
    const clock = fakeClock(t, 'performance')
    const app = createApp(t, { heartbeat: false })
    let events: unknown[] = []
    app.get('/', { ws: { limits: { messagesPerSecond: 2, over } } }, socket => { events = record(socket) })
    await app.ready()
    const client = await app.injectWS('/')
    for (const text of numbers(5)) client.send(text)
    if (over === 'close') {
      t.match(await client.closed, { code: 1013, reason: REASON, wasClean: true })
      t.strictSame(events, ['0', '1', 'FST_ERR_WS_OVER_RATE', 1013])
      return
    }
    await until(() => events.length === 3)
    clock.tick(500)
    t.strictSame(events, numbers(4))
    void client.close(4000)
    clock.tick(500)
    t.strictSame(events, numbers(5))
    clock.tick(500)
    t.match(await client.closed, { code: 4000, wasClean: true })
    t.strictSame(events, [...numbers(5), 4000])
  })
}
