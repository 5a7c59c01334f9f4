import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { settledClock } from '../support/clock.ts'
import { deferred, frameText, lastResponse } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'

// What hooks and HTTP routes do in HTTP/1.1 only.

test('a hook may answer without a body, and with a stream in chunks', async t => {
  const app = createApp(t)
  app.get('/empty', { ws: true, onRequest: async (_request, reply) => reply.code(204).send() }, () => {})
  app.get('/stream', {
    ws: true, onRequest: async (_request, reply) => reply.code(403).send(Readable.from(['no', ' way']))
  }, () => {})
  const port = await listen(app)
  t.equal((await lastResponse(port, handshake('/empty'))).status, 204)

  const client = new RawClient(port)
  client.write(handshake('/stream'))
  await client.end()
  // Some versions of Node write what comes together as one chunk.
  t.match(client.received.toString(), /\r\n\r\n(?:2\r\nno\r\n4\r\n way|6\r\nno way)\r\n0\r\n\r\n$/, 'all chunks and the last one')
})

test('connectionTimeout of the server is over when the socket is open, and onTimeout with it', async t => {
  const app = createApp(t, {}, { connectionTimeout: 60_000 })
  app.addHook('onTimeout', async () => { t.fail('onTimeout was called') })
  app.addHook('onRequest', async request => { t.equal(request.raw.socket.timeout, 60_000) })
  app.get('/room', { ws: true }, (socket, request) => {
    // Silence of any length is the heartbeat's affair.
    socket.send(`${request.raw.socket.timeout}`)
  })
  const client = await RawClient.open(await listen(app), '/room')
  t.equal(await frameText(client), '0')
  await client.destroy()
})

test('connectionTimeout of the server cuts a handshake that is stuck in a hook, after onTimeout', async t => {
  const app = createApp(t, {}, { connectionTimeout: 60_000 })
  const timedOut = deferred<Socket>()
  app.addHook('onTimeout', async request => { timedOut.resolve(request.raw.socket) })
  app.addHook('preHandler', request => {
    // Its time is nearly over: a short one from the beginning could be over before the request is there.
    request.raw.socket.setTimeout(1)
    return new Promise(() => {})
  })
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  const client = new RawClient(await listen(app))
  client.write(handshake('/room'))
  const socket = await timedOut.promise
  await new Promise(setImmediate)
  t.equal(socket.destroyed, true, 'as the socket of a request that is stuck in a hook')
  t.equal(client.received.length, 0)
  await client.destroy()
})

test('an HTTP route takes its time, whatever it was asked for', async t => {
  const app = createApp(t, { handshakeTimeout: 1000 })
  const reached = deferred()
  const gate = deferred()
  app.get('/http', async () => {
    reached.resolve()
    await gate.promise
    return 'slow'
  })
  const port = await listen(app)
  const clock = await settledClock(t)
  const client = new RawClient(port)
  client.write(handshake('/http'))
  await reached.promise
  clock.tick(10_000)
  gate.resolve()
  t.match(await client.response(), { status: 200, body: 'slow' })
  await client.end()
})
