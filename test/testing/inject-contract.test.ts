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
    scope.route({ ...chat, handler (socket, request) { socket.send({ params: request.params, query: request.query }) } })
  }, { prefix: '/v1' })
  await app.ready()
  const client = await app.injectWS(chat as any, { prefix: '/v1', params: { room: 'tea & cake' }, query: { n: 7 } } as any)
  const [message] = await once(client as any, 'message')
  t.same(message, { params: { room: 'tea & cake' }, query: { n: 7 } })
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

test('injectWS refuses parameters that no URL can carry', async t => {
  const app = createApp(t)
  await app.ready()
  await t.rejects(app.injectWS(chat as any, { params: {} } as any), { code: 'FST_ERR_WS_CLIENT_PARAM' })
})
