/*
 * What a contract says: to a route, of its URL, to `injectWS`, and of JSON. With `@sinclair/typebox` and provider 5; `readme.test.ts`
 * compiles it again with `typebox` 1.x and provider 6.
 */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import Fastify, { type FastifyInstance } from 'fastify'
import sockets, { type BaseSocket } from 'fastify-sockets'
import { defineSocket, type Jsonified, type ParamsOfUrl, type UrlValue } from 'fastify-sockets/contract'
import { check, type Equal } from './equal.ts'

type Told = { type: 'line', line: { at: string, text: string } } | { type: 'bye', why: string }

const chat = defineSocket('/rooms/:room', {
  params: Type.Object({ room: Type.String() }),
  querystring: Type.Object({ since: Type.Optional(Type.String()), token: Type.String() }),
  message: Type.Object({ text: Type.String(), to: Type.Optional(Type.Number()) }),
  send: Type.Union([
    Type.Object({ type: Type.Literal('line'), line: Type.Object({ at: Type.String(), text: Type.String() }) }),
    Type.Object({ type: Type.Literal('bye'), why: Type.String() })
  ]),
  tags: ['chat'],
  summary: 'A room'
})
check<Equal<typeof chat.url, '/rooms/:room'>>()
check<Equal<typeof chat.schema.summary, 'A room'>>()

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
// @ts-expect-error a schema is missing
defineSocket('/rooms')
const VERSION = '/v1'
check<Equal<ReturnType<typeof versioned>['url'], '/v1/rooms'>>()
function versioned () { return defineSocket(`${VERSION}/rooms`, { 'x-own': 1, security: [{ token: [] }] }) }

// What a URL says of its parameters.
type Same<Url extends string, Params> = Equal<ParamsOfUrl<Url>, Params>
check<Same<'/', {}>>()
check<Same<'/rooms', {}>>()
check<Same<'/rooms/:room', { room: UrlValue }>>()
check<Same<'/rooms/:room/of/:user', { room: UrlValue, user: UrlValue }>>()
check<Same<'/rooms/:room/:user?', { room: UrlValue, user?: UrlValue }>>()
check<Same<'/rooms/:room?/', { room?: UrlValue }>>()
check<Same<'/rooms/:room?x=1', { room: UrlValue }>>()
check<Same<'/near/:lat-:lng', { lat: UrlValue, lng: UrlValue }>>()
check<Same<'/at/:hour(^\\d{2})h:minute(^\\d{2})m', { hour: UrlValue, minute: UrlValue }>>()
check<Same<'/:file(^\\d+).png', { file: UrlValue }>>()
check<Same<'/:file.:type', { file: UrlValue, type: UrlValue }>>()
check<Same<'/:word(a|b)/x::y/:z', { word: UrlValue, z: UrlValue }>>()
check<Same<'/:größe', { größe: UrlValue }>>()
check<Same<'/files/*', { '*'?: UrlValue }>>()
check<Same<'/users/:user/files/*', { user: UrlValue, '*'?: UrlValue }>>()
// Parentheses in parentheses are too much for the compiler.
check<Same<'/:word((?:a|b))', { [name: string]: UrlValue }>>()

// A route.
const app = Fastify().withTypeProvider<TypeBoxTypeProvider>()
app.register(sockets)
app.route({
  ...chat,
  preHandler: async request => { check<Equal<typeof request.params, { room: string }>>() },
  async handler (socket, request) {
    check<Equal<typeof request.params, { room: string }>>()
    check<Equal<typeof request.query.token, string>>()
    check<Equal<typeof request.query.since, string | undefined>>()
    check<Equal<Parameters<typeof socket.send>[0], Told>>()
    socket.send({ type: 'bye', why: 'x' })
    // @ts-expect-error no such branch
    socket.send({ type: 'good', why: 'x' })
    // @ts-expect-error of the other branch
    socket.send({ type: 'line', why: 'x' })
    for await (const message of socket) check<Equal<typeof message, { text: string, to?: number }>>()
  }
})
const union = defineSocket('/union', {
  message: Type.Union([Type.Object({ type: Type.Literal('say'), text: Type.String() }), Type.Object({ type: Type.Literal('leave') })])
})
app.route({
  ...union,
  handler (socket) {
    socket.on('message', message => {
      switch (message.type) {
        case 'say': check<Equal<typeof message.text, string>>(); break
        case 'leave': check<Equal<typeof message, { type: 'leave' }>>()
      }
    })
  }
})
const raw = defineSocket('/raw', {})
app.route({ ...raw, handler (socket) { socket.on('message', message => { check<Equal<typeof message, string | Buffer>>() }) } })

// In memory.
const feed = defineSocket('/feeds/:topic/:part?', { send: Type.Object({ n: Type.Number() }) })
export async function inMemory (): Promise<void> {
  const byType = await app.injectWS<typeof chat>('/rooms/a?token=x')
  check<Equal<Parameters<typeof byType.send>[0], { text: string, to?: number }>>()
  byType.on('message', told => { check<Equal<typeof told, Told>>() })
  const byValue = await app.injectWS(chat, {
    params: { room: 'a' }, query: { token: 'x' }, headers: { cookie: 'a=b' }, protocols: ['v1'], prefix: '/v1'
  })
  check<Equal<typeof byValue, typeof byType>>()
  // @ts-expect-error a number is no text
  byValue.send({ text: 1 })
  // @ts-expect-error a parameter is missing
  await app.injectWS(chat, { query: { token: 'x' } })
  // @ts-expect-error all are missing
  await app.injectWS(chat)
  // @ts-expect-error of another type
  await app.injectWS(chat, { params: { room: 'a' }, query: { token: 1 } })
  const bytes = await app.injectWS(raw, { prefix: '/v1' })
  check<Equal<typeof bytes, BaseSocket>>()
  check<Equal<typeof bytes, Awaited<ReturnType<typeof rawByType>>>>()
  fits(app)
}
function rawByType () { return app.injectWS<typeof raw>('/raw') }

// Whatever its type provider, an instance fits where a plain one is wanted.
function fits (instance: FastifyInstance): void { instance.injectWS(feed, { params: { topic: 7 } }) }

// What JSON makes of a value.
check<Equal<Jsonified<{ at?: Date, readonly of: Date | null }>, { at?: string, readonly of: string | null }>>()
check<Equal<Jsonified<{ type: 'a', at: Date } | { type: 'b' }>, { type: 'a', at: string } | { type: 'b' }>>()
check<Equal<Jsonified<[Date, ...number[]]>, [string, ...number[]]>>()
check<Equal<Jsonified<readonly Date[]>, readonly string[]>>()
check<Equal<Jsonified<Record<string, Date>>, Record<string, string>>>()
check<Equal<Jsonified<bigint | symbol | string>, string>>()
check<Equal<Jsonified<{ id: string & { brand: 'id' } }>, { id: string & { brand: 'id' } }>>()
check<Equal<Jsonified<{ it: { toJSON (): { at: Date } } }>, { it: { at: string } }>>()
check<Equal<Jsonified<any>, any>>()
check<Equal<Jsonified<unknown>, unknown>>()
check<Equal<Jsonified<never>, never>>()
