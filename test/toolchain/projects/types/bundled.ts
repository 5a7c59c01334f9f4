import Fastify from 'fastify'
import sockets from 'fastify-sockets'
import { CloseCode, errors, ProtocolError, sockets as named } from 'fastify-sockets'
import type { BaseSocket, MessageOf, PluginOptions, Socket, SocketHandler, SocketHandlerOf } from 'fastify-sockets'
import type { FastifyTypeProvider } from 'fastify'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
function check<_Same extends true> (): void {}

// Others are slow to check without skipLibCheck.
declare const TYPE: unique symbol
interface Typed<Type> { [TYPE]?: Type }
interface TypedProvider extends FastifyTypeProvider {
  validator: this['schema'] extends Typed<infer Type> ? Type : unknown
  serializer: this['schema'] extends Typed<infer Type> ? Type : unknown
}

const options: PluginOptions = { maxPayload: 1024, onError: (_error, socket) => { socket.close(CloseCode.INTERNAL_ERROR) } }
const app = Fastify().withTypeProvider<TypedProvider>()
app.register(sockets, options)
app.register(named, options)
// @ts-expect-error a wrong kind of option
app.register(sockets, { maxPayload: '1 MiB' })

const schema = {
  params: {} as Typed<{ room: string }>,
  message: {} as Typed<{ text: string }>,
  send: {} as Typed<{ from: string }>
}
app.get('/rooms/:room', { ws: true, schema }, async (socket, request) => {
  for await (const message of socket) {
    check<Equal<typeof message, { text: string }>>()
    socket.send({ from: request.params.room })
  }
})
check<Equal<MessageOf<typeof schema, TypedProvider>, { text: string }>>()
const handler: SocketHandlerOf<typeof schema, TypedProvider> = (socket, request) => { socket.send({ from: request.params.room }) }
app.get('/apart/:room', { ws: true, schema }, handler)
const raw: SocketHandler = socket => { socket.send('text') }
app.get('/raw', { ws: true }, raw)
export const greet = (socket: Socket): boolean => socket.send('hello')

export function codeOf (error: unknown): number | undefined {
  if (error instanceof errors.FST_ERR_WS_INVALID_MESSAGE) return error.closeCode
  if (error instanceof errors.FST_ERR_WS_NOT_OPEN) check<Equal<typeof error.code, string>>()
  if (!(error instanceof ProtocolError)) return undefined
  const known: ProtocolError = error
  return known.closeCode
}
// @ts-expect-error a text is wanted
export const wrong = new errors.FST_ERR_WS_HANDSHAKE(1)

app.injectWS<typeof schema>('/rooms/a').then(client => {
  client.send({ text: 'hello' })
  client.on('message', message => { check<Equal<typeof message, { from: string }>>() })
})
app.injectWS('/rooms/a').then(client => { check<Equal<typeof client, BaseSocket<unknown, unknown>>>() })
