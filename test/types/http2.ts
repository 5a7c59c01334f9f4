import type { Http2ServerRequest } from 'node:http2'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import sockets from 'fastify-sockets'
import { check, type Equal } from './equal.ts'

const app = Fastify({ http2: true, https: { allowHTTP1: true } }).withTypeProvider<TypeBoxTypeProvider>()
await app.register(sockets)

const schema = {
  querystring: Type.Object({ name: Type.String() }),
  message: Type.Object({ text: Type.String() }),
  send: Type.Number()
}
app.get('/room', { ws: true, schema }, (socket, request) => {
  check<Equal<typeof request.raw, Http2ServerRequest>>()
  check<Equal<typeof request.query, { name: string }>>()
  check<Equal<Parameters<typeof socket.send>[0], number>>()
  socket.on('message', message => { check<Equal<typeof message, { text: string }>>() })
})

// Clear text, as behind a proxy.
const behind = Fastify({ http2: true })
behind.register(sockets)
behind.get('/', { ws: { protocols: ['chat'] } }, (_socket, request) => {
  check<Equal<typeof request.raw, Http2ServerRequest>>()
})
