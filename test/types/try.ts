import Fastify from 'fastify'
import sockets from 'fastify-sockets'
import { Type } from '@sinclair/typebox'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox-5'

const app = Fastify({ logger: true }).withTypeProvider<TypeBoxTypeProvider>()
await app.register(sockets, { maxPayload: 64 * 1024 })
const schema = {
    params: Type.Object({ room: Type.String() }),
    headers: Type.Object({ authorization: Type.String() }),
    message: Type.Object({ text: Type.String({ maxLength: 500 }) }),
    send: Type.Object({ from: Type.String(), text: Type.String() })
}
app.get('/rooms/:room', {
  ws: { heartbeat: { interval: 15_000, timeout: 10_000 } },
  schema,
  preHandler: async (request) => { const x: string = request.params.room; x }
}, async function (socket, request) {
  const r: string = request.params.room
  const h: string = socket.request.headers.authorization
  r; h
  this.log.info('x')
  socket.on('message', m => { const t: string = m.text; t })
  for await (const message of socket) {
    const t: string = message.text
    socket.send({ from: 'x', text: t })
    // @ts-expect-error
    socket.send({ from: 1, text: t })
    // @ts-expect-error
    message.nope
  }
})
app.route({ method: 'GET', url: '/x', ws: true, schema, handler: async (socket, request) => {
  for await (const m of socket) { const t: string = m.text; socket.send({ from: request.params.room, text: t }) }
  // @ts-expect-error
  socket.send('x')
} })
app.route({ method: 'GET', url: '/y', schema, ws: { maxPayload: 10, handler: async (socket, request) => {
  for await (const m of socket) { const t: string = m.text; socket.send({ from: request.params.room, text: t }) }
  // @ts-expect-error
  socket.send('x')
} }, handler: async (request, reply) => { reply.code(200); return request.params.room } })
app.get('/z', { ws: { handler (socket) { socket.send('x'); this.log } } }, async (request, reply) => { reply.code(200); return request.url })
app.get('/plain', { ws: true }, (socket) => {
  socket.on('message', m => { const t: string | Buffer = m; t })
})
app.get<{ Message: { a: number }, Send: { b: number } }>('/g', { ws: true }, (socket) => {
  socket.on('message', m => { const t: number = m.a; socket.send({ b: t }) })
})
const client = await app.injectWS<typeof schema>('/rooms/a')
client.send({ text: 'x' })
client.on('message', m => { const t: string = m.from; t })
// @ts-expect-error
client.send({ from: 'x' })
const raw = await app.injectWS('/rooms/a')
raw.send('x')
