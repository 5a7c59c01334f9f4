/*
 * Who is looking at a document. Each client learns who is there, and then who comes and goes. Somebody with two windows is one
 * member, and whoever loads the page again has not left.
 *
 *   node dist/examples/presence.js
 *   npx wscat --connect 'ws://127.0.0.1:3000/documents/plan?user=u1&name=Ada'
 *   curl http://127.0.0.1:3000/documents/plan/readers
 *
 * Open it twice as Ada, and once as somebody else. Then leave with one of them: after GRACE milliseconds, the others are told.
 */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import sockets from 'fastify-sockets'

const GRACE = Number(process.env.GRACE ?? 5000)

const params = Type.Object({ document: Type.String({ maxLength: 50 }) })
const querystring = Type.Object({
  user: Type.String({ minLength: 1, maxLength: 30 }),
  name: Type.String({ minLength: 1, maxLength: 30 })
})
const Reader = Type.Object({ user: Type.String(), name: Type.String() })

type Query = Static<typeof querystring>

const app = Fastify({ logger: true }).withTypeProvider<TypeBoxTypeProvider>()
app.register(sockets, {
  // A real application takes it from where its hooks have put it: see auth.ts.
  identify: request => (request.query as Query).user
})

const readers = app.topic('/documents/:document', {
  schema: { params, message: Type.Object({ type: Type.Union([Type.Literal('joined'), Type.Literal('left')]), name: Type.String() }) },
  presence: {
    info: ({ request }) => ({ name: (request.query as Query).name }),
    grace: GRACE,
    announce: ({ type, member }) => ({ type, name: member.info.name })
  }
})

app.get('/documents/:document', {
  ws: true,
  schema: { params, querystring, send: Type.Object({ type: Type.Literal('here'), readers: Type.Array(Reader) }) }
}, async (socket, { params }) => {
  await socket.subscribe(readers, params, {
    async begin () { socket.send({ type: 'here', readers: await list(params) }) }
  })
})

app.get('/documents/:document/readers', { schema: { params, response: { 200: Type.Array(Reader) } } }, ({ params }) => list(params))

async function list (params: { document: string }) {
  const members = await readers.members(params)
  return members.map(({ id, info }) => ({ user: id, name: info.name }))
}

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
