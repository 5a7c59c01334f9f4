/*
 * A client in Node.js. With `@sinclair/typebox` and provider 5; `readme.test.ts` compiles it again with `typebox` 1.x and provider 6.
 */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { createClient, type ClientSocket, type Ending } from 'fastify-sockets/client'
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
const feed = defineSocket('/feeds/:topic/:part?', {
  params: Type.Object({ topic: Type.String(), part: Type.Optional(Type.String()) }),
  querystring: Type.Object({ limit: Type.Optional(Type.Number()) }),
  send: Type.Object({ n: Type.Number() })
})
const news = defineSocket('/news/:topic?', {
  params: Type.Object({ topic: Type.Optional(Type.String()) }), message: Type.Null(), send: Type.Any()
})
const near = defineSocket('/near/:lat-:lng/:radius?', { message: Type.Null(), send: Type.Null() })
const raw = defineSocket('/raw', {})

export async function clients (): Promise<void> {
  const api = createClient<TypeBoxTypeProvider>('ws://localhost', { queue: true, headers: { authorization: 'Bearer x' } })

  // By its type, where the URL is checked, and what has to be given.
  const room = api.connect<typeof chat>('/rooms/:room', {
    params: ({ attempt }) => ({ room: String(attempt) }),
    async query ({ last, since, attempt, reason, signal }) {
      check<Equal<typeof last, Told | undefined>>()
      check<Equal<typeof since, string | undefined>>()
      check<Equal<typeof attempt, number>>()
      check<Equal<typeof reason, Ending | null>>()
      check<Equal<typeof signal, AbortSignal>>()
      return { token: String(reason?.code), since }
    },
    protocols: ({ last }) => { check<Equal<typeof last, Told | undefined>>(); return ['v1'] },
    headers: ({ last }) => { check<Equal<typeof last, unknown>>(); return { cookie: 'a=b' } },
    parse: (message): Told => message,
    position: told => { check<Equal<typeof told, Told>>(); return told.type === 'line' ? told.line.at : undefined }
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
  // @ts-expect-error text is no object
  room.send('text')
  // @ts-expect-error another URL
  api.connect<typeof chat>('/room/:room', { params: { room: 'a' }, query: { token: '' } })
  // @ts-expect-error a text that the compiler does not know
  api.connect<typeof chat>('/rooms/:room' as string, { params: { room: 'a' }, query: { token: '' } })
  // @ts-expect-error a URL that is filled in already
  api.connect<typeof chat>('/rooms/tea', { params: { room: 'a' }, query: { token: '' } })
  // @ts-expect-error a parameter is missing
  api.connect<typeof chat>('/rooms/:room', { params: {}, query: { token: '' } })
  // @ts-expect-error the query is missing
  api.connect<typeof chat>('/rooms/:room', { params: { room: 'a' } })
  // @ts-expect-error everything is missing
  api.connect<typeof chat>('/rooms/:room')
  // @ts-expect-error a function that returns no token
  api.connect<typeof chat>('/rooms/:room', { params: { room: 'a' }, query: async () => ({ since: 'x' }) })

  // By its value.
  const same = api.connect(chat, { params: { room: 'tea' }, query: ({ last }) => {
    check<Equal<typeof last, Told | undefined>>()
    return { token: 'x' }
  } })
  check<Equal<typeof same, typeof room>>()
  // @ts-expect-error the parameters are missing
  api.connect(chat, { query: { token: 'x' } })
  // @ts-expect-error a parameter is missing
  api.connect(chat, { params: {}, query: { token: 'x' } })
  // @ts-expect-error everything is missing
  api.connect(chat)
  // @ts-expect-error no such parameter
  api.connect(chat, { params: { room: 'tea', rom: 'tea' }, query: { token: 'x' } })
  // @ts-expect-error of another type
  api.connect(chat, { params: { room: 'tea' }, query: { token: 1 } })
  // @ts-expect-error of another type, by a function
  api.connect(chat, { params: { room: 'tea' }, query: () => ({ token: 1 }) })
  // @ts-expect-error no such option
  api.connect(chat, { params: { room: 'tea' }, query: { token: 'x' }, querry: {} })

  // What has no property that must be there may be left out, and so may options without such a part.
  api.connect(feed, { params: { topic: 'a' } }).on('message', ({ n }) => { check<Equal<typeof n, number>>() })
  api.connect(feed, { params: { topic: 'a', part: 'b' }, query: {} })
  // @ts-expect-error a parameter is missing
  api.connect(feed, { params: { part: 'b' } })
  api.connect<typeof news>('/news/:topic?')
  api.connect(news)
  api.connect(news, { params: { topic: 'a' } }).on('message', it => { check<Equal<typeof it, any>>() })
  // @ts-expect-error of another type
  api.connect(news, { params: { topic: 1 } })

  // Without a schema of them, the parameters are in the URL, and the query is anything.
  api.connect(near, { params: { lat: 48.2, lng: '16.4' }, query: { unit: ['km', 7], at: new Date() } }).send(null)
  api.connect<typeof near>('/near/:lat-:lng/:radius?', { params: { lat: 1, lng: 2n, radius: true } })
  // @ts-expect-error a parameter is missing
  api.connect(near, { params: { lat: 1, radius: 2 } })
  // @ts-expect-error no value of a URL
  api.connect(near, { params: { lat: 1, lng: {} } })

  // At run time a type is gone: what is not JSON both ways has to be said.
  api.connect<typeof raw>('/raw', { codec: 'raw' }).on('message', data => { check<Equal<typeof data, string | Uint8Array>>() })
  // @ts-expect-error what it speaks
  api.connect<typeof raw>('/raw')
  // @ts-expect-error it speaks no JSON
  api.connect<typeof raw>('/raw', { codec: 'json' })
  api.connect<typeof feed>('/feeds/:topic/:part?', { params: { topic: 'a' }, codec: { encode: data => data, decode: JSON.parse } })
  // @ts-expect-error what it sends is no text
  api.connect<typeof feed>('/feeds/:topic/:part?', { params: { topic: 'a' }, codec: 'raw' })
  const bytes = api.connect(raw)
  check<Equal<Parameters<typeof bytes.send>[0], string | Uint8Array | ArrayBuffer>>()
  // @ts-expect-error objects need a schema
  bytes.send({})

  // By hand.
  interface Types { Params: { id: number }, Querystring: { q?: string }, Message: 'a' | 'b', Send: { c: Date } }
  const byHand = api.connect<Types>('/items/:id', { params: { id: 1 }, query: ({ last }) => ({ q: last?.c.toISOString() ?? '' }) })
  check<Equal<typeof byHand, ClientSocket<{ c: Date }, 'a' | 'b'>>>()
  // @ts-expect-error the parameters are missing
  api.connect<Types>('/items/:id')
  // @ts-expect-error of another type
  api.connect<Types>('/items/:id', { params: { id: '1' } })
  // @ts-expect-error no such type
  api.connect<{ Messages: 'a' }>('/items/:id')
  api.connect<{ Send: string }>('/items').on('message', message => { check<Equal<typeof message, string>>() })

  // Not at all.
  const unknown = api.connect('/a/:b/c', { params: { b: true }, query: { anything: 1 } })
  check<Equal<typeof unknown, ClientSocket<unknown, unknown>>>()
  // @ts-expect-error a parameter is missing
  api.connect('/a/:b/c', { params: { c: 1 } })
  // @ts-expect-error a parameter is missing
  api.connect('/a/:b/c')
  // @ts-expect-error a parameter is missing
  api.connect('/a/:b/c', { codec: 'raw' })
  // @ts-expect-error there are no parameters
  api.connect('/a', { params: { b: 7 } })
  api.connect('/a' as string, { params: { any: 1 } })
  await using scoped = api.connect('/echo')
  scoped.probe()

  // Without a type provider nothing is known of a schema of JSON, but the URL is.
  const plain = createClient('wss://example.com').connect(chat, { params: { room: 7 }, query: { since: 1 } })
  check<Equal<Parameters<typeof plain.send>[0], unknown>>()
  // @ts-expect-error a parameter is missing
  createClient('wss://example.com').connect(chat)
}

// Any type provider will do, one of Fastify or not.
interface NameProvider {
  schema: unknown
  validator: this['schema'] extends { as: 'number' } ? number : string
  serializer: this['schema'] extends { as: 'number' } ? { n: number } : string
}
export const named = createClient<NameProvider>(new URL('wss://example.com')).connect(defineSocket('/own', { message: { as: 'number' }, send: { as: 'number' } }))
check<Equal<typeof named extends ClientSocket<infer Got, infer Sent> ? [Got, Sent] : never, [{ n: number }, number]>>()
// @ts-expect-error no type provider
createClient<{ output: string }>('wss://example.com')

// A Standard Schema has its own types, whose input is what goes over the wire, both ways.
interface Standard<Input, Output> { '~standard': { version: 1, vendor: 'own', validate: () => never, types?: { input: Input, output: Output } | undefined } }
declare const standard: <Input, Output> () => Standard<Input, Output>
const own = defineSocket('/own/:id', {
  querystring: standard<{ limit: string }, { limit: number }>(),
  message: standard<{ text: string, loud?: boolean }, { text: string, loud: boolean }>(),
  send: standard<{ at: Date }, { at: Date }>()
})
for (const client of [createClient('/'), createClient<TypeBoxTypeProvider>('/')]) {
  const socket = client.connect(own, { params: { id: 1 }, query: { limit: '7' } })
  check<Equal<Parameters<typeof socket.send>[0], { text: string, loud?: boolean }>>()
  socket.on('message', message => { check<Equal<typeof message, { at: string }>>() })
  // @ts-expect-error the wire has the input
  client.connect(own, { params: { id: 1 }, query: { limit: 7 } })
}
