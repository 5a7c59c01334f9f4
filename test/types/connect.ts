/* Contracts of TypeBox. `readme.test.ts` compiles it again with `typebox` 1.x. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import Fastify, { type FastifyInstance } from 'fastify'
import sockets, { type BaseSocket } from 'fastify-sockets'
import { createClient } from 'fastify-sockets/client'
import { defineSocket } from 'fastify-sockets/contract'
import { check, type Equal } from './equal.ts'

interface Line { at: string, text: string }
type Told = { type: 'line', line: Line } | { type: 'bye', why: string }

const chat = defineSocket('/rooms/:room', {
  params: Type.Object({ room: Type.String() }),
  querystring: Type.Object({ since: Type.Optional(Type.String()), token: Type.String() }),
  message: Type.Object({ text: Type.String(), to: Type.Optional(Type.Number()) }),
  send: Type.Union([
    Type.Object({ type: Type.Literal('line'), line: Type.Object({ at: Type.String(), text: Type.String() }) }),
    Type.Object({ type: Type.Literal('bye'), why: Type.String() })
  ])
})
const feed = defineSocket('/feeds/:topic/:part?', { send: Type.Object({ n: Type.Number() }) })
const raw = defineSocket('/raw', {})

// The server's end.
const app = Fastify().withTypeProvider<TypeBoxTypeProvider>()
app.register(sockets)
app.route({
  ...chat,
  preHandler: async request => { check<Equal<typeof request.params, { room: string }>>() },
  async handler (socket, request) {
    check<Equal<typeof request.params, { room: string }>>()
    check<Equal<typeof request.query.token, string>>()
    check<Equal<typeof request.query.since, string | undefined>>()
    socket.send({ type: 'bye', why: 'x' })
    // @ts-expect-error no such branch
    socket.send({ type: 'good', why: 'x' })
    for await (const { text } of socket) check<Equal<typeof text, string>>()
  }
})
app.route({ ...raw, handler (socket) { socket.on('message', message => { check<Equal<typeof message, string | Buffer>>() }) } })

// @ts-expect-error a URL begins with a slash
defineSocket('rooms', {})
// @ts-expect-error a text that the compiler does not know
defineSocket(String('/rooms'), {})

export async function clients (): Promise<void> {
  const api = createClient<TypeBoxTypeProvider>('ws://localhost', { queue: true, headers: { authorization: 'Bearer x' } })

  // By its type, where the URL is checked, and what has to be given.
  const room = api.connect<typeof chat>('/rooms/:room', {
    params: { room: 'tea' },
    async query ({ last, since, attempt, reason }) {
      check<Equal<typeof last, Told | undefined>>()
      check<Equal<typeof since, string | undefined>>()
      check<Equal<typeof attempt, number>>()
      return { token: String(reason?.code), since }
    },
    headers: () => ({ cookie: 'a=b' })
  })
  check<Equal<Parameters<typeof room.send>[0], { text: string, to?: number }>>()
  check<Equal<ReturnType<typeof room.send>, 'sent' | 'queued' | 'dropped'>>()
  room.on('message', told => { check<Equal<typeof told, Told>>() })
  room.on('state', (state, { delay }) => { check<Equal<typeof delay, number>>(); check<Equal<typeof state, typeof room.state>>() })
  for await (const told of room) {
    switch (told.type) {
      case 'line': check<Equal<typeof told, { type: 'line', line: Line }>>(); break
      case 'bye': check<Equal<typeof told.why, string>>()
    }
  }
  // @ts-expect-error a number is no text
  room.send({ text: 1 })
  // @ts-expect-error another URL
  api.connect<typeof chat>('/room/:room', { params: { room: 'a' }, query: { token: '' } })
  // @ts-expect-error a parameter is missing
  api.connect<typeof chat>('/rooms/:room', { params: {}, query: { token: '' } })
  // @ts-expect-error the query is missing
  api.connect<typeof chat>('/rooms/:room', { params: { room: 'a' } })
  // @ts-expect-error everything is missing
  api.connect<typeof chat>('/rooms/:room')
  // @ts-expect-error a function that returns no token
  api.connect<typeof chat>('/rooms/:room', { params: { room: 'a' }, query: async () => ({ since: 'x' }) })

  // By its value.
  const same = api.connect(chat, { params: { room: 'tea' }, query: { token: 'x' } })
  check<Equal<Parameters<typeof same.send>[0], { text: string, to?: number }>>()
  // @ts-expect-error a parameter is missing
  api.connect(chat, { query: { token: 'x' } })

  // The parameters of the URL, where no schema has them; one of them is optional.
  const news = api.connect(feed, { params: { topic: 7 } })
  news.on('message', ({ n }) => { check<Equal<typeof n, number>>() })
  api.connect(feed, { params: { topic: 'a', part: 'b' } })
  // @ts-expect-error a parameter is missing
  api.connect(feed, { params: { part: 'b' } })

  // At run time a type is gone: what is not JSON both ways has to be said.
  api.connect<typeof raw>('/raw', { codec: 'raw' }).on('message', data => { check<Equal<typeof data, string | Uint8Array>>() })
  // @ts-expect-error what it speaks
  api.connect<typeof raw>('/raw')
  api.connect(raw).send(new Uint8Array(1))

  // By hand, and not at all.
  interface Types { Params: { id: number }, Querystring: { q?: string }, Message: 'a' | 'b', Send: { c: Date } }
  const byHand = api.connect<Types>('/items/:id', { params: { id: 1 } })
  check<Equal<Parameters<typeof byHand.send>[0], 'a' | 'b'>>()
  byHand.on('message', ({ c }) => { check<Equal<typeof c, Date>>() })
  // @ts-expect-error the parameters are missing
  api.connect<Types>('/items/:id')
  const unknown = api.connect('/a/:b/c', { params: { b: true }, query: { anything: 1 } })
  unknown.send({ whatever: 1 })
  unknown.on('message', message => { check<Equal<typeof message, unknown>>() })
  // @ts-expect-error a parameter is missing
  api.connect('/a/:b/c', { params: { c: 1 } })
  // @ts-expect-error a parameter is missing
  api.connect('/a/:b/c')
  api.connect('/echo', { codec: 'raw' })
  await using scoped = api.connect('/echo')
  scoped.probe()

  // In memory.
  const injected = await app.injectWS<typeof chat>('/rooms/a?token=x')
  check<Equal<Parameters<typeof injected.send>[0], { text: string, to?: number }>>()
  const byValue = await app.injectWS(chat, { params: { room: 'a' }, query: { token: 'x' }, headers: { cookie: 'a=b' } })
  byValue.on('message', told => { check<Equal<typeof told, Told>>() })
  // @ts-expect-error a parameter is missing
  await app.injectWS(chat, { query: { token: 'x' } })
  // @ts-expect-error all are missing
  await app.injectWS(chat)
  // @ts-expect-error of another type
  await app.injectWS(chat, { params: { room: 'a' }, query: { token: 1 } })
  check<Equal<typeof byValue, typeof injected>>()
  const bytes = await app.injectWS(raw, { prefix: '/v1' })
  check<Equal<typeof bytes, BaseSocket>>()
  fits(app)
}

// Whatever its type provider, an instance fits where a plain one is wanted.
function fits (instance: FastifyInstance): void { instance.injectWS(feed, { params: { topic: 7 } }) }
