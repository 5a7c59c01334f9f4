import type { FastifyInstance } from 'fastify'
import type { Socket } from 'fastify-sockets'
import { test } from 'tap'
import { connect, createApp, listen } from '../support/app.ts'
import { ask, frameText, lastResponse } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'

function echo (socket: Socket): void {
  socket.on('message', message => { socket.send(message) })
}

/** A plugin whose one route is '/'. */
function child (options: object): (instance: FastifyInstance) => Promise<void> {
  return async instance => { instance.get('/', { ws: true, ...options }, echo) }
}

test('the short form serves sockets, with ws: true and with an object of options', async t => {
  const app = createApp(t)
  app.get('/true', { ws: true }, echo)
  app.get('/object', { ws: { maxPayload: 4 } }, echo)
  app.get('/empty', { ws: {} }, echo)
  const port = await listen(app)

  t.equal(await ask(port, '/true', 'hello'), 'hello')
  t.equal(await ask(port, '/object', 'four'), 'four')
  t.equal(await ask(port, '/empty', 'hello'), 'hello')
})

test('the short form takes its handler among the options too', async t => {
  const app = createApp(t)
  app.get('/echo', { ws: true, handler: echo })
  const port = await listen(app)

  t.equal(await ask(port, '/echo', 'hello'), 'hello')
})

test('the full form serves sockets, with the method as a word in either case or as a list of one', async t => {
  const app = createApp(t)
  app.route({ method: 'GET', url: '/word', ws: true, handler: echo })
  app.route({ method: 'get', url: '/lower', ws: true, handler: echo })
  app.route({ method: ['GET'] as any, url: '/list', ws: true, handler: echo })
  const port = await listen(app)

  t.equal(await ask(port, '/word', 'hello'), 'hello')
  t.equal(await ask(port, '/lower', 'hello'), 'hello')
  t.equal(await ask(port, '/list', 'hello'), 'hello')
})

test('a URL for both without its HTTP handler fails when it is declared', async t => {
  const app = createApp(t)
  const wanted = { code: 'FST_ERR_ROUTE_MISSING_HANDLER' }
  t.throws(() => app.route({ method: 'GET', url: '/both', ws: { handler: echo } } as any), wanted)
})

for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE', 'QUERY']) {
  test(`a ws route with the method ${method} fails when it is declared`, async t => {
    const app = createApp(t)
    t.throws(() => app.route({ method, url: '/room', ws: true, handler: echo } as any), {
      code: 'FST_ERR_WS_METHOD',
      message: new RegExp(`'/room'.*GET, not ${method} `)
    })
  })
}

test('a ws route with more methods than GET fails when it is declared', async t => {
  const app = createApp(t)
  const wanted = { code: 'FST_ERR_WS_METHOD' }
  t.throws(() => app.route({ method: ['GET', 'POST'], url: '/room', ws: true, handler: echo } as any), wanted)
  t.throws(() => app.route({ method: ['GET', 'HEAD'], url: '/lobby', ws: true, handler: echo } as any), wanted)
  t.throws(() => app.all('/hall', { ws: true } as any, echo as any), wanted)
})

test('a ws route of a child context with another method fails the boot', async t => {
  const app = createApp(t)
  app.register(async child => { child.post('/room', { ws: true } as any, echo as any) })
  await t.rejects(async () => { await app.ready() }, { code: 'FST_ERR_WS_METHOD' })
})

test('a ws-only route has no HEAD twin, at whatever prefix', async t => {
  const app = createApp(t)
  app.get('/', { ws: true }, echo)
  app.get('/room', { ws: true }, echo)
  app.route({ method: ['GET'] as any, url: '/list', ws: true, handler: echo })
  app.register(async child => {
    child.get('/', { ws: true }, echo)
    child.get('/:id', { ws: true }, echo)
  }, { prefix: '/rooms' })
  app.register(child({ prefixTrailingSlash: 'slash' }), { prefix: '/slash' })
  app.register(child({ prefixTrailingSlash: 'no-slash' }), { prefix: '/bare' })
  app.register(async child => { child.get('/room', { ws: true }, echo) }, { prefix: '/ending/' })
  await app.ready()

  const routes = app.printRoutes({ commonPrefix: false })
  t.notMatch(routes, /HEAD/)
  for (const url of ['/', '/room', '/list', '/rooms', '/rooms/', '/rooms/7', '/slash/', '/bare', '/ending/room']) {
    t.ok(app.hasRoute({ method: 'GET', url: url.replace('7', ':id') }), `${url} is declared`)
    t.equal((await app.inject({ method: 'HEAD', url })).statusCode, 404, `HEAD ${url}`)
  }
})

test('HTTP routes keep their HEAD twins, and a ws URL may have a HEAD route of its own', async t => {
  const app = createApp(t)
  app.get('/plain', async () => 'http')
  app.get('/room', { ws: true }, echo)
  app.head('/room', async (_request, reply) => { reply.header('x-head', 'own') })
  const port = await listen(app)

  t.equal((await app.inject({ method: 'HEAD', url: '/plain' })).statusCode, 200)
  const head = await app.inject({ method: 'HEAD', url: '/room' })
  t.same([head.statusCode, head.headers['x-head']], [200, 'own'])
  t.equal(await ask(port, '/room', 'hello'), 'hello')
})

test('ws routes work where Fastify exposes no HEAD routes', async t => {
  const app = createApp(t, {}, { exposeHeadRoutes: false })
  app.get('/room', { ws: true }, echo)
  const port = await listen(app)

  t.equal(await ask(port, '/room', 'hello'), 'hello')
})

test("a prefix applies, and prefixTrailingSlash says how a prefix and '/' meet", async t => {
  const app = createApp(t)
  app.register(async instance => { instance.get('/room', { ws: true }, echo) }, { prefix: '/v1' })
  app.register(child({}), { prefix: '/default' })
  app.register(child({ prefixTrailingSlash: 'slash' }), { prefix: '/slash' })
  app.register(child({ prefixTrailingSlash: 'no-slash' }), { prefix: '/bare' })
  const port = await listen(app)

  for (const url of ['/v1/room', '/default', '/default/', '/slash/', '/bare']) {
    t.equal(await ask(port, url, 'hello'), 'hello', url)
  }
  for (const url of ['/room', '/slash', '/bare/']) {
    t.equal((await lastResponse(port, handshake(url))).status, 404, url)
  }
})

test('the handler has Fastify as this, and decorators of the instance and of the request reach it', async t => {
  const app = createApp(t)
  app.decorate('greeting', 'hello')
  app.decorateRequest('visitor', '')
  app.addHook('onRequest', async request => { Object.assign(request, { visitor: 'ann' }) })
  app.get('/rooms/:room', { ws: true }, function (socket, request) {
    const { greeting } = this as unknown as { greeting: string }
    const { visitor } = request as unknown as { visitor: string }
    const { room } = request.params as { room: string }
    const { lang } = request.query as { lang: string }
    socket.send([this === app, greeting, visitor, room, lang, request === socket.request].join(' '))
  })
  const port = await listen(app)

  const client = await RawClient.open(port, '/rooms/7?lang=en')
  t.equal(await frameText(client), 'true hello ann 7 en true')
  await client.destroy()
})

test('in a child context, this is the child', async t => {
  const app = createApp(t)
  app.register(async child => {
    child.decorate('mine', 'of the child')
    child.get('/child', { ws: true }, function (socket) {
      socket.send((this as any).mine)
    })
  })
  const port = await listen(app)

  const client = await RawClient.open(port, '/child')
  t.equal(await frameText(client), 'of the child')
  await client.destroy()
})

test('a URL with parameters and a wildcard tells its sockets what matched', async t => {
  const app = createApp(t)
  app.get('/files/*', { ws: true }, (socket, request) => { socket.send((request.params as any)['*']) })
  const port = await listen(app)

  const client = await connect(port, '/files/a/b.txt', { perMessageDeflate: true })
  client.close()
  const raw = await RawClient.open(port, '/files/a/b.txt')
  t.equal(await frameText(raw), 'a/b.txt')
  await raw.destroy()
})
