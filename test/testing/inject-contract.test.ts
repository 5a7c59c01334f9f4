import { once } from 'node:events'
import { test } from 'tap'
import { defineSocket } from 'fastify-sockets/contract'
import { createApp } from '../support/app.ts'

const chat = defineSocket('/rooms/:room', {
  params: { type: 'object', properties: { room: { type: 'string' } } },
  querystring: { type: 'object', properties: { n: { type: 'integer' } } },
  message: { type: 'object' },
  send: { type: 'object', additionalProperties: true }
})

test('injectWS takes a contract, fills in its URL, and speaks JSON as it says', async t => {
  const app = createApp(t)
  app.register(async scope => {
    scope.route({
      ...chat,
      ws: { protocols: ['v1'] },
      handler (socket, request) {
        socket.on('message', message => { socket.send({ message, params: request.params, query: request.query, cookie: request.headers.cookie }) })
      }
    })
  }, { prefix: '/v1' })
  await app.ready()
  const client = await app.injectWS(chat, {
    prefix: '/v1', params: { room: 'tea & cake' }, query: { n: 7 }, headers: { cookie: 'a=b' }, protocols: ['v2', 'v1']
  })
  t.equal(client.protocol, 'v1')
  client.send({ text: 'hi' })
  const [message] = await once(client as any, 'message')
  t.same(message, { message: { text: 'hi' }, params: { room: 'tea & cake' }, query: { n: 7 }, cookie: 'a=b' })
  await client.close()
})

test('a contract without parameters needs no options', async t => {
  const app = createApp(t)
  const plain = defineSocket('/plain', {})
  app.route({ ...plain, handler (socket) { socket.send('hi') } })
  await app.ready()
  const client = await app.injectWS(plain)
  const [message] = await once(client as any, 'message')
  t.equal(message, 'hi')
  await client.close()
})

test('injectWS takes the type of a contract', async t => {
  const app = createApp(t)
  app.route({ ...chat, handler (socket, request) { socket.send(request.params) } })
  await app.ready()
  const client = await app.injectWS<typeof chat>('/rooms/tea?n=7')
  const [message] = await once(client as any, 'message')
  t.same(message, { room: 'tea' })
  await client.close()
})

test('injectWS refuses parameters that no URL can carry', async t => {
  const app = createApp(t)
  await app.ready()
  await t.rejects(app.injectWS(chat, { params: {} as { room: string } }), { code: 'FST_ERR_WS_CLIENT_PARAM', message: /room/ })
  await t.rejects(app.injectWS(chat, { params: { room: '..' } }), { code: 'FST_ERR_WS_CLIENT_PARAM' })
})
