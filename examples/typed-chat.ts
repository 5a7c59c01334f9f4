/*
 * Chat rooms: a route as a contract, a topic with a history, and a page to try them on, which uses the client.
 *
 *   npm start
 *
 * Open http://127.0.0.1:3000 in two windows and join the same room. Then send something that the schema does not allow. End this
 * program and start it again: the pages come back.
 */
import { readFile } from 'node:fs/promises'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import sockets from 'fastify-sockets'
import { defineSocket } from 'fastify-sockets/contract'

/** What a client may send. Anything else closes its connection with 1008, and the reason says what is wrong. */
const Message = Type.Object({ text: Type.String({ minLength: 1, maxLength: 500 }) })
/** What everybody in the room gets; `at` is its position, with which a client comes back. */
const Line = Type.Object({ at: Type.String(), from: Type.String(), text: Type.String() })
const params = Type.Object({ room: Type.String({ minLength: 1, maxLength: 50 }) })

/** In a file of its own, a client could import its type. */
export const chat = defineSocket('/rooms/:room', {
  params,
  querystring: Type.Object({
    name: Type.String({ minLength: 1, maxLength: 30, default: 'guest' }),
    since: Type.Optional(Type.String())
  }),
  message: Message,
  send: Line
})

const app = Fastify({ logger: true }).withTypeProvider<TypeBoxTypeProvider>()
app.register(sockets, { maxPayload: 16 * 1024 })

const rooms = app.topic('/rooms/:room', {
  schema: { params, message: Line },
  history: { size: 200, ttl: 300_000, position: 'at' }
})

app.route({
  ...chat,
  async handler (socket, request) {
    const { name, since } = request.query
    // What it has missed; after a restart of this process nobody knows, so it gets what has been said since.
    await socket.subscribe(rooms, request.params, { since, recent: 20 })
    for await (const { text } of socket) await rooms.publish(request.params, { from: name, text })
  }
})

app.get('/echo', { ws: true }, socket => {
  socket.on('message', message => { socket.send(message) })
})

// Found by way of the package, so that this file and its compiled copy read the same ones.
const read = (path: string) => readFile(new URL(path, import.meta.resolve('fastify-sockets/package.json')))
const page = await read('examples/page.html')
const client = await read('dist/browser/client.js')

app.get('/', (_request, reply) => {
  reply.type('text/html; charset=utf-8').send(page)
})
// The page imports it: its import map says so.
app.get('/client.js', (_request, reply) => {
  reply.type('text/javascript; charset=utf-8').send(client)
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
