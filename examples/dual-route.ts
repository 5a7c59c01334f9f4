/*
 * One URL for HTTP and WebSocket: a GET is answered with the current state; a WebSocket gets that state, and then every
 * change. One schema serves both.
 *
 *   node dist/examples/dual-route.js
 *   npx wscat --connect ws://127.0.0.1:3000/counter
 *   curl http://127.0.0.1:3000/counter
 *   curl --request POST http://127.0.0.1:3000/counter
 *
 * Each POST shows up in wscat.
 */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import sockets from 'fastify-sockets'

const State = Type.Object({ count: Type.Integer() })

const app = Fastify({ logger: true }).withTypeProvider<TypeBoxTypeProvider>()
app.register(sockets)

const state = { count: 0 }

app.route({
  method: 'GET',
  url: '/counter',
  schema: { response: { 200: State }, send: State },
  handler: async () => state,
  ws: {
    handler: socket => { socket.send(state) }
  }
})

app.post('/counter', { schema: { response: { 200: State } } }, async () => {
  state.count++
  // Every socket of this app watches the counter.
  for (const socket of app.sockets) socket.send(state)
  return state
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
