import { PassThrough, Duplex } from 'node:stream'
import Fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import sockets from 'fastify-sockets'
import { type Test, test } from 'tap'
import { KEY } from '../support/raw-client.ts'

/** Does to an app what @fastify/websocket does: the same decorators, and an injectWS that emits a plain object. */
const theirs = fp(async (app: FastifyInstance) => {
  app.decorate('websocketServer' as any, {})
  app.server.on('upgrade', (_request, socket) => { socket.write('hello') })
  app.decorate('injectWS' as any, async (url: string) => {
    const [toClient, toServer] = [new PassThrough(), new PassThrough()]
    const request = {
      method: 'GET', httpVersion: '1.1', url,
      headers: { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': 13, 'sec-websocket-key': KEY }
    }
    // Duplexify has its own, too, which Node's `ServerResponse` does not know.
    const far = Object.assign(Duplex.from({ readable: toServer, writable: toClient }), { cork: () => {}, uncork: () => {} })
    app.server.emit('upgrade', request as any, far as any, Buffer.alloc(0))
    let received = ''
    for await (const chunk of toClient) {
      received += chunk
      if (received.endsWith('hello')) break
    }
    return received.slice(-5)
  })
})

function bareApp (t: Test): FastifyInstance {
  const app = Fastify() as unknown as FastifyInstance
  t.teardown(() => app.close())
  return app
}

for (const [order, plugins] of [['before', [theirs, sockets]], ['after', [sockets, theirs]]] as const) {
  test(`with @fastify/websocket in the same scope, registered ${order} ours, injectWS is its own and reaches our routes`, async t => {
    const app = bareApp(t)
    for (const plugin of plugins) app.register(plugin)
    app.get('/ours', { ws: true }, socket => { socket.send('hello') })
    app.get('/theirs', { websocket: true } as object, async () => 'http')
    await app.ready()
    t.equal(await app.injectWS('/ours'), 'hello')
    t.equal(await app.injectWS('/theirs'), 'hello')
    t.equal(app.hasDecorator('injectWS'), true)
    t.equal(Object.hasOwn(app, 'injectWS'), true)
  })
}

test('in a scope below, injectWS is ours again', async t => {
  const app = bareApp(t)
  app.register(theirs)
  app.register(async child => {
    child.register(sockets)
    child.get('/ours', { ws: true }, socket => { socket.send('hello') })
    child.addHook('onReady', async () => { t.not(child.injectWS, app.injectWS) })
  })
  await app.ready()
})

for (const [option, value, instead] of [['websocket', true, 'ws: true'], ['wsHandler', () => {}, 'ws: { handler }']] as const) {
  test(`a route with '${option}' fails the boot where no plugin knows it, and is told what to write`, async t => {
    const app = bareApp(t)
    app.register(sockets)
    app.get('/room', { [option]: value }, async () => 'http')
    await t.rejects(async () => { await app.ready() }, {
      code: 'FST_ERR_WS_OTHER_OPTION', message: new RegExp(`'/room' has the option '${option}'.*write ${instead} `)
    })
  })

  test(`'${option}' is no matter of ours with the plugin that knows it, or where ours is not registered`, async t => {
    const app = bareApp(t)
    app.register(async child => {
      child.register(sockets)
      child.register(theirs)
      child.get('/room', { [option]: value }, async () => 'http')
    })
    app.get('/other', { [option]: value }, async () => 'http')
    await app.ready()
  })
}
