import type { FastifyInstance } from 'fastify'
import Fastify from 'fastify'
import sockets, { type SocketOptions } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { selfSigned } from '../support/certificate.ts'
import { deferred, runScript } from '../support/handshakes.ts'
import { until } from '../support/until.ts'

/** An app that is ready, with an echo. */
async function echoApp (t: Test, options: SocketOptions = {}, server = {}): Promise<FastifyInstance> {
  const app = createApp(t, options, server)
  app.get('/echo', { ws: true }, socket => { socket.on('message', message => { socket.send(message) }) })
  await app.ready()
  return app
}

/** The next message of a socket that is being iterated. */
async function take (messages: AsyncIterator<any>): Promise<any> {
  return (await messages.next()).value
}

test('an injected client and the handler exchange text and bytes', async t => {
  const app = await echoApp(t)
  const client = await app.injectWS('/echo')
  const messages = client[Symbol.asyncIterator]()
  client.send('hello ä')
  t.equal(await take(messages), 'hello ä')
  client.send(Buffer.from([0, 255]))
  t.same(await take(messages), Buffer.from([0, 255]))
  client.send(new Uint8Array([1, 2]).buffer)
  t.same(await take(messages), Buffer.from([1, 2]))
})

test('the client is a socket: id, protocol, state, the lot', async t => {
  const app = await echoApp(t, { protocols: ['v2', 'v1'] })
  const client = await app.injectWS('/echo', { protocols: ['v1', 'v2'] })
  t.match(client, { id: /^[0-9a-f-]{36}$/, protocol: 'v2', state: 'open', bufferedAmount: 0, dropped: 0 })
  t.equal((await app.injectWS('/echo')).protocol, '')
})

test('it works before listen, after it, and beside real clients', async t => {
  const app = await echoApp(t)
  const before = await app.injectWS('/echo')
  await listen(app)
  const after = await app.injectWS('/echo')
  t.equal(app.sockets.size, 2)
  for (const client of [before, after]) {
    client.send('hello')
    t.equal(await take(client[Symbol.asyncIterator]()), 'hello')
  }
})

test('it readies the app by itself once the plugin is there', async t => {
  const app = Fastify() as unknown as FastifyInstance
  t.teardown(() => app.close())
  await app.register(sockets)
  app.get('/room', { ws: true }, socket => { socket.send('hello') })
  t.equal(await take((await app.injectWS('/room'))[Symbol.asyncIterator]()), 'hello')
})

test('an app that fails to boot fails it', async t => {
  const app = Fastify() as unknown as FastifyInstance
  await app.register(sockets)
  app.register(async () => { throw new Error('no database') })
  await t.rejects(app.injectWS('/room'), { message: 'no database' })
})

test('what the handler sends at once is the first message, with no listener yet', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, socket => {
    socket.send('one')
    socket.send('two')
    socket.close(4000, 'done')
  })
  await app.ready()
  const client = await app.injectWS('/room')
  await new Promise(setImmediate)
  const found = []
  for await (const message of client) found.push(message)
  t.same(found, ['one', 'two'])
  t.match(await client.closed, { code: 4000, reason: 'done', initiator: 'remote', wasClean: true })
})

test('where the route speaks JSON, so does the client', async t => {
  const app = createApp(t)
  const schema = {
    message: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
    send: { type: 'object', properties: { from: { type: 'string' }, text: { type: 'string' } } }
  } as const
  app.get('/room', { ws: true, schema }, (socket: any) => {
    socket.on('message', (message: any) => { socket.send({ from: 'ann', text: message.text, secret: 'left out' }) })
  })
  app.get('/in', { ws: true, schema: { message: schema.message } }, (socket: any) => {
    socket.on('message', (message: any) => { socket.send(`text ${message.text}`) })
  })
  app.get('/out', { ws: true, schema: { send: schema.send } }, (socket: any) => {
    socket.on('message', (message: any) => { socket.send({ text: message }) })
  })
  await app.ready()
  const ask = async (url: string, message: any) => {
    const client: any = await app.injectWS(url)
    client.send(message)
    return await take(client[Symbol.asyncIterator]())
  }
  t.same(await ask('/room', { text: 'hello' }), { from: 'ann', text: 'hello' })
  t.equal(await ask('/in', { text: 'hello' }), 'text hello')
  t.same(await ask('/out', 'hello'), { text: 'hello' })

  const client: any = await app.injectWS('/room')
  client.send({ txet: 'hello' })
  t.match(await client.closed, { code: 1008, reason: "message must have required property 'text'" })
})

test('the whole lifecycle sees its headers and its address', async t => {
  const app = createApp(t)
  app.addHook('onRequest', async (request, reply) => {
    if (request.headers.authorization !== 'Bearer abc') return reply.code(401).send()
  })
  app.get('/rooms/:room', { ws: true }, (socket, request) => {
    const { params, query, headers: { cookie }, ip, host } = request
    socket.send(JSON.stringify({ params, query, cookie, ip, host, remoteAddress: socket.remoteAddress }))
  })
  await app.ready()
  const client = await app.injectWS('/rooms/7?lang=en', { headers: { authorization: 'Bearer abc', Cookie: 'a=1' } })
  t.same(JSON.parse(await take(client[Symbol.asyncIterator]())), {
    params: { room: '7' },
    query: { lang: 'en' },
    cookie: 'a=1',
    ip: '127.0.0.1',
    host: 'localhost',
    remoteAddress: '127.0.0.1'
  })
})

test('either side may close, and the other learns of it', async t => {
  const app = createApp(t)
  const infos: any[] = []
  app.get('/waits', { ws: true }, socket => { socket.on('close', info => { infos.push(info) }) })
  app.get('/closes', { ws: true }, async socket => { infos.push(await socket.close(4001, 'by the handler')) })
  await app.ready()

  const closing = await app.injectWS('/waits')
  const info = await closing.close(4000, 'by the test')
  t.same(info, { code: 4000, reason: 'by the test', wasClean: true, initiator: 'local' })
  const closed = await app.injectWS('/closes')
  t.same(await closed.closed, { code: 4001, reason: 'by the handler', wasClean: true, initiator: 'remote' })
  await until(() => infos.length === 2 && app.sockets.size === 0)
  t.match(infos, [{ code: 4000, reason: 'by the test', initiator: 'remote' }, { code: 4001, initiator: 'local' }])
})

test('either side may cut the connection, and the other learns of it', async t => {
  const app = createApp(t)
  const infos: any[] = []
  app.get('/waits', { ws: true }, socket => { socket.on('close', info => { infos.push(info) }) })
  app.get('/cuts', { ws: true }, socket => { setImmediate(() => socket.terminate()) })
  await app.ready()

  const cutting = await app.injectWS('/waits')
  cutting.terminate()
  t.match(await cutting.closed, { code: 1006, initiator: 'local' })
  await until(() => infos.length === 1)
  t.match(infos, [{ code: 1006, initiator: 'remote' }])
  t.match(await (await app.injectWS('/cuts')).closed, { code: 1006, initiator: 'remote' })
})

test('a serializer that makes bytes sends binary messages, also to a client that expects JSON', async t => {
  const app = createApp(t)
  app.setSerializerCompiler(() => value => Buffer.from(String(value)) as unknown as string)
  app.get('/bytes', { ws: true, schema: { send: { type: 'string' } } }, socket => { socket.send('abc') })
  await app.ready()
  const client = await app.injectWS('/bytes')
  t.same((await client[Symbol.asyncIterator]().next()).value, Buffer.from('abc'))
})

test('pings go both ways', async t => {
  const app = createApp(t)
  const roundTrip = deferred<number>()
  app.get('/room', { ws: true }, async socket => { roundTrip.resolve(await socket.ping()) })
  await app.ready()
  const client = await app.injectWS('/room')
  t.ok(await client.ping() >= 0)
  t.ok(await roundTrip.promise >= 0)
})

test('large messages pass both ways, and each side feels how slowly the other reads', async t => {
  const app = createApp(t, { maxPayload: 8 * 1024 * 1024, maxBuffered: 16 * 1024 * 1024 })
  const handlerFull = deferred<boolean>()
  const gate = deferred()
  app.get('/room', { ws: true }, async socket => {
    await gate.promise
    for await (const message of socket) {
      const isBelow = socket.send(message)
      if (!isBelow) await socket.drained()
      handlerFull.resolve(!isBelow)
    }
  })
  await app.ready()
  const client = await app.injectWS('/room')
  const large = Array.from({ length: 4 }, (_, i) => Buffer.alloc(3_000_000, i + 1))
  const sent = large.map(message => client.send(message))
  t.same(sent, [false, false, false, false])
  await new Promise(setImmediate)
  t.ok(client.bufferedAmount > 3_000_000, `${client.bufferedAmount} bytes wait for a handler that does not read`)

  gate.resolve()
  const messages = client[Symbol.asyncIterator]()
  for (const message of large) t.ok((await take(messages)).equals(message))
  t.equal(await handlerFull.promise, true)
  await client.drained()
  t.equal(client.bufferedAmount, 0)
})

test('a child context injects as its parent does, into every route of the server', { timeout: 5000 }, async t => {
  const app = createApp(t)
  let child!: FastifyInstance
  app.register(async instance => {
    child = instance
    instance.get('/child', { ws: true }, socket => { socket.send('hello') })
  })
  await app.ready()
  t.equal(await take((await child.injectWS('/child'))[Symbol.asyncIterator]()), 'hello')
  t.equal(await take((await app.injectWS('/child'))[Symbol.asyncIterator]()), 'hello')
})

for (const [what, server] of [
  ['an HTTPS', async () => ({ https: await selfSigned() })],
  ['an HTTP/2', async () => ({ http2: true })],
  ['an HTTP/2 over TLS', async () => ({ http2: true, https: await selfSigned() })]
] as const) {
  test(`it works on ${what} instance`, async t => {
    const app = await echoApp(t, {}, await server())
    const client = await app.injectWS('/echo')
    client.send('hello')
    t.equal(await take(client[Symbol.asyncIterator]()), 'hello')
    t.match(await client.close(), { code: 1000, wasClean: true })
    t.equal(await app.injectWS('/nowhere').catch(error => error.statusCode), 404)
  })
}

test('a process ends by itself when its injected clients have, refused ones too', async t => {
  const { code, stdout } = await runScript(`
    const sockets = require('fastify-sockets')
    const app = require('fastify')()
    app.register(sockets)
    app.get('/room', { ws: true }, () => {})
    app.ready().then(async () => {
      const client = await app.injectWS('/room')
      await client.close()
      console.log(await app.injectWS('/nowhere').catch(error => error.statusCode))
      const refused = performance.now()
      // Sooner than the 5 s that a refused client may linger.
      process.on('exit', () => { console.log(performance.now() - refused < 4500 ? 'soon' : 'late') })
    })
  `)
  t.same([code, stdout.trim()], [0, '404\nsoon'])
})
