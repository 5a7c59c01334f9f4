/*
 * Of `@sinclair/typebox` with provider 5. `readme.test.ts` compiles it again with `typebox` 1.x and provider 6.
 */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import sockets from 'fastify-sockets'
import type { createClient } from 'fastify-sockets/client'
import { defineSocket, type ParamsOfUrl, type UrlValue } from 'fastify-sockets/contract'
import { check, type Equal } from './equal.ts'

interface Receive { text: string }
interface Send { from: string, text: string }

// The server.
const chat = defineSocket('/rooms/:room', {
  params: Type.Object({ room: Type.String() }),
  querystring: Type.Object({ since: Type.Optional(Type.String()) }),
  message: Type.Object({ text: Type.String() }),
  send: Type.Object({ from: Type.String(), text: Type.String() }),
  tags: ['chat'],
  summary: 'A room'
})
check<Equal<typeof chat.url, '/rooms/:room'>>()

const app = Fastify().withTypeProvider<TypeBoxTypeProvider>()
app.register(sockets)
app.route({
  ...chat,
  async handler (socket, request) {
    check<Equal<typeof request.params, { room: string }>>()
    check<Equal<typeof request.query, { since?: string }>>()
    check<Equal<Parameters<typeof socket.send>[0], Send>>()
    for await (const message of socket) check<Equal<typeof message, Receive>>()
  }
})

// @ts-expect-error a URL begins with a slash
defineSocket('rooms', {})
// @ts-expect-error a URL is a literal
defineSocket('/rooms' as string, {})
// @ts-expect-error a URL is a literal
defineSocket(`/rooms/${'' as string}`, {})
// @ts-expect-error no such schema
defineSocket('/rooms', { querry: Type.Object({}) })
// @ts-expect-error no such schema, among others
defineSocket('/rooms', { querry: Type.Object({}), message: Type.String() })
const VERSION = '/v1'
check<Equal<ReturnType<typeof versioned>['url'], '/v1/rooms'>>()
function versioned () { return defineSocket(`${VERSION}/rooms`, { 'x-own': 1, security: [{ token: [] }] }) }

// What a URL says of its parameters.
type Same<Url extends string, Params> = Equal<{ [Name in keyof ParamsOfUrl<Url>]: ParamsOfUrl<Url>[Name] }, Params>
check<Same<'/', {}>>()
check<Same<'/rooms', {}>>()
check<Same<'/rooms/:room', { room: UrlValue }>>()
check<Same<'/rooms/:room/of/:user', { room: UrlValue, user: UrlValue }>>()
check<Same<'/rooms/:room/:user?', { room: UrlValue, user?: UrlValue }>>()
check<Same<'/rooms/:room?/', { room?: UrlValue }>>()
check<Same<'/near/:lat-:lng', { lat: UrlValue, lng: UrlValue }>>()
check<Same<'/at/:hour(^\\d{2})h:minute(^\\d{2})m', { hour: UrlValue, minute: UrlValue }>>()
check<Same<'/:file(^\\d+).png', { file: UrlValue }>>()
check<Same<'/:file.:type', { file: UrlValue, type: UrlValue }>>()
check<Same<'/:word(a|b)/x::y/:z', { word: UrlValue, z: UrlValue }>>()
check<Same<'/files/*', { '*'?: UrlValue }>>()
check<Same<'/users/:user/files/*', { user: UrlValue, '*'?: UrlValue }>>()
// Parentheses in parentheses are too much for the compiler.
check<Same<'/:word((?:a|b))', { [name: string]: UrlValue }>>()

// A client.
declare const create: typeof createClient
const client = create<TypeBoxTypeProvider>('wss://example.com', { queue: true })

const socket = client.connect(chat, { params: { room: 'lobby' }, query: ({ last }) => {
  check<Equal<typeof last, Send | undefined>>()
  return { since: last?.from ?? '' }
} })
check<Equal<Parameters<typeof socket.send>[0], Receive>>()
socket.on('message', message => { check<Equal<typeof message, Send>>() })
export async function read (): Promise<void> {
  for await (const message of socket) check<Equal<typeof message, Send>>()
}
// @ts-expect-error not what the server takes
socket.send({ from: 'me', txt: '' })
// @ts-expect-error not what the server takes
socket.send('text')

client.connect<typeof chat>('/rooms/:room', { params: async ({ attempt }) => ({ room: String(attempt) }), query: { since: '1' } })
  .on('message', message => { check<Equal<typeof message, Send>>() })
// @ts-expect-error another URL
client.connect<typeof chat>('/room/:room', { params: { room: 'lobby' } })
// @ts-expect-error a parameter is missing
client.connect<typeof chat>('/rooms/:room')
// @ts-expect-error a parameter is missing
client.connect<typeof chat>('/rooms/:room', {})
// @ts-expect-error a parameter is missing
client.connect(chat)
// @ts-expect-error a parameter is missing
client.connect(chat, { params: {} })
// @ts-expect-error no such parameter
client.connect(chat, { params: { room: 'lobby', rom: 'lobby' } })
// @ts-expect-error of another type
client.connect(chat, { params: { room: 'lobby' }, query: { since: 1 } })
// @ts-expect-error of another type, by a function
client.connect(chat, { params: { room: 'lobby' }, query: () => ({ since: 1 }) })
// @ts-expect-error no such option
client.connect(chat, { params: { room: 'lobby' }, querry: { since: '1' } })
// This is the client for Node.js, which sends headers.
client.connect(chat, { params: { room: 'lobby' }, headers: () => ({ authorization: '' }) })

// A query that has to be there.
const strict = defineSocket('/strict/:id', { querystring: Type.Object({ token: Type.String() }), message: Type.Null(), send: Type.Null() })
client.connect(strict, { params: { id: 7 }, query: () => Promise.resolve({ token: '' }) })
// @ts-expect-error the query is missing
client.connect(strict, { params: { id: 7 } })
// @ts-expect-error a function that asks for it gives something else
client.connect(strict, { params: { id: 7 }, query: () => ({ token: 7 }) })

// Unions.
const union = defineSocket('/union', {
  message: Type.Union([Type.Object({ type: Type.Literal('say'), text: Type.String() }), Type.Object({ type: Type.Literal('leave') })]),
  send: Type.Union([Type.Object({ type: Type.Literal('said'), text: Type.String() }), Type.Object({ type: Type.Literal('left'), count: Type.Number() })])
})
const both = client.connect(union)
both.send({ type: 'leave' })
// @ts-expect-error no such branch
both.send({ type: 'say' })
both.on('message', message => {
  switch (message.type) {
    case 'said': check<Equal<typeof message.text, string>>(); break
    case 'left': check<Equal<typeof message.count, number>>()
  }
})

// Text and bytes.
const raw = defineSocket('/raw', {})
const bytes = client.connect(raw)
bytes.send(new Uint8Array(1))
bytes.on('message', message => { check<Equal<typeof message, string | Uint8Array>>() })
// @ts-expect-error objects need a schema
bytes.send({})
client.connect<typeof raw>('/raw', { codec: 'raw' })
// @ts-expect-error a type is gone at run time
client.connect<typeof raw>('/raw')
// @ts-expect-error a type is gone at run time
client.connect<typeof raw>('/raw', { codec: 'json' })
const sink = defineSocket('/sink', { message: Type.Object({ n: Type.Number() }) })
client.connect(sink).send({ n: 1 })
client.connect<typeof sink>('/sink', { codec: { encode: JSON.stringify, decode: data => data } })
// @ts-expect-error what it takes is no text
client.connect<typeof sink>('/sink', { codec: 'raw' })

// By hand.
const own = client.connect<{ Params: { room: string }, Querystring: { since?: number }, Message: { a: 1 }, Send: { b: 2 } }>(
  '/rooms/:room', { params: { room: '' }, query: ({ last }) => ({ since: last?.b ?? 0 }) }
)
check<Equal<Parameters<typeof own.send>[0], { a: 1 }>>()
own.on('message', message => { check<Equal<typeof message, { b: 2 }>>() })
// @ts-expect-error a parameter is missing
client.connect<{ Params: { room: string } }>('/rooms/:room')
// @ts-expect-error no such type
client.connect<{ Messages: { a: 1 } }>('/rooms/:room')

// Without types, the URL tells the parameters.
const untyped = client.connect('/rooms/:room', { params: { room: 7 }, query: { anything: [1, true] }, codec: 'raw' })
check<Equal<Parameters<typeof untyped.send>[0], unknown>>()
untyped.on('message', message => { check<Equal<typeof message, unknown>>() })
client.connect('/' as string, { params: { any: 1 } })
client.connect('/')
// @ts-expect-error a parameter is missing
client.connect('/rooms/:room')
// @ts-expect-error a parameter is missing
client.connect('/rooms/:room', { codec: 'raw' })
// @ts-expect-error there are no parameters
client.connect('/rooms', { params: { room: 7 } })

// Without a type provider nothing is known of a schema of JSON, but the URL is.
const plain = create('wss://example.com').connect(chat, { params: { room: 7 }, query: { since: 1 } })
plain.on('message', message => { check<Equal<typeof message, unknown>>() })
// @ts-expect-error a parameter is missing
create('wss://example.com').connect(chat)
