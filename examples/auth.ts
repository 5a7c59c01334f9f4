/*
 * Only known users may connect. The hook is the one that you would write for an HTTP route: if it throws, the client gets
 * a 401 instead of a WebSocket. A browser sends the cookie by itself; other clients may send a bearer token.
 *
 *   node dist/examples/auth.js
 *   npx wscat --connect ws://127.0.0.1:3000/me
 *   npx wscat --connect ws://127.0.0.1:3000/me --header 'Authorization: Bearer ada-token'
 *   npx wscat --connect ws://127.0.0.1:3000/me --header 'Cookie: token=grace-token'
 *
 * The first is refused. The others are greeted by name.
 */
import cookie from '@fastify/cookie'
import Fastify, { type FastifyRequest } from 'fastify'
import sockets from 'fastify-sockets'

interface User {
  name: string
}

declare module 'fastify' {
  interface FastifyRequest {
    user: User
  }
}

// A real application looks up sessions, or verifies the signature of a token.
const users = new Map<string, User>([
  ['ada-token', { name: 'Ada' }],
  ['grace-token', { name: 'Grace' }]
])

const app = Fastify({ logger: true })
app.register(cookie)
app.register(sockets)
app.decorateRequest('user', null as unknown as User)

async function authenticate (request: FastifyRequest): Promise<void> {
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const user = users.get(request.cookies.token ?? bearer ?? '')
  if (user === undefined) throw Object.assign(new Error('sign in first'), { statusCode: 401 })
  request.user = user
}

app.get('/me', { ws: true, onRequest: authenticate }, (socket, request) => {
  socket.send(`Hello ${request.user.name}`)
  socket.on('message', message => { socket.send(`${request.user.name} said: ${message}`) })
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
