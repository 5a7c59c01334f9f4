import { channel } from 'node:diagnostics_channel'
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import sockets, { CloseCode, errors, ProtocolError, type Socket, sockets as named } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { connect, createApp, listen } from '../support/app.ts'
import { ask, lastResponse, nextText, ROOT, runScript } from '../support/handshakes.ts'
import { get, handshake } from '../support/raw-client.ts'
import { serverOptions } from '../support/transport.ts'

function echo (socket: Socket): void {
  socket.on('message', message => { socket.send(message) })
}

/** An app without the plugin. */
function bareApp (t: Test, options = {}): FastifyInstance {
  const app = Fastify({ ...serverOptions, ...options }) as unknown as FastifyInstance
  t.teardown(() => app.close())
  return app
}

async function fails (t: Test, app: FastifyInstance, code: string): Promise<void> {
  await t.rejects(async () => { await app.ready() }, { code })
}

test('the package exports the plugin, by default and by name, its errors and its close codes', async t => {
  t.equal(named, sockets)
  t.equal(typeof sockets, 'function')
  t.equal(CloseCode.GOING_AWAY, 1001)
  t.equal(new ProtocolError(CloseCode.PROTOCOL_ERROR, 'text').closeCode, 1002)
  t.ok(Object.keys(errors).every(name => name.startsWith('FST_ERR_WS_')))
})

test('register without await serves the routes that are declared after it in the same scope', async t => {
  const app = bareApp(t)
  app.register(sockets)
  app.get('/room', { ws: true }, echo)
  const port = await listen(app)
  t.equal(await ask(port, '/room', 'hello'), 'hello')
})

test('register with await does so too', async t => {
  const app = bareApp(t)
  await app.register(sockets)
  app.get('/room', { ws: true }, echo)
  const port = await listen(app)
  t.equal(await ask(port, '/room', 'hello'), 'hello')
})

test('routes that are declared before register are served', async t => {
  const app = bareApp(t)
  app.get('/room', { ws: true }, echo)
  app.register(async child => { child.get('/child', { ws: true }, echo) })
  app.register(sockets)
  const port = await listen(app)
  t.equal(await ask(port, '/room', 'hello'), 'hello')
  t.equal(await ask(port, '/child', 'hello'), 'hello')
})

test('register inside a shared plugin serves the scope of that plugin', async t => {
  const app = bareApp(t)
  app.register(fp(async instance => { await instance.register(sockets) }))
  app.get('/room', { ws: true }, echo)
  const port = await listen(app)
  t.equal(await ask(port, '/room', 'hello'), 'hello')
})

test('other plugins can depend on it by its name', async t => {
  const app = bareApp(t)
  app.register(sockets)
  app.register(fp(async () => {}, { name: 'dependent', dependencies: ['fastify-sockets'] }))
  await app.ready()
  t.equal(app.hasPlugin('fastify-sockets'), true)

  const without = bareApp(t)
  without.register(fp(async () => {}, { name: 'dependent', dependencies: ['fastify-sockets'] }))
  await fails(t, without, 'FST_ERR_PLUGIN_DEPENDENCY_NOT_REGISTERED')
})

test('a ws route with no plugin anywhere fails the boot by its URL, whatever boots the app', async t => {
  const declare = () => {
    const app = bareApp(t)
    app.get('/lonely', { ws: true }, () => { t.fail('the handler was called') })
    return app
  }
  const wanted = { code: 'FST_ERR_WS_NOT_REGISTERED', message: "the route '/lonely' has the option 'ws'" }
  await t.rejects(async () => { await declare().ready() }, wanted)
  await t.rejects(declare().listen({ port: 0 }), wanted)
  await t.rejects(declare().inject('/lonely'), wanted)
})

test('a ws route outside the scope that has the plugin fails the boot', async t => {
  const parent = bareApp(t)
  parent.register(async child => { await child.register(sockets) })
  parent.get('/parent', { ws: true }, echo)
  await fails(t, parent, 'FST_ERR_WS_NOT_REGISTERED')

  const sibling = bareApp(t)
  sibling.register(async child => { await child.register(sockets) })
  sibling.register(async child => { child.get('/sibling', { ws: true }, echo) })
  await fails(t, sibling, 'FST_ERR_WS_NOT_REGISTERED')
})

test('a URL with both kinds and no plugin fails the boot as well', async t => {
  const app = bareApp(t)
  app.get('/both', { ws: { handler: echo } }, async () => 'http')
  await fails(t, app, 'FST_ERR_WS_NOT_REGISTERED')
})

test('register twice in one scope fails the boot', async t => {
  const twice = bareApp(t)
  twice.register(sockets)
  twice.register(sockets, { maxPayload: 5 })
  await fails(t, twice, 'FST_ERR_WS_ALREADY_REGISTERED')

  const shared = bareApp(t)
  shared.register(sockets)
  shared.register(fp(async instance => { await instance.register(sockets) }))
  await fails(t, shared, 'FST_ERR_WS_ALREADY_REGISTERED')

  const child = bareApp(t)
  child.register(async instance => {
    instance.register(sockets)
    instance.register(sockets)
  })
  await fails(t, child, 'FST_ERR_WS_ALREADY_REGISTERED')
})

test('an app without ws routes works with the plugin, and one without the plugin as if it were not there', async t => {
  const idle = createApp(t)
  idle.get('/plain', async () => 'http')
  const port = await listen(idle)
  t.equal((await lastResponse(port, get('/plain'))).body, 'http')
  t.equal((await lastResponse(port, handshake('/unknown'))).status, 404)

  const without = bareApp(t)
  without.get('/plain', async () => 'http')
  t.equal((await without.inject('/plain')).body, 'http')
  t.equal(without.hasDecorator('sockets'), false)
})

test('two servers in one process know nothing of each other', async t => {
  const one = createApp(t)
  const two = createApp(t)
  one.get('/one', { ws: true }, echo)
  two.get('/two', { ws: true }, echo)
  const [onePort, twoPort] = [await listen(one), await listen(two)]

  const client = await connect(onePort, '/one')
  t.equal((await lastResponse(twoPort, handshake('/one'))).status, 404)
  t.same([one.sockets.size, two.sockets.size], [1, 0])
  await two.close()
  const answer = nextText(client)
  client.send('still here')
  t.equal(await answer, 'still here')
  client.terminate()
})

test('require() hands back the plugin itself', async t => {
  const { code, stdout, stderr } = await runScript(`
    const sockets = require('fastify-sockets')
    const app = require('fastify')()
    app.register(sockets)
    app.get('/room', { ws: true }, socket => { socket.send('hello') })
    app.ready().then(async () => {
      const client = await app.injectWS('/room')
      console.log(typeof sockets, (await client[Symbol.asyncIterator]().next()).value)
      await app.close()
    })
  `)
  t.same([code, stdout.trim(), stderr], [0, 'function hello', ''])
})

test('imported after Fastify was created but before any route, it does not warn', async t => {
  const { code, stdout, stderr } = await runScript(`
    const app = require('fastify')()
    const sockets = require('fastify-sockets')
    app.register(async one => {
      one.register(sockets)
      one.register(async child => { child.get('/one', { ws: true }, socket => { socket.send('one') }) })
    })
    app.ready().then(async () => {
      const response = await app.inject('/one')
      console.log(response.statusCode, response.json().code)
      await app.close()
    })
  `)
  t.same([code, stdout.trim(), stderr], [0, '426 FST_ERR_WS_UPGRADE_REQUIRED', ''])
})

test('a second copy of the package that is only imported, as with two versions installed, changes nothing', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-sockets-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  for (const part of ['lib', 'types']) cpSync(join(ROOT, 'dist', part), join(folder, part), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const { code, stdout, stderr } = await runScript(`
    require(${JSON.stringify(join(folder, 'lib/index.js'))})
    const sockets = require('fastify-sockets')
    const app = require('fastify')()
    app.register(sockets)
    app.get('/room', { ws: true }, socket => { socket.send('hello') })
    app.ready().then(async () => {
      const client = await app.injectWS('/room')
      console.log((await client[Symbol.asyncIterator]().next()).value)
      await app.close()
    })
  `)
  t.same([code, stdout.trim()], [0, 'hello'], stderr)
})

test('hooks that are offered to an instance twice are added once', async t => {
  const app = createApp(t)
  channel('fastify.initialization').publish({ fastify: app })
  let calls = 0
  app.get('/room', { ws: true }, socket => { socket.send(String(++calls)) })
  await app.ready()
  const client = await app.injectWS('/room')
  t.equal((await client[Symbol.asyncIterator]().next()).value, '1')
})
