import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { closeBody, masked } from '../support/frames.ts'
import { deferred, lastResponse } from '../support/handshakes.ts'
import { heard } from '../support/heard.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { CHUNK, pair, stall } from '../support/serve.ts'
import { until } from '../support/until.ts'

test('a connection can be followed from its handshake to its end', async t => {
  const order: string[] = []
  for (const name of ['handshake', 'open', 'message.in', 'message.out', 'close'] as const) {
    const listener = (): void => { order.push(name) }
    subscribe(`fastify-sockets.${name}`, listener)
    t.teardown(() => unsubscribe(`fastify-sockets.${name}`, listener))
  }
  const handshakes = heard(t, 'handshake')
  const openings = heard(t, 'open')
  const endings = heard(t, 'close')
  const app = createApp(t)
  app.get('/:room', {
    ws: true,
    onRequest: async () => { order.push('onRequest') }
  }, socket => {
    order.push('handler')
    socket.on('message', message => socket.send(message))
  })
  const client = await RawClient.open(await listen(app), '/blue')
  client.send(1, 'hello')
  await client.frame()
  client.send(8, closeBody(1000, 'bye'))
  await client.close()
  await client.end()
  await until(() => endings.length === 1)
  t.same(order, ['handshake', 'onRequest', 'open', 'handler', 'message.in', 'message.out', 'close'])
  const { request } = handshakes[0]!
  const { socket } = openings[0]!
  t.equal(request.url, '/blue')
  t.equal(openings[0]!.request, request)
  t.equal(socket.request, request)
  t.equal(request.routeOptions.url, '/:room')
  t.equal(endings[0]!.socket, socket)
  t.same(endings[0]!.info, { code: 1000, reason: 'bye', wasClean: true, initiator: 'remote' })
})

test('messages are seen as they come and go, text and binary, on either kind of route', async t => {
  const incoming = heard(t, 'message.in')
  const outgoing = heard(t, 'message.out')
  const { client, socket } = await pair(t, {}, { schema: { message: {}, send: {} } })
  socket.on('message', () => {})
  client.send(1, '{"a":"é"}')
  await until(() => incoming.length === 1)
  socket.send({ b: 1 })
  client.send(2, 'binary')
  await until(() => incoming.length === 2)
  t.equal(socket.send('too late'), false)
  t.same(incoming, [
    { socket, data: '{"a":"é"}', byteLength: 10 }, { socket, data: Buffer.from('binary'), byteLength: 6 }
  ])
  t.same(outgoing, [{ socket, data: '{"b":1}', accepted: true }])
  const plain = await pair(t)
  await stall(plain.client, plain.socket)
  t.same([outgoing[1], outgoing.at(-1)].map(message => message!.accepted), [true, false])
  t.equal(outgoing[1]!.data, CHUNK)
})

test('refusals are seen with their status, and a client that leaves without one', async t => {
  const refusals = heard(t, 'refusal')
  const waiting = deferred()
  const app = createApp(t)
  app.get('/closed', { ws: true, preHandler: async (_request, reply) => reply.code(401).send() }, () => {})
  app.get('/slow', {
    ws: true,
    preHandler: () => {
      waiting.resolve()
      return new Promise(() => {})
    }
  }, () => {})
  const port = await listen(app)
  await lastResponse(port, handshake('/closed'))
  await lastResponse(port, handshake('/closed', { 'Sec-WebSocket-Protocol': '?' }))
  await lastResponse(port, handshake('/elsewhere'))
  const client = new RawClient(port)
  client.write(handshake('/slow'))
  await waiting.promise
  await client.destroy()
  await until(() => refusals.length === 3)
  t.same(refusals.map(({ request, statusCode }) => [request.url, statusCode]), [
    ['/closed', 401], ['/closed', 400], ['/slow', null]
  ])
})

test('errors are seen: of user code, of messages, of the protocol', async t => {
  const errors = heard(t, 'error')
  const { client, socket, open, app } = await pair(t, {}, { schema: { message: { type: 'object' } } })
  socket.on('message', () => { throw new Error('of user code') })
  client.send(1, '{}')
  await client.close()
  const second = await open()
  for (const one of app.sockets) one.on('message', () => {})
  second.send(1, '[]')
  await second.close()
  const third = await open()
  third.send(3)
  await third.close()
  t.same(errors.map(({ error }) => (error as any).code ?? (error as Error).message), [
    'of user code', 'FST_ERR_WS_INVALID_MESSAGE', 'FST_ERR_WS_PROTOCOL'
  ])
  t.equal(errors[0]!.socket, socket)
  for (const one of [client, second, third]) await one.destroy()
  await until(() => app.sockets.size === 0)
})

test('a client of injectWS is not seen, but the socket that it talks to', async t => {
  const incoming = heard(t, 'message.in')
  const outgoing = heard(t, 'message.out')
  const app = createApp(t)
  app.get('/', { ws: true }, socket => { socket.on('message', message => socket.send(message)) })
  await app.ready()
  const client = await app.injectWS('/')
  const reply = deferred<unknown>()
  client.on('message', message => { reply.resolve(message) })
  client.send('hello')
  t.equal(await reply.promise, 'hello')
  t.same([incoming.length, outgoing.length], [1, 1])
  t.equal(incoming[0]!.socket, outgoing[0]!.socket)
  await client.close()
})

test('nobody has subscribed unless asked', async t => {
  for (const name of ['handshake', 'refusal', 'open', 'message.in', 'message.out', 'error', 'close']) {
    t.equal(channel(`fastify-sockets.${name}`).hasSubscribers, false, name)
  }
})

for (const consumer of ['listeners', 'a loop', 'nobody yet']) {
  test(`a subscriber that closes: the message that it has seen is not delivered any more, to ${consumer}`, async t => {
    const { client, socket } = await pair(t)
    const found: unknown[] = []
    if (consumer === 'listeners') socket.on('message', message => { found.push(message) })
    if (consumer === 'a loop') void (async () => { for await (const message of socket) found.push(message) })()
    const close = (message: any): void => { if (message.data === 'last') void socket.close(4000) }
    subscribe('fastify-sockets.message.in', close)
    t.teardown(() => unsubscribe('fastify-sockets.message.in', close))
    client.write(Buffer.concat([masked(1, 'first'), masked(1, 'last'), masked(1, 'behind')]))
    t.equal((await client.close()).code, 4000)
    if (consumer === 'nobody yet') for await (const message of socket) found.push(message)
    t.strictSame(found, consumer === 'nobody yet' ? [] : ['first'])
  })
}
