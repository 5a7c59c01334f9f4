import Fastify, { type FastifyTypeProvider } from 'fastify'
import sockets, { type BaseSocket, type SendData, type Socket, type SocketHandler, type SocketOptions } from 'fastify-sockets'
import { check, type Equal } from './equal.ts'

const options: SocketOptions = { origin: ['https://example.com', /\.example\.com$/], heartbeat: false }
const app = Fastify()
await app.register(sockets, options)

app.get('/raw', { ws: true }, (socket, request) => {
  check<Equal<typeof request.params, unknown>>()
  socket.on('message', message => { check<Equal<typeof message, string | Buffer>>() })
  socket.send('text')
  socket.send(Buffer.from('binary'))
  socket.send(new Uint8Array(1))
  socket.send(new ArrayBuffer(1))
  // @ts-expect-error objects need schema.send
  socket.send({ text: 'x' })
})

// With a schema but no type provider nothing is known of the messages.
app.get('/schema', { ws: true, schema: { message: { type: 'object' } } }, socket => {
  socket.on('message', message => { check<Equal<typeof message, unknown>>() })
})

// Type arguments say it instead.
app.get<{ Params: { id: string }, Message: { a: number }, Send: { b: number } }>('/generic/:id', { ws: true }, (socket, request) => {
  check<Equal<typeof request.params.id, string>>()
  socket.on('message', message => { check<Equal<typeof message, { a: number }>>() })
  check<Equal<Parameters<typeof socket.send>[0], { b: number }>>()
})

// What a route speaks is not known from its URL.
const client = await app.injectWS('/raw')
check<Equal<typeof client, BaseSocket<unknown, unknown>>>()
const raw = await app.injectWS<{}>('/raw')
check<Equal<typeof raw, BaseSocket>>()
const typed = await app.injectWS<{}, { Message: { a: number }, Send: { b: number } }>('/generic/1')
typed.send({ a: 1 })
typed.on('message', message => { check<Equal<typeof message, { b: number }>>() })

// Handlers and helpers can be written apart from their routes.
const handler: SocketHandler = function (socket) { this.log.info(socket.id) }
app.get('/apart', { ws: true }, handler)
export function greet (socket: Socket): void { socket.send('hello') }
app.get('/greet', { ws: true }, greet)

// Any type provider will do.
interface NameProvider extends FastifyTypeProvider {
  validator: this['schema'] extends { as: 'number' } ? number : string
  serializer: this['schema'] extends { as: 'number' } ? number : string
}
app.withTypeProvider<NameProvider>().get('/own', { ws: true, schema: { message: { as: 'number' }, send: { as: 'string' } } }, socket => {
  socket.on('message', message => { check<Equal<typeof message, number>>() })
  check<Equal<Parameters<typeof socket.send>[0], string>>()
})

check<Equal<typeof app.sockets.size, number>>()
for (const socket of app.sockets) {
  check<Equal<typeof socket, Socket<unknown, unknown>>>()
  socket.close(1001)
}

// The callbacks of a scope do not know which route it is, those of a route do.
app.register(sockets, {
  onError: (_error, socket) => { check<Equal<typeof socket, Socket<unknown, unknown>>>() },
  onDrain: socket => { check<Equal<typeof socket, Socket<unknown, unknown>>>() },
  onInvalidMessage: (error, socket) => {
    check<Equal<typeof error.closeCode, number>>()
    check<Equal<typeof socket, Socket<unknown, unknown>>>()
  }
})
app.get('/callbacks', {
  ws: { onDrain: socket => { check<Equal<Parameters<typeof socket.send>[0], SendData>>() } }
}, () => {})
