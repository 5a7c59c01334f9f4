/*
 * Chat rooms: a topic with a schema, which each socket subscribes to, and a page to try them on.
 *
 *   npm start
 *
 * Open http://127.0.0.1:3000 in two windows and join the same room. Then send something that the schema does not allow.
 */
import { readFile } from 'node:fs/promises'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import sockets from 'fastify-sockets'

/** What a client may send. Anything else closes its connection with 1008, and the reason says what is wrong. */
const Message = Type.Object({ text: Type.String({ minLength: 1, maxLength: 500 }) })
/** What everybody in the room gets. */
const Line = Type.Object({ from: Type.String(), text: Type.String() })
const params = Type.Object({ room: Type.String({ minLength: 1, maxLength: 50 }) })
const querystring = Type.Object({ name: Type.String({ minLength: 1, maxLength: 30, default: 'guest' }) })

const app = Fastify({ logger: true }).withTypeProvider<TypeBoxTypeProvider>()
app.register(sockets, { maxPayload: 16 * 1024 })

const rooms = app.topic('/rooms/:room', { schema: { params, message: Line } })

app.get('/rooms/:room', { ws: true, schema: { params, querystring, message: Message } }, async (socket, request) => {
  const { name } = request.query
  await socket.subscribe(rooms, request.params)
  for await (const { text } of socket) await rooms.publish(request.params, { from: name, text })
})

app.get('/echo', { ws: true }, socket => {
  socket.on('message', message => { socket.send(message) })
})

// Found by way of the package, so that this file and its compiled copy read the same page.
const page = await readFile(new URL('examples/page.html', import.meta.resolve('fastify-sockets/package.json')))

app.get('/', (_request, reply) => {
  reply.type('text/html; charset=utf-8').send(page)
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
