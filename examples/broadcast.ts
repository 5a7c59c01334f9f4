/*
 * Live scores: what is posted is published to everybody who follows the match. Whoever comes later begins with the last score.
 *
 *   node dist/examples/broadcast.js
 *   npx wscat --connect ws://127.0.0.1:3000/matches/final
 *   curl --json '{ "home": 1, "away": 0 }' http://127.0.0.1:3000/matches/final
 *
 * Follow the match in several terminals, and post scores.
 */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import sockets from 'fastify-sockets'

const Score = Type.Object({ home: Type.Integer(), away: Type.Integer() })
const params = Type.Object({ match: Type.String({ maxLength: 50 }) })

const app = Fastify({ logger: true }).withTypeProvider<TypeBoxTypeProvider>()
app.register(sockets)

const scores = app.topic('/matches/:match', {
  schema: { params, message: Score },
  history: { size: 1, ttl: 24 * 3600_000 },
  overflow: 'latest'                                       // a follower who reads slowly misses old scores, but not the newest
})

app.get('/matches/:match', { ws: true, schema: { params, send: Score } }, async (socket, { params }) => {
  await socket.subscribe(scores, params, { recent: 1 })    // the score as it is, and then each new one
})

app.post('/matches/:match', { schema: { params, body: Score } }, async (request, reply) => {
  const { at } = await scores.publish(request.params, request.body)
  return reply.code(201).send({ at })
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
