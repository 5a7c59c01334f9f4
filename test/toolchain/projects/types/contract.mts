import { createClient } from 'fastify-sockets/client'
import { CloseCode, defineSocket } from 'fastify-sockets/contract'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
function check<_Same extends true> (): void {}

declare const TYPE: unique symbol
interface Typed<Type> { [TYPE]?: Type }
/** As a package of a type provider declares it, without Fastify. */
interface TypedProvider {
  schema: unknown
  validator: this['schema'] extends Typed<infer Type> ? Type : unknown
  serializer: this['schema'] extends Typed<infer Type> ? Type : unknown
}

export const chat = defineSocket('/rooms/:room', {
  params: {} as Typed<{ room: string }>,
  querystring: {} as Typed<{ since?: string }>,
  message: {} as Typed<{ text: string }>,
  send: {} as Typed<{ at: string, text: string }>
})

const api = createClient<TypedProvider>('wss://example.com')
export async function follow (): Promise<void> {
  const socket = api.connect(chat, { params: { room: 'tea' }, query: ({ since }) => ({ since: since ?? '' }) })
  const outcome = socket.send({ text: 'hello' })
  check<Equal<typeof outcome, 'sent' | 'queued' | 'dropped'>>()
  // @ts-expect-error not what the server takes
  socket.send({ txt: 'hello' })
  for await (const message of socket) check<Equal<typeof message, { at: string, text: string }>>()
  const { code } = await socket.closed
  if (code === CloseCode.NORMAL) return
  const byType = api.connect<typeof chat>('/rooms/:room', { params: { room: 'tea' } })
  byType.on('message', ({ at }) => check<Equal<typeof at, string>>())
  // @ts-expect-error the room is missing
  api.connect(chat, {})
}
