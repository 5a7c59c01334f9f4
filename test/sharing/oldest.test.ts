import type { FastifyInstance } from 'fastify'
import Fastify from 'fastify-oldest'
import sockets from 'fastify-sockets'
import { test } from 'tap'
import { listen } from '../support/app.ts'
import { ask, lastResponse } from '../support/handshakes.ts'
import { handshake } from '../support/raw-client.ts'

test('with the oldest Fastify of its range routes are served, also beside another listener', async t => {
  for (const isAlone of [true, false]) {
    const app = Fastify({ logger: { level: 'silent' } }) as unknown as FastifyInstance
    t.teardown(() => app.close())
    app.register(sockets)
    const schema = { message: { type: 'string' }, send: { type: 'string' } } as const
    app.get('/room', { ws: true, schema }, socket => { socket.on('message', message => { socket.send(`got ${message}`) }) })
    if (!isAlone) app.server.on('upgrade', (_request, socket) => { socket.end('HTTP/1.1 299 Theirs\r\n\r\n') })
    const port = await listen(app)
    t.equal(await ask(port, '/room', '"hi"'), '"got hi"')
    t.equal((await lastResponse(port, handshake('/none'))).status, isAlone ? 404 : 299)
    const client = await app.injectWS<typeof schema>('/room')
    client.send('hi')
    t.equal((await client[Symbol.asyncIterator]().next()).value, 'got hi')
  }
})
