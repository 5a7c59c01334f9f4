import { constants } from 'node:buffer'
import Fastify, { type FastifyInstance } from 'fastify'
import sockets, { type Socket, type SocketOptions } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { fakeBackplane } from '../backplane/fake-driver.ts'
import { clientClosed, connect, createApp, listen } from '../support/app.ts'
import { handshake, RawClient } from '../support/raw-client.ts'

const BAD: Record<string, unknown[]> = {
  maxPayload: [0, -1, 1.5, NaN, Infinity, '1024', null, constants.MAX_LENGTH + 1],
  maxQueued: [-1, 1.5, NaN, Infinity, '0', null, true],
  highWaterMark: [-1, 1.5, NaN, Infinity, '0', null, {}],
  maxBuffered: [-1, 1.5, NaN, Infinity, '0', null, []],
  overflow: ['ignore', '', null, true, 1],
  heartbeat: [
    true, null, 30_000, [], {}, { interval: 1000 }, { timeout: 1000 }, { interval: 0, timeout: 1000 },
    { interval: 1000, timeout: 1.5 }, { interval: 2 ** 31, timeout: 1000 }, { interval: '1000', timeout: 1000 }
  ],
  idleTimeout: [0, -1, 1.5, 2 ** 31, Infinity, '5000', null, true],
  maxLifetime: [0, -1, 1.5, 2 ** 31, Infinity, '5000', null, true],
  handshakeTimeout: [0, -1, 1.5, 2 ** 31, Infinity, '5000', null, false],
  closeTimeout: [0, -1, 1.5, 2 ** 31, Infinity, '5000', null, false],
  limits: [true, false, null, 100, []],
  origin: [
    false, null, 1, {}, '', 'example.com', 'https://example.com/', 'https://example.com/path', 'https://EXAMPLE.com',
    'https://example.com:443', 'http://example.com:80', 'https://user@example.com', '*', 'https://*.example.com/',
    ['https://example.com', 'example.com'], [1], ['same-host'], 'Null', ['null', null]
  ],
  protocols: ['chat', null, true, false, {}, [''], ['a b'], ['a,b'], [1], ['chat', 'chat'], ['ä']],
  onDrain: [true, null, 'log', {}],
  onError: [true, null, 'log', {}],
  onInvalidMessage: [true, null, 'log', {}]
}

const GOOD: { [Name in keyof SocketOptions]: Array<SocketOptions[Name]> } = {
  maxPayload: [1, constants.MAX_LENGTH],
  maxQueued: [0, Number.MAX_SAFE_INTEGER],
  highWaterMark: [0],
  maxBuffered: [0],
  overflow: ['close', 'drop'],
  heartbeat: [false, { interval: 1, timeout: 1 }, { interval: 2 ** 31 - 1, timeout: 2 ** 31 - 1 }],
  idleTimeout: [false, 1, 2 ** 31 - 1],
  maxLifetime: [false, 1, 2 ** 31 - 1],
  handshakeTimeout: [1, 2 ** 31 - 1],
  closeTimeout: [1, 2 ** 31 - 1],
  limits: [{}, { connections: 1, handshakesPerAddress: undefined, connectionsPerAddress: false }, { over: 'pause', messagesPerSecond: 1 }],
  origin: [
    'same-host', true, 'https://example.com', 'http://localhost:3000', 'chrome-extension://abcdef', /example/, [],
    ['https://example.com', /^http:/], 'null', ['null'], ['https://example.com', 'null'], 'file://', () => true, async () => false
  ],
  protocols: [[], ['chat'], ['v2.chat', 'v1.chat', '!#$%&\'*+-.^_`|~'], () => false, offered => offered[0]!],
  onDrain: [() => {}],
  onError: [() => {}],
  onInvalidMessage: [async () => {}]
}

function bareApp (t: Test): FastifyInstance {
  const app = Fastify() as unknown as FastifyInstance
  t.teardown(() => app.close())
  return app
}

async function registers (app: FastifyInstance, options: object): Promise<void> {
  app.register(sockets, options as SocketOptions)
  await app.ready()
}

for (const [name, values] of Object.entries(BAD)) {
  test(`a bad ${name} fails at register and at the route, and is named`, async t => {
    for (const value of values) {
      const wanted = { code: 'FST_ERR_WS_OPTION', message: `the WebSocket option '${name}' must be ` }
      await t.rejects(registers(bareApp(t), { [name]: value }), wanted)
      t.throws(() => bareApp(t).get('/room', { ws: { [name]: value } } as any, () => {}), wanted)
    }
  })
}

for (const [name, values] of Object.entries(GOOD)) {
  test(`every sort of ${name} that is allowed is taken at register and at the route`, async t => {
    for (const value of values) {
      const app = bareApp(t)
      app.get('/room', { ws: { [name]: value } }, () => {})
      await t.resolves(registers(app, { [name]: value }))
    }
  })
}

const LIMITS = [0, -1, 1.5, NaN, Infinity, '1', null, true]
const COUNTS = [...LIMITS, false]

for (const [name, values] of Object.entries({
  connections: LIMITS,
  connectionsPerAddress: LIMITS,
  handshakesPerAddress: LIMITS,
  messagesPerSecond: LIMITS,
  bytesPerSecond: LIMITS,
  subscriptions: LIMITS,
  publishesPerSecond: LIMITS,
  over: ['drop', '', null, true]
})) {
  test(`a bad limits.${name} fails at register and at the route, and is named`, async t => {
    for (const value of values) {
      const limits = { [name]: value }
      const wanted = { code: 'FST_ERR_WS_OPTION', message: `the WebSocket option 'limits.${name}' must be ` }
      await t.rejects(registers(bareApp(t), { limits }), wanted)
      t.throws(() => bareApp(t).get('/room', { ws: { limits } } as any, () => {}), wanted)
    }
  })
}

for (const [name, values] of Object.entries({
  batch: COUNTS,
  interval: [-1, 1.5, NaN, Infinity, 2 ** 31, '1', null, false],
  timeout: [...COUNTS, 2 ** 31]
})) {
  test(`a bad drain.${name} fails at register, and is named`, async t => {
    for (const value of values) {
      await t.rejects(registers(bareApp(t), { drain: { [name]: value } }), {
        code: 'FST_ERR_WS_OPTION', message: `the WebSocket option 'drain.${name}' must be `
      })
    }
  })
}

test('drain is an option of the plugin only, an object of known keys', async t => {
  for (const drain of [true, false, null, 1000, []]) {
    await t.rejects(registers(bareApp(t), { drain }), {
      code: 'FST_ERR_WS_OPTION', message: "the WebSocket option 'drain' must be { batch, interval, timeout }"
    })
  }
  for (const drain of [{}, { batch: 1, interval: 0, timeout: 2 ** 31 - 1 }, { batch: undefined }, undefined]) {
    await t.resolves(registers(bareApp(t), { drain }))
  }
  t.throws(() => bareApp(t).get('/room', { ws: { drain: {} } } as any, () => {}), { code: 'FST_ERR_WS_UNKNOWN_OPTION' })
  await t.rejects(registers(bareApp(t), { drain: { batches: 1 } }), {
    code: 'FST_ERR_WS_UNKNOWN_OPTION', message: "'drain.batches' is not a WebSocket option; the options are: batch, interval, timeout"
  })
  await t.rejects(registers(bareApp(t), { limits: { connection: 1 } }), {
    code: 'FST_ERR_WS_UNKNOWN_OPTION', message: /^'limits\.connection' is not a WebSocket option; the options are: connections, /
  })
})

test('identify is an option of the plugin only, a function', async t => {
  for (const identify of [true, null, 'id', {}]) {
    await t.rejects(registers(bareApp(t), { identify }), {
      code: 'FST_ERR_WS_OPTION', message: "the WebSocket option 'identify' must be a function"
    })
  }
  t.throws(() => bareApp(t).get('/room', { ws: { identify: () => 'a' } } as any, () => {}), { code: 'FST_ERR_WS_UNKNOWN_OPTION' })
})

test('an origin with a path never matches a page, so it is refused where the scheme is not of the web too', async t => {
  const origin = 'chrome-extension://abcdef/popup.html'
  await t.rejects(registers(bareApp(t), { origin }), { code: 'FST_ERR_WS_OPTION' })
})

test('an unknown option fails at register and at the route; the error lists those there are', async t => {
  for (const name of ['maxPayloads', 'perMessageDeflate', 'toString', 'handlers']) {
    const wanted = (last: string) => ({
      code: 'FST_ERR_WS_UNKNOWN_OPTION',
      message: new RegExp(`^'${name}' is not a WebSocket option; the options are: maxPayload, .*${last}$`)
    })
    await t.rejects(registers(bareApp(t), { [name]: 1 }), wanted('backplane'))
    t.throws(() => bareApp(t).get('/room', { ws: { [name]: 1 } } as any, () => {}), wanted('onInvalidMessage'))
  }
})

test('handler is an option of routes only, and must be a function', async t => {
  await t.rejects(registers(bareApp(t), { handler: () => {} }), { code: 'FST_ERR_WS_UNKNOWN_OPTION' })
  for (const handler of [true, null, 'handler', {}]) {
    t.throws(() => bareApp(t).get('/room', { ws: { handler } } as any, () => {}), {
      code: 'FST_ERR_WS_HANDLER', message: "the option 'ws.handler' of the route '/room' must be a function"
    })
  }
})

test('a backplane is what a function of a backplane returns, and of one registration', async t => {
  for (const backplane of [true, 'redis', {}, { name: 'redis' }, { create () {} }, () => {}]) {
    await t.rejects(registers(bareApp(t), { backplane } as any), {
      code: 'FST_ERR_WS_OPTION', message: "the WebSocket option 'backplane' must be what redis() or nats() returns"
    })
  }
  const app = bareApp(t)
  const backplane = fakeBackplane()
  app.register(async scope => { scope.register(sockets, { backplane }) })
  app.register(async scope => { scope.register(sockets, { backplane }) })
  await t.rejects(async () => { await app.ready() }, { code: 'FST_ERR_WS_OPTION', message: /'backplane' must be one of its own for each registration/ })
})

test('options that Fastify itself takes at register are not options of routes', async t => {
  for (const [name, value] of Object.entries({ prefix: '/v1', logLevel: 'warn', logSerializers: {} })) {
    await t.resolves(registers(bareApp(t), { [name]: value }), `register takes ${name}`)
    const wanted = { code: 'FST_ERR_WS_UNKNOWN_OPTION' }
    t.throws(() => bareApp(t).get('/room', { ws: { [name]: value } } as any, () => {}), wanted)
  }
})

test('ws itself must be true or an object', async t => {
  for (const ws of ['true', 1, [], () => {}]) {
    t.throws(() => bareApp(t).get('/room', { ws } as any, () => {}), {
      code: 'FST_ERR_WS_OPTION', message: "the WebSocket option 'ws' must be true or an object of options"
    })
  }
})

test('a bad option of a child context fails the boot', async t => {
  const app = createApp(t)
  app.register(async child => { child.get('/room', { ws: { maxPayload: -1 } }, () => {}) })
  await t.rejects(async () => { await app.ready() }, { code: 'FST_ERR_WS_OPTION', message: "'maxPayload'" })
})

/** Answers every message. */
function answer (socket: Socket): void {
  socket.on('message', () => { socket.send('taken') })
}

/** The close code that answers a message of this size, or 1000. */
async function codeFor (port: number, url: string, size: number): Promise<number> {
  const client = await connect(port, url)
  const closed = clientClosed(client)
  client.once('message', () => client.close(1000))
  client.send(Buffer.alloc(size))
  return (await closed).code
}

test("a route's option wins over the plugin's, which wins over the default", async t => {
  const bare = createApp(t)
  bare.get('/default', { ws: true }, answer)
  const barePort = await listen(bare)
  const MEBI = 1024 * 1024
  t.same([await codeFor(barePort, '/default', MEBI), await codeFor(barePort, '/default', MEBI + 1)], [1000, 1009])

  const app = createApp(t, { maxPayload: 10 })
  app.get('/plugin', { ws: true }, answer)
  app.get('/route', { ws: { maxPayload: 20 } }, answer)
  const port = await listen(app)
  t.same([await codeFor(port, '/plugin', 10), await codeFor(port, '/plugin', 11)], [1000, 1009])
  t.same([await codeFor(port, '/route', 20), await codeFor(port, '/route', 21)], [1000, 1009])
})

test('an option that is undefined counts as absent', async t => {
  const app = createApp(t, { maxPayload: 10, protocols: undefined } as any)
  app.get('/room', { ws: { maxPayload: undefined } as any }, answer)
  const port = await listen(app)
  t.same([await codeFor(port, '/room', 10), await codeFor(port, '/room', 11)], [1000, 1009])
})

test('the two functions of a route win over those of the plugin', async t => {
  const calls: string[] = []
  const note = (who: string) => (_error: unknown, socket: any) => {
    calls.push(who)
    socket.close(4000, who)
  }
  const app = createApp(t, { onError: note('plugin onError'), onInvalidMessage: note('plugin onInvalidMessage') })
  const schema = { message: { type: 'object' } }
  const handler = (socket: any) => { socket.on('message', () => { throw new Error('on purpose') }) }
  app.get('/plugin', { ws: true, schema }, handler)
  const own = { onError: note('route onError'), onInvalidMessage: note('route onInvalidMessage') }
  app.get('/route', { ws: own, schema }, handler)
  const port = await listen(app)

  for (const who of ['plugin', 'route']) {
    for (const [message, option] of [['{}', 'onError'], ['[]', 'onInvalidMessage']] as const) {
      const client = await connect(port, `/${who}`)
      const closed = clientClosed(client)
      client.send(message)
      t.same(await closed, { code: 4000, reason: `${who} ${option}` })
    }
  }
  t.equal(calls.length, 4)
})

test('options of one route do not reach another, nor does a later change of the object', async t => {
  const shared: SocketOptions = { protocols: ['one'] }
  const app = createApp(t)
  app.get('/one', { ws: shared }, () => {})
  app.get('/two', { ws: true }, () => {})
  const port = await listen(app)
  shared.protocols = ['two']

  const offer = async (url: string) => {
    const client = new RawClient(port)
    client.write(handshake(url, { 'Sec-WebSocket-Protocol': 'one, two' }))
    const { headers } = await client.response()
    await client.destroy()
    return headers['sec-websocket-protocol']
  }
  t.same([await offer('/one'), await offer('/two')], [['one'], undefined])
})
