import type { FastifyInstance } from 'fastify'
import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { frameText, h2c, lastResponse } from '../support/handshakes.ts'
import { handshake, KEY, RawClient } from '../support/raw-client.ts'

test('where another listener serves upgrades too, it gets what no ws route claims, untouched', async t => {
  const app = createApp(t)
  app.get('/rooms/:room', { ws: true }, socket => { socket.send('ours') })
  app.get('/files/*', { ws: true }, socket => { socket.send('ours') })
  app.get('/plain', async () => 'http')
  const foreign: string[] = []
  await app.ready()
  app.server.on('upgrade', (request, socket, head) => {
    if (/^\/(rooms\/[^/]+$|files)/.test(request.url!) && request.headers.upgrade === 'websocket') return
    t.same(['data', 'error'].map(event => socket.listenerCount(event)), [0, 1], 'ours keeps a reset from ending the process')
    t.equal(socket.readableFlowing, null, 'nobody reads')
    foreign.push(request.url!)
    socket.end(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nX-Who: foreign\r\n\r\nhead ${head}`)
  })
  const port = await listen(app)

  for (const url of ['/rooms/7', '/rooms/7?lang=en', '/rooms/a%20b', '/files/', '/files/a/b?c']) {
    const client = await RawClient.open(port, url)
    t.equal(await frameText(client), 'ours', url)
    await client.destroy()
  }
  for (const bytes of [
    handshake('/elsewhere'), handshake('/rooms/7/more'), handshake('/'), handshake('/plain'), handshake('/rooms'),
    h2c('GET', '/rooms/7'), h2c('POST', '/plain'), handshake('/rooms/7', { Upgrade: 'tcp' })
  ]) {
    const client = new RawClient(port)
    client.write(bytes + 'early')
    const response = await client.response()
    t.same([response.status, response.headers['x-who']], [101, ['foreign']], bytes.split('\r\n')[0]!)
    await client.end()
    t.equal(client.received.toString(), 'head early')
  }
  t.equal(foreign.length, 8)
})

test('beside another listener a bad handshake for a ws route is still refused by us', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  app.server.on('upgrade', request => { if (request.url !== '/room') t.fail('not for this listener') })
  const response = await lastResponse(await listen(app), handshake('/room', { 'Sec-WebSocket-Key': KEY.slice(1) }))
  t.equal(response.status, 400)
})

/** A listener that drops what we have left to it. */
function dropUnclaimed (app: FastifyInstance): void {
  app.server.on('upgrade', (_request, socket) => {
    setImmediate(() => { if (socket.listenerCount('data') === 0) socket.destroy() })
  })
}

for (const [what, server, url] of [
  ['a trailing slash that is ignored', { routerOptions: { ignoreTrailingSlash: true } }, '/Room/'],
  ['another case where that does not matter', { routerOptions: { caseSensitive: false } }, '/rOOM'],
  ['a doubled slash that is ignored', { routerOptions: { ignoreDuplicateSlashes: true } }, '//Room']
] as Array<[string, object, string]>) {
  test(`beside another listener, a ws route is found by a URL with ${what}`, async t => {
    const app = createApp(t, {}, server)
    app.get('/Room', { ws: true }, socket => { socket.send('ours') })
    dropUnclaimed(app)
    const client = await RawClient.open(await listen(app), url)
    t.equal(await frameText(client), 'ours')
    await client.destroy()
  })
}

test("beside another listener, the route '/' of a prefix is found with and without a trailing slash", async t => {
  const app = createApp(t)
  app.register(async child => {
    child.get('/', { ws: true }, socket => { socket.send('ours') })
  }, { prefix: '/prefix' })
  dropUnclaimed(app)
  const port = await listen(app)
  for (const url of ['/prefix', '/prefix/', '/prefix?x', '/prefix/?x']) {
    const client = await RawClient.open(port, url)
    t.equal(await frameText(client), 'ours', url)
    await client.destroy()
  }
})

test('beside another listener, a ws route with a constraint is found', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true, constraints: { host: 'one.example' } }, socket => { socket.send('ours') })
  dropUnclaimed(app)
  const client = await RawClient.open(await listen(app), '/room', { Host: 'one.example' })
  t.equal(await frameText(client), 'ours')
  await client.destroy()
})

test('a server that asks before it upgrades declines what is not for WebSockets, unless another listener is there', async t => {
  const app = createApp(t)
  // What Node 24.9 and later has from the start.
  const server = app.server as unknown as { shouldUpgradeCallback: (request: object) => boolean }
  let willing = true
  server.shouldUpgradeCallback = () => willing
  await app.ready()
  const websocket = { method: 'GET', rawHeaders: ['Upgrade', 'websocket'], headers: { upgrade: 'websocket' } }
  const h2c = { method: 'GET', rawHeaders: ['Upgrade', 'h2c'], headers: { upgrade: 'h2c' } }
  t.same([server.shouldUpgradeCallback(websocket), server.shouldUpgradeCallback(h2c)], [true, false])
  app.server.on('upgrade', () => {})
  t.same([server.shouldUpgradeCallback(websocket), server.shouldUpgradeCallback(h2c)], [true, true])
  willing = false
  t.same([server.shouldUpgradeCallback(websocket), server.shouldUpgradeCallback(h2c)], [false, false])
})
