import Fastify, { type FastifyInstance } from 'fastify'
import sockets, { type Socket } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { clientClosed, connect, createApp, listen } from '../support/app.ts'
import { ask, frameText, lastResponse } from '../support/handshakes.ts'
import { get, handshake, RawClient } from '../support/raw-client.ts'
import { serverOptions } from '../support/transport.ts'

function echo (socket: Socket): void {
  socket.on('message', message => { socket.send(message) })
}

/** How the route takes a message of this many bytes. */
async function codeFor (port: number, url: string, size: number): Promise<number> {
  const client = await connect(port, url)
  const closed = clientClosed(client)
  client.send('x'.repeat(size))
  client.once('message', () => client.close(1000))
  return (await closed).code
}

function bareApp (t: Test): FastifyInstance {
  const app = Fastify(serverOptions) as unknown as FastifyInstance
  t.teardown(() => app.close())
  return app
}

test('registered at the root, it serves children and their children', async t => {
  const app = createApp(t, { maxPayload: 10 })
  app.register(async child => {
    child.get('/child', { ws: true }, echo)
    child.register(async grandchild => { grandchild.get('/grandchild', { ws: true }, echo) })
  })
  const port = await listen(app)

  t.equal(await ask(port, '/child', 'hello'), 'hello')
  t.equal(await ask(port, '/grandchild', 'hello'), 'hello')
  t.equal(await codeFor(port, '/grandchild', 11), 1009, 'options of the root hold')
})

test('registered in a child, it serves that context and its children and leaves the parent as it was', async t => {
  const app = bareApp(t)
  app.get('/plain', async () => 'http')
  app.register(async child => {
    child.register(sockets)
    child.get('/child', { ws: true }, echo)
    child.register(async grandchild => { grandchild.get('/grandchild', { ws: true }, echo) })
  })
  const port = await listen(app)

  t.equal(await ask(port, '/child', 'hello'), 'hello')
  t.equal(await ask(port, '/grandchild', 'hello'), 'hello')
  t.same([app.hasDecorator('sockets'), app.hasDecorator('injectWS')], [false, false])
  t.equal((await lastResponse(port, get('/plain'))).body, 'http')
})

test('two siblings may each have their own registration', async t => {
  const app = bareApp(t)
  for (const [url, maxPayload] of [['/small', 5], ['/large', 50]] as const) {
    app.register(async child => {
      child.register(sockets, { maxPayload })
      child.get(url, { ws: true }, echo)
    })
  }
  const port = await listen(app)

  t.same([await codeFor(port, '/small', 6), await codeFor(port, '/large', 6)], [1009, 1000])
})

test('a child with its own registration has its own options, and none of the options of its parent', async t => {
  const app = createApp(t, { maxPayload: 5, protocols: ['chat'] })
  app.get('/parent', { ws: true }, echo)
  app.register(async child => {
    child.register(sockets, { maxPayload: 50 })
    child.get('/child', { ws: true }, echo)
  })
  const port = await listen(app)

  t.equal(await codeFor(port, '/parent', 6), 1009)
  t.equal(await codeFor(port, '/child', 6), 1000)
  const client = new RawClient(port)
  client.write(handshake('/child', { 'Sec-WebSocket-Protocol': 'chat' }))
  t.equal((await client.response()).headers['sec-websocket-protocol'], undefined)
  await client.destroy()
})

test('app.sockets holds the connections of its own scope', async t => {
  const app = createApp(t)
  let inner!: FastifyInstance
  app.get('/parent', { ws: true }, echo)
  app.register(async served => { served.get('/served', { ws: true }, echo) })
  app.register(async child => {
    inner = child
    child.register(sockets)
    child.get('/child', { ws: true }, echo)
  })
  const port = await listen(app)

  const clients = []
  for (const url of ['/parent', '/served', '/child']) clients.push(await RawClient.open(port, url))
  const urls = (instance: FastifyInstance) => [...instance.sockets].map(socket => socket.request.url)
  t.same(urls(app), ['/parent', '/served'])
  t.same(urls(inner), ['/child'])
  for (const client of clients) await client.destroy()
})

test('hooks of a context guard the routes of that context only', async t => {
  const app = createApp(t)
  app.register(async child => {
    child.addHook('onRequest', async (_request, reply) => { reply.code(401).send('who are you?') })
    child.get('/guarded', { ws: true }, echo)
  })
  app.get('/open', { ws: true }, echo)
  const port = await listen(app)

  const refused = await lastResponse(port, handshake('/guarded'))
  t.same([refused.status, refused.body], [401, 'who are you?'])
  t.equal(await ask(port, '/open', 'hello'), 'hello')
})

test('error handlers of a context answer the refusals of its routes', async t => {
  const app = createApp(t)
  app.register(async child => {
    child.setErrorHandler((error: any, _request, reply) => { reply.send(`child: ${error.code}`) })
    child.get('/child', { ws: true }, echo)
  })
  app.get('/root', { ws: true, errorHandler: (error, _request, reply) => { reply.send(`route: ${error.code}`) } }, echo)
  const port = await listen(app)

  const bad = { 'Sec-WebSocket-Protocol': '?' }
  t.equal((await lastResponse(port, handshake('/child', bad))).body, 'child: FST_ERR_WS_HANDSHAKE')
  t.equal((await lastResponse(port, handshake('/root', bad))).body, 'route: FST_ERR_WS_HANDSHAKE')
})

test('routes with constraints are told apart by Fastify', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true, constraints: { host: 'one.example' } }, socket => { socket.send('one') })
  app.get('/room', { ws: true, constraints: { host: 'two.example' } }, socket => { socket.send('two') })
  const port = await listen(app)

  for (const name of ['one', 'two']) {
    const client = await RawClient.open(port, '/room', { Host: `${name}.example` })
    t.equal(await frameText(client), name)
    await client.destroy()
  }
  t.equal((await lastResponse(port, handshake('/room', { Host: 'three.example' }))).status, 404)
})
