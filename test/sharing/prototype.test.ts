import { ServerResponse } from 'node:http'
import { test } from 'tap'
import { openSession, openSocket } from '../http2/support.ts'
import { createApp, listen } from '../support/app.ts'
import { frameText } from '../support/handshakes.ts'
import { handshake, KEY, RawClient } from '../support/raw-client.ts'

// Express gives requests and responses another prototype, in a hook.

test('a response with another prototype is still that of a handshake', async t => {
  const app = createApp(t, {}, { http2: false, https: null } as object)
  const express = Object.create(ServerResponse.prototype, { json: { value: () => {} } })
  app.addHook('onRequest', async (request, reply) => {
    Object.setPrototypeOf(request.raw, Object.create(Object.getPrototypeOf(request.raw)))
    Object.setPrototypeOf(reply.raw, express)
    reply.header('connection', 'keep-alive')
  })
  app.addHook('preHandler', async ({ url }, reply) => { if (url === '/refused') return await reply.code(418).send('no') })
  app.get('/room', { ws: true }, socket => { socket.send('hello') })
  app.get('/refused', { ws: true }, () => { t.fail('the handler was called') })
  const port = await listen(app)
  const client = new RawClient(port)
  client.write(handshake('/room', { 'Sec-WebSocket-Key': KEY }))
  const { status, headers } = await client.response()
  t.same([status, headers.upgrade, headers.connection, headers['sec-websocket-accept']], [
    101, ['websocket'], ['Upgrade'], ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo=']
  ])
  t.equal(await frameText(client), 'hello')
  await client.destroy()
  const refused = new RawClient(port)
  refused.write(handshake('/refused'))
  t.equal((await refused.response()).status, 418)
  await refused.end()
})

test('over HTTP/2 as well', async t => {
  const app = createApp(t, {}, { http2: true } as object)
  app.addHook('onRequest', async (_request, reply) => {
    Object.setPrototypeOf(reply.raw, Object.create(Object.getPrototypeOf(reply.raw)))
  })
  app.get('/room', { ws: true }, socket => { socket.send('hello') })
  const session = await openSession(t, await listen(app))
  t.equal(await (await openSocket(session, '/room')).text(), 'hello')
})
