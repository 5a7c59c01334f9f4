/*
 * Options for a public server behind a proxy or a load balancer. On SIGTERM (a deployment), the health route first answers
 * 503, so that the load balancer sends no more clients; then app.close() says goodbye to the clients in batches and closes
 * their connections with 1001.
 *
 *   node dist/examples/production.js
 *   npx wscat --connect ws://127.0.0.1:3000/rooms/tea
 *   curl --include http://127.0.0.1:3000/health
 *
 * Press Ctrl+C in the server's window: wscat is told to reconnect, and is then disconnected.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import sockets from 'fastify-sockets'

/** Time for the load balancer to notice that the health route answers 503, in milliseconds. */
const NOTICE = Number(process.env.NOTICE ?? 5000)

const app = Fastify({
  logger: true,
  // The proxies whose X-Forwarded-For and X-Forwarded-Host count. With `true`, clients could choose their address.
  trustProxy: process.env.TRUST_PROXY ?? 'loopback'
}).withTypeProvider<TypeBoxTypeProvider>()

app.register(sockets, {
  maxPayload: 16 * 1024,
  limits: {
    connections: 20_000,
    connectionsPerAddress: 20,                             // clients behind one NAT share an address
    handshakesPerAddress: 5,
    messagesPerSecond: 50,
    bytesPerSecond: 256 * 1024
  },
  handshakeTimeout: 5000,
  heartbeat: { interval: 25_000, timeout: 10_000 },        // many proxies cut a connection after a silent minute
  idleTimeout: 30 * 60_000,
  maxLifetime: 24 * 3600_000,                              // old tokens expire, and load moves to new servers
  closeTimeout: 3000,
  // Together with NOTICE, less than the platform waits before it kills the process (Kubernetes: 30 s).
  drain: { batch: 500, interval: 100, timeout: 15_000 },
  onDrain (socket) { socket.send({ type: 'reconnect' }) }
})

app.get('/rooms/:room', {
  ws: true,
  schema: {
    params: Type.Object({ room: Type.String({ minLength: 1, maxLength: 50 }) }),
    message: Type.Object({ text: Type.String({ minLength: 1, maxLength: 500 }) }),
    send: Type.Object({ type: Type.Union([Type.Literal('text'), Type.Literal('reconnect')]), text: Type.Optional(Type.String()) })
  }
}, async socket => {
  for await (const { text } of socket) socket.send({ type: 'text', text })
})

let leaving = false

app.get('/health', async (_request, reply) => {
  if (leaving) reply.code(503)
  return { status: leaving ? 'leaving' : 'ok', connections: app.sockets.size }
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  // Only once: a second Ctrl+C ends the process immediately.
  process.once(signal, async () => {
    app.log.info({ signal, connections: app.sockets.size }, 'leaving')
    leaving = true
    await delay(NOTICE)
    // From here on, Fastify itself answers every request with 503.
    await app.close()
  })
}

await app.listen({ host: process.env.HOST ?? '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
