/*
 * Of `@sinclair/typebox` with provider 5, as examples have it. `readme.test.ts` compiles it again with `typebox` 1.x and provider 6.
 */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import sockets from 'fastify-sockets'
import { check, type Equal } from './equal.ts'

interface Receive { text: string }
interface Send { from: string, text: string }

const app = Fastify().withTypeProvider<TypeBoxTypeProvider>()
app.register(sockets)

const schema = {
  params: Type.Object({ room: Type.String() }),
  querystring: Type.Object({ since: Type.Number() }),
  headers: Type.Object({ authorization: Type.String() }),
  message: Type.Object({ text: Type.String() }),
  send: Type.Object({ from: Type.String(), text: Type.String() })
}

// The short form.
app.get('/rooms/:room', { ws: true, schema }, async function (socket, request) {
  check<Equal<typeof request.params, { room: string }>>()
  check<Equal<typeof request.query, { since: number }>>()
  check<Equal<typeof request.headers.authorization, string>>()
  check<Equal<typeof socket.request.params, { room: string }>>()
  check<Equal<Parameters<typeof socket.send>[0], Send>>()
  this.log.info(this.sockets.size)
  socket.on('message', message => { check<Equal<typeof message, Receive>>() })
  socket.once('close', info => { check<Equal<typeof info.code, number>>() })
  for await (const message of socket) {
    check<Equal<typeof message, Receive>>()
    check<Equal<ReturnType<typeof socket.send>, boolean>>()
    socket.send({ from: 'me', text: message.text })
    // @ts-expect-error a number is no string
    socket.send({ from: 1, text: message.text })
    // @ts-expect-error a property is missing
    socket.send({ text: message.text })
    // @ts-expect-error raw data does not fit schema.send
    socket.send('text')
    // @ts-expect-error no such property
    message.from
  }
  // @ts-expect-error no such event
  socket.on('data', () => {})
})

// Hooks see the same request, whatever form the ws option has.
app.get('/hooks/:room', {
  ws: { maxPayload: 1024, heartbeat: false, protocols: ['chat'], onError: (error, socket) => { socket.close(1011, String(error)) } },
  schema,
  preHandler: async request => { check<Equal<typeof request.params, { room: string }>>() }
}, socket => { socket.send({ from: 'a', text: 'b' }) })

// The handler among the options.
app.get('/options/:room', {
  ws: true,
  schema,
  handler (socket, request) {
    check<Equal<typeof request.params, { room: string }>>()
    socket.on('message', message => { check<Equal<typeof message, Receive>>() })
    check<Equal<Parameters<typeof socket.send>[0], Send>>()
  }
})

// The full form.
app.route({
  method: 'GET',
  url: '/full/:room',
  ws: true,
  schema,
  handler: async (socket, request) => {
    check<Equal<typeof request.params, { room: string }>>()
    for await (const message of socket) check<Equal<typeof message, Receive>>()
    check<Equal<Parameters<typeof socket.send>[0], Send>>()
  }
})

// Both kinds on one URL.
app.route({
  method: 'GET',
  url: '/dual/:room',
  schema,
  handler: async (request, reply) => {
    check<Equal<typeof request.params, { room: string }>>()
    reply.code(200)
    return request.params.room
  },
  ws: {
    closeTimeout: 1000,
    handler: async (socket, request) => {
      check<Equal<typeof request.params, { room: string }>>()
      for await (const message of socket) check<Equal<typeof message, Receive>>()
      check<Equal<Parameters<typeof socket.send>[0], Send>>()
    }
  }
})

app.get('/short-dual/:room', {
  schema,
  ws: { handler: socket => { check<Equal<Parameters<typeof socket.send>[0], Send>>() } }
}, async (request, reply) => {
  check<Equal<typeof request.params, { room: string }>>()
  reply.header('x', 'y')
})

// Only one direction has a schema.
app.get('/receive', { ws: true, schema: { message: Type.Integer() } }, socket => {
  socket.on('message', message => { check<Equal<typeof message, number>>() })
  check<Equal<Parameters<typeof socket.send>[0], string | ArrayBufferView | ArrayBufferLike>>()
})

// A client in memory is the mirror image.
const client = await app.injectWS<typeof schema>('/rooms/a')
client.send({ text: 'hello' })
client.on('message', message => { check<Equal<typeof message, Send>>() })
for await (const message of client) check<Equal<typeof message, Send>>()
// @ts-expect-error the client sends what the route receives
client.send({ from: 'me', text: 'hello' })

// HTTP routes keep their types.
app.get('/http/:room', { schema: { params: schema.params } }, async (request, reply) => {
  check<Equal<typeof request.params, { room: string }>>()
  return reply.send({ ok: true })
})
app.post('/http', { schema: { body: Type.Object({ a: Type.Number() }) } }, async request => {
  check<Equal<typeof request.body, { a: number }>>()
})
app.get('/bare', async request => request.url)
// @ts-expect-error the handler of an HTTP route gets no socket
app.get('/no-ws', {}, socket => { socket.terminate() })
// @ts-expect-error an unknown option
app.get('/wrong', { ws: { maxPayloads: 1 } }, socket => { socket.close() })
// @ts-expect-error WebSocket routes are GET
app.route({ method: 'POST', url: '/post', ws: true, handler: socket => { socket.close() } })
// @ts-expect-error a wrong kind of option
app.register(sockets, { maxPayload: '1 MiB' })
