/*
 * Live scores: what is posted goes to everybody who follows the match. However many they are, it is serialized once.
 *
 *   node dist/examples/broadcast.js
 *   npx wscat --connect ws://127.0.0.1:3000/matches/final
 *   curl --json '{ "home": 1, "away": 0 }' http://127.0.0.1:3000/matches/final
 *
 * Follow the match in several terminals, and post a score.
 */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import sockets, { type BaseSocket, type ReceiveData } from 'fastify-sockets'

const Score = Type.Object({ home: Type.Integer(), away: Type.Integer() })
const params = Type.Object({ match: Type.String({ maxLength: 50 }) })

type Follower = BaseSocket<ReceiveData, Static<typeof Score>>

const app = Fastify({ logger: true }).withTypeProvider<TypeBoxTypeProvider>()
// A follower who reads too slowly misses some scores, and the others are not held up.
app.register(sockets, { overflow: 'drop' })

const matches = new Map<string, Set<Follower>>()

app.get('/matches/:match', { ws: true, schema: { params, send: Score } }, (socket, request) => {
  const { match } = request.params
  const followers = matches.get(match) ?? new Set<Follower>()
  matches.set(match, followers.add(socket))
  socket.on('close', () => {
    followers.delete(socket)
    if (followers.size === 0) matches.delete(match)
  })
})

app.post('/matches/:match', { schema: { params, body: Score } }, async request => {
  const followers = matches.get(request.params.match) ?? new Set<Follower>()
  const score = app.sockets.prepare(request.body)
  for (const follower of followers) follower.send(score)
  return { followers: followers.size }
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
