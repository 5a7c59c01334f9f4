import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Socket } from 'fastify-sockets'
import { test } from 'tap'
import { WebSocket } from 'ws'
import { createApp, listen } from '../support/app.ts'
import { selfSigned } from '../support/certificate.ts'
import { ask, askOf, connectSecure, nextText } from '../support/handshakes.ts'

function echo (socket: Socket): void {
  socket.on('message', message => { socket.send(message) })
}

test('an HTTPS server serves wss', async t => {
  const app = createApp(t, {}, { https: await selfSigned() } as any)
  app.get('/room', { ws: true }, (socket, request) => {
    socket.on('message', message => { socket.send(`${message} over ${request.protocol}`) })
  })
  const port = await listen(app)

  t.equal(await askOf(await connectSecure(port, '/room'), 'hello'), 'hello over https')
})

test('an HTTP/2 server that allows HTTP/1 serves wss', async t => {
  const app = createApp(t, {}, { http2: true, https: { allowHTTP1: true, ...await selfSigned() } } as any)
  app.get('/room', { ws: true }, echo)
  const port = await listen(app)

  t.equal(await askOf(await connectSecure(port, '/room'), 'hello'), 'hello')
})

test('a server on all addresses of localhost serves sockets on each', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, echo)
  await app.listen({ port: 0, host: 'localhost' })

  for (const { address, port } of app.addresses() as AddressInfo[]) {
    t.equal(await ask(port, '/room', 'hello', { host: address }), 'hello', address)
  }
})

test('a server of the user\'s own making serves sockets', async t => {
  const serverFactory = (handler: any) => createServer({ keepAliveTimeout: 1000 }, handler)
  const app = createApp(t, {}, { serverFactory } as any)
  app.get('/room', { ws: true }, echo)
  t.equal(await ask(await listen(app), '/room', 'hello'), 'hello')
})

test('a server on a Unix socket serves sockets, whose peers have no address', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-sockets-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'server')
  const app = createApp(t)
  app.get('/room', { ws: true }, socket => { socket.send(`address '${socket.remoteAddress}'`) })
  await app.listen({ path })
  const client = new WebSocket(`ws+unix:${path}:/room`)
  t.equal(await nextText(client), "address ''")
  client.terminate()
})
