import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Http2ServerRequest, Http2Server } from 'node:http2'
import sockets, {
  type InjectWS, type Jsonified, type MessageOf, type SendOf, type Socket, type SocketHandlerOf, type SocketOf
} from 'fastify-sockets'
import { check, type Equal } from './equal.ts'

interface Receive { text: string }
interface Send { from: string, text: string }

// What stands in files of its own: the schema, the handler, what the handler calls.
const schema = {
  params: Type.Object({ room: Type.String() }),
  message: Type.Object({ text: Type.String() }),
  send: Type.Object({ from: Type.String(), text: Type.String() })
}
const handler: SocketHandlerOf<typeof schema, TypeBoxTypeProvider> = async function (socket, request) {
  check<Equal<typeof request.params, { room: string }>>()
  check<Equal<typeof socket.request.params, { room: string }>>()
  this.log.info(this.sockets.size)
  greet(socket)
  welcome(socket)
  count(socket)
  for await (const message of socket) {
    check<Equal<typeof message, Receive>>()
    socket.send({ from: request.params.room, text: message.text })
    // @ts-expect-error a number is no string
    socket.send({ from: 1, text: message.text })
  }
}
function greet (socket: SocketOf<typeof schema, TypeBoxTypeProvider>): void {
  check<Equal<typeof socket.request.params, { room: string }>>()
  check<Equal<Parameters<typeof socket.send>[0], Send>>()
}
function welcome (socket: Socket<Receive, Send>): void { socket.send({ from: '', text: '' }) }
function count (socket: Socket<unknown, unknown>): void { socket.on('message', message => { check<Equal<typeof message, unknown>>() }) }

check<Equal<MessageOf<typeof schema, TypeBoxTypeProvider>, Receive>>()
check<Equal<SendOf<typeof schema, TypeBoxTypeProvider>, Send>>()

const app = Fastify().withTypeProvider<TypeBoxTypeProvider>()
app.register(sockets)
app.get('/short/:room', { ws: true, schema }, handler)
app.get('/options/:room', { ws: { maxPayload: 1 }, schema, handler })
app.route({ method: 'GET', url: '/full/:room', ws: true, schema, handler })
app.route({ method: 'GET', url: '/dual/:room', schema, handler: async request => request.params.room, ws: { handler } })
// @ts-expect-error a handler for another schema
app.get('/other/:room', { ws: true, schema: { ...schema, message: Type.Number() } }, handler)

const overHttp2: SocketHandlerOf<typeof schema, TypeBoxTypeProvider, Http2Server> = (_socket, request) => {
  check<Equal<typeof request.raw, Http2ServerRequest>>()
}
Fastify({ http2: true }).withTypeProvider<TypeBoxTypeProvider>().get('/short/:room', { ws: true, schema }, overHttp2)

// An instance fits where a plain one is wanted, whatever its type provider.
function plain (instance: FastifyInstance): void { instance.injectWS('/') }
plain(app)
check<Equal<typeof app.injectWS, InjectWS<TypeBoxTypeProvider>>>()

check<Equal<Jsonified<{ at: Date, list: Array<[string, Date]>, no: () => void, maybe?: number, none: null, some: unknown }>,
  { at: string, list: Array<[string, string]>, no: never, maybe?: number, none: null, some: unknown }>>()
