import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { connectionCount, deferred, lastResponse } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

const LARGE = 'x'.repeat(50_000_000)

for (const [when, refuse] of [
  ['later', async (_request: FastifyRequest, reply: FastifyReply) => reply.code(403).send(LARGE)],
  ['at once', (_request: FastifyRequest, reply: FastifyReply, _done: () => void) => { reply.code(403).send(LARGE) }]
] as const) {
  test(`a client that leaves while a large refusal is being written, sent ${when}, harms nobody`, async t => {
    const app = createApp(t)
    const sent = deferred<ServerResponse>()
    app.addHook('onSend', (_request, reply, payload, done) => {
      sent.resolve(reply.raw)
      done(null, payload)
    })
    app.get('/room', { ws: true, onRequest: refuse }, () => {})
    const port = await listen(app)
    const client = new RawClient(port, { allowHalfOpen: true })
    client.socket.pause()
    client.write(handshake('/room'))
    const response = await sent.promise
    await until(() => response.writableEnded)
    client.socket.end()
    await until(async () => await connectionCount(app) === 0)
    t.equal((await lastResponse(port, handshake('/nowhere'))).status, 404)
    await client.destroy()
  })
}
