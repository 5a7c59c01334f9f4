import { test } from 'tap'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { BaseSocket, MessageOutMessage, PreparedMessage, Socket } from 'fastify-sockets'
import { createApp } from '../support/app.ts'
import type { RawClient } from '../support/raw-client.ts'
import { codeOf, iterate, listenTo, pair, serve, stall } from '../support/serve.ts'
import { turn } from '../support/until.ts'

type AnySocket = Socket<any, any>

/** What is sent as it is, of each size that changes a frame. */
const DATA: Array<string | Uint8Array> = [0, 1, 32, 33, 125, 126, 2044, 2049, 65_535, 65_536, 100_000].flatMap(size => [
  'x'.repeat(size), 'é€👋'.repeat(size).slice(0, size), Buffer.alloc(size, 'b'), new Uint8Array(size + 9).fill(7).subarray(4, 4 + size)
])

async function bytesOf (client: RawClient, count: number): Promise<Buffer[]> {
  const payloads = []
  while (payloads.length < count) payloads.push((await client.frame()).payload)
  return payloads
}

test('what is prepared is on the wire what it is when it is sent, byte for byte', async t => {
  const { client, socket, app } = await pair(t)
  for (const data of DATA) {
    const of = async (message: unknown): Promise<unknown> => {
      const { bytesOut } = app.sockets.stats()
      socket.send(message)
      await socket.drained()
      const { size, ...frame } = await client.frame()
      await turn()
      t.equal(app.sockets.stats().bytesOut - bytesOut, size)
      return { ...frame, size }
    }
    t.same(await of(app.sockets.prepare(data)), await of(data), `${typeof data} of ${data.length}`)
  }
  t.equal(app.sockets.stats().messagesOut, 2 * DATA.length)
})

test('any view of memory can be prepared, and memory itself', async t => {
  const { client, socket, app } = await pair(t)
  const memory = Uint8Array.from({ length: 64 }, (_, i) => i).buffer
  for (const data of [memory, new DataView(memory, 8, 5), new Uint16Array(memory, 2, 3)]) {
    socket.send(app.sockets.prepare(data))
    socket.send(data)
    const [prepared, wanted] = await bytesOf(client, 2)
    t.same(prepared, wanted)
  }
})

test('a message that is sent on many sockets is serialized once', async t => {
  let calls = 0
  const { app, open } = await serve(t, () => {}, {}, {
    schema: { send: { type: 'object', properties: { n: { type: 'integer' } } } },
    serializerCompiler: () => (value: unknown) => {
      calls++
      return JSON.stringify(value)
    }
  })
  const clients = [await open(), await open(), await open()]
  for (let n = 0; n < 2; n++) {
    const message = app.sockets.prepare({ n })
    t.equal(calls, n, 'not before it is sent')
    for (const socket of app.sockets) socket.send(message)
    for (const socket of app.sockets) socket.send(message)
  }
  t.equal(calls, 2)
  for (const client of clients) t.same((await bytesOf(client, 4)).map(String), ['{"n":0}', '{"n":0}', '{"n":1}', '{"n":1}'])
})

/** Routes that make something else of the same value. */
async function routes (t: Parameters<typeof createApp>[0]) {
  const app = createApp(t)
  const calls: string[] = []
  const sockets: Record<string, AnySocket> = {}
  for (const name of ['a', 'b', 'c']) {
    app.get(`/${name}`, {
      ws: true,
      schema: { send: { type: 'object' } },
      serializerCompiler: () => (value: any) => {
        calls.push(name)
        if (value.text === undefined) throw new TypeError(`not for ${name}`)
        return value.text === null ? 5 as any : `${name}: ${value.text}`
      }
    }, socket => { sockets[name] = socket })
  }
  app.get('/raw', { ws: true }, socket => { sockets.raw = socket })
  await app.ready()
  for (const name of ['a', 'b', 'c', 'raw']) await app.injectWS(`/${name}`)
  return { app, calls, sockets }
}

test('it is serialized once for each route, however the sockets of the routes come in turn', async t => {
  const { app, calls, sockets } = await routes(t)
  const message = app.sockets.prepare({ text: 'hi' })
  for (let i = 0; i < 3; i++) for (const name of ['a', 'b', 'c', 'b']) sockets[name]!.send(message)
  t.same(calls, ['a', 'b', 'c'])
  t.equal(app.sockets.stats().messagesOut, 12)
})

test('where it cannot be sent send() throws, each time, and other sockets take it', async t => {
  const { app, calls, sockets } = await routes(t)
  const send = (name: string, message: PreparedMessage<unknown>) => codeOf(() => sockets[name]!.send(message))
  const object = app.sockets.prepare({ text: 'hi' })
  t.equal(await send('raw', object), 'FST_ERR_WS_SEND_TYPE')
  t.equal(sockets.a!.send(object), true)
  t.equal(await send('raw', object), 'FST_ERR_WS_SEND_TYPE')
  const text = app.sockets.prepare('text')
  t.equal(sockets.raw!.send(text), true)
  t.throws(() => sockets.a!.send(text), { message: 'not for a' })
  t.throws(() => sockets.a!.send(text), { message: 'not for a' })
  t.same(calls, ['a', 'a', 'a'])
  t.equal(await send('b', app.sockets.prepare({ text: null })), 'FST_ERR_WS_SERIALIZER')
  t.equal(app.sockets.stats().messagesOut, 2)
})

test('a value that does not fit schema.send is refused at each send() with where it does not', async t => {
  const { app, socket } = await pair(t, {}, { schema: { send: { type: 'object', required: ['a'], properties: { a: { type: 'integer' } } } } })
  const message = app.sockets.prepare({ b: 1 })
  for (let i = 0; i < 2; i++) t.throws(() => socket.send(message), { code: 'FST_ERR_WS_INVALID_SEND', message: /message must have required property 'a'|message\/a/ })
})

test('on a connection that is closed it is not looked at', async t => {
  const { app, calls, sockets } = await routes(t)
  sockets.a!.terminate()
  t.equal(sockets.a!.send(app.sockets.prepare({})), false)
  t.same(calls, [])
})

test('once it was sent the value may change: what was sent stays', async t => {
  const { app, open } = await serve(t, () => {})
  const clients = [await open(), await open()]
  const [first, second] = app.sockets
  for (const size of [10, 5000, 100_000]) {
    const bytes = Buffer.alloc(size, 'a')
    const message = app.sockets.prepare(bytes)
    first!.send(message)
    bytes.fill('b')
    second!.send(message)
    for (const client of clients) t.ok((await client.frame()).payload.equals(Buffer.alloc(size, 'a')))
  }
})

test('what only looks like a prepared message is none', async t => {
  const { app, socket } = await pair(t)
  const message = app.sockets.prepare('x')
  t.same(Object.keys(message), [])
  const hostile = new Proxy(message, { get () { throw new Error('looked at') }, getPrototypeOf () { throw new Error('looked at') } })
  for (const value of [Object.create(message), { ...message }, hostile]) {
    t.equal(await codeOf(() => socket.send(value)), 'FST_ERR_WS_SEND_TYPE')
  }
})

test('its order among other messages is that of the calls', async t => {
  const { app, client, socket } = await pair(t)
  const messages = Array.from({ length: 200 }, (_, n) => `${n}`.padEnd([1, 40, 3000][n % 3]!))
  for (const [n, text] of messages.entries()) socket.send(n % 5 < 2 ? text : app.sockets.prepare(text))
  t.same((await bytesOf(client, messages.length)).map(String), messages)
})

test('behind a peer that does not read it waits in order with the others, and is counted as they are', async t => {
  const { app, client, socket } = await pair(t, { maxBuffered: 10_000_000 })
  const before = await stall(client, socket)
  const messages = Array.from({ length: 3000 }, (_, n) => `${n}`.padEnd([3, 100, 2500][n % 7 % 3]!))
  for (const [n, text] of messages.entries()) {
    const { bufferedAmount } = socket
    socket.send(n % 100 < 30 ? text : app.sockets.prepare(text))
    const wanted = text.length + (text.length > 125 ? 4 : 2)
    if (socket.bufferedAmount - bufferedAmount !== wanted) t.fail(`message ${n} counts ${socket.bufferedAmount - bufferedAmount}`)
    if (n % 500 === 0) await turn()
  }
  client.socket.resume()
  await bytesOf(client, before)
  t.same((await bytesOf(client, messages.length)).map(String), messages)
  await socket.drained()
})

for (const overflow of ['drop', 'close'] as const) {
  test(`with overflow: '${overflow}' it is dropped where another would be`, async t => {
    const results: unknown[] = []
    for (const prepared of [false, true]) {
      const { app, client, socket } = await pair(t, { maxBuffered: 200_000, overflow })
      const errors: string[] = []
      socket.on('error', error => { errors.push((error as any).code) })
      client.socket.pause()
      const text = 'x'.repeat(1000)
      const message = prepared ? app.sockets.prepare(text) : text
      // The kernel takes what it takes: nothing is written before the end of the tick but above highWaterMark.
      const sent = []
      while (socket.dropped < 3 && socket.state === 'open') sent.push(socket.send(message))
      results.push({ dropped: socket.dropped, state: socket.state, errors, overLimit: socket.bufferedAmount > 200_000 })
      t.equal(sent.at(-1), false)
      socket.terminate()
    }
    t.same(results[0], results[1])
    t.match(results[0], overflow === 'drop' ? { dropped: 3, state: 'open', errors: [] } : { dropped: 1, errors: ['FST_ERR_WS_SLOW_PEER'] })
  })
}

test('diagnostics see each of its messages, with the text or the bytes', async t => {
  const { app, socket } = await pair(t)
  const seen: MessageOutMessage[] = []
  const listener = (message: unknown): void => { seen.push(message as MessageOutMessage) }
  subscribe('fastify-sockets.message.out', listener)
  t.teardown(() => unsubscribe('fastify-sockets.message.out', listener))
  for (const data of ['text', '', Buffer.from('bytes'), Buffer.alloc(0)]) socket.send(app.sockets.prepare(data))
  t.same(seen.map(({ data }) => data), ['text', '', Buffer.from('bytes'), Buffer.alloc(0)])
  t.ok(seen.every(message => message.socket === socket && message.accepted))
})

test('the client of injectWS takes it as well, and masks it', async t => {
  const app = createApp(t)
  app.get('/', { ws: true }, socket => { socket.on('message', message => { socket.send(message) }) })
  await app.ready()
  const client = await app.injectWS('/') as BaseSocket
  const messages = iterate(t, client)
  for (const data of ['text', Buffer.alloc(5000, 'b')]) {
    const message = app.sockets.prepare(data)
    client.send(message)
    client.send(message)
    for (let i = 0; i < 2; i++) t.same((await messages.next()).value, data)
  }
})

test('an HTTP route tells all sockets of its app', async t => {
  const app = createApp(t)
  app.get('/', { ws: true }, () => {})
  app.get('/tell', async () => {
    const message = app.sockets.prepare('news')
    for (const socket of app.sockets) socket.send(message)
    return 'told'
  })
  const { open } = await listenTo(t, app)
  const clients = [await open(), await open()]
  await app.inject('/tell')
  for (const client of clients) t.equal((await client.frame()).payload.toString(), 'news')
})
