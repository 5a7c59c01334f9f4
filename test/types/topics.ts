/*
 * Of `@sinclair/typebox` with provider 5, as examples have it. `readme.test.ts` compiles it again with `typebox` 1.x and provider 6.
 */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import sockets, { type Beginning, type Member, type Published, type Recorded, type SendData, type SingleTopic, type Topic } from 'fastify-sockets'
import { check, type Equal } from './equal.ts'

interface Room { room: string }
interface Line { at: string, from: string, text: string }

const app = Fastify().withTypeProvider<TypeBoxTypeProvider>()
app.register(sockets)

const params = Type.Object({ room: Type.String() })
const line = Type.Object({ at: Type.String(), from: Type.String(), text: Type.String() })

// The position is left out of what is published, and stands in what the history returns, as in what subscribers get.
const rooms = app.topic('/rooms/:room', { schema: { params, message: line }, history: { size: 200, ttl: 300_000, position: 'at' } })
check<Equal<typeof rooms, Topic<Room, Omit<Line, 'at'>, unknown, Line>>>()
check<Equal<Parameters<typeof rooms.publish>[0], Room>>()
check<Equal<Parameters<typeof rooms.publish>[1], Omit<Line, 'at'>>>()
check<Equal<ReturnType<typeof rooms.publish>, Promise<Published>>>()
check<Equal<ReturnType<typeof rooms.history>, Promise<Array<Recorded<Line>>>>>()
const { at } = await rooms.publish({ room: 'a' }, { from: 'me', text: 'hello' }, { except: 'me', id: '1' })
check<Equal<typeof at, string>>()
for (const { message, at } of await rooms.history({ room: 'a' }, { limit: 20 })) check<Equal<[typeof message.text, typeof message.at, typeof at], [string, string, string]>>()
// @ts-expect-error the position is not the publisher's
void rooms.publish({ room: 'a' }, { at: '1', from: 'me', text: 'hello' })
// @ts-expect-error a number is no string
void rooms.publish({ room: 'a' }, { from: 'me', text: 1 })
// @ts-expect-error a property is missing
void rooms.publish({ room: 'a' }, { text: 'hello' })
// @ts-expect-error no such property
void rooms.publish({ room: 'a' }, { from: 'me', text: 'hello', more: 1 })
// @ts-expect-error no such parameter
void rooms.publish({ house: 'a' }, { from: 'me', text: 'hello' })
// @ts-expect-error the schema says string
void rooms.publish({ room: 1 }, { from: 'me', text: 'hello' })
// @ts-expect-error parameters are missing
void rooms.publish({ from: 'me', text: 'hello' })
// @ts-expect-error raw data does not fit schema.message
void rooms.publish({ room: 'a' }, 'hello')
// @ts-expect-error no such option
void rooms.publish({ room: 'a' }, { from: 'me', text: 'hello' }, { without: 'me' })
// @ts-expect-error an id is a text
void rooms.publish({ room: 'a' }, { from: 'me', text: 'hello' }, { id: 1 })
// @ts-expect-error parameters are missing
void rooms.history()
// @ts-expect-error a limit is a number
void rooms.history({ room: 'a' }, { limit: '20' })

// Without a position, what is published is what comes out.
const plain = app.topic('/plain/:room', { schema: { params, message: line }, history: { size: 200, ttl: 300_000 } })
check<Equal<typeof plain, Topic<Room, Line, unknown, Line>>>()
check<Equal<ReturnType<typeof plain.history>, Promise<Array<Recorded<Line>>>>>()
void plain.publish({ room: 'a' }, { at: 'mine', from: 'me', text: 'hello' })

// Of a union, it is left out of every branch.
const said = Type.Object({ type: Type.Literal('said'), text: Type.String(), at: Type.String() })
const left = Type.Object({ type: Type.Literal('left'), who: Type.Number(), at: Type.String() })
const events = app.topic('/events', { schema: { message: Type.Union([said, left]) }, history: { size: 10, ttl: 1000, position: 'at' } })
void events.publish({ type: 'said', text: 'hello' })
void events.publish({ type: 'left', who: 1 })
// @ts-expect-error of the other branch
void events.publish({ type: 'left', text: 'hello' })
// @ts-expect-error no such branch
void events.publish({ type: 'came' })
for (const { message: event } of await events.history()) {
  check<Equal<typeof event.at, string>>()
  if (event.type === 'said') check<Equal<typeof event.text, string>>()
  else check<Equal<typeof event.who, number>>()
}

// Without schema.params they are known from the URL.
const byUrl = app.topic('/:tenant/rooms/:room', { schema: { message: line } })
void byUrl.publish({ tenant: 'a', room: 1 }, { at: '', from: 'me', text: 'hello' })
// @ts-expect-error one is missing
void byUrl.publish({ tenant: 'a' }, { at: '', from: 'me', text: 'hello' })
// @ts-expect-error one is neither text nor number
void byUrl.publish({ tenant: 'a', room: {} }, { at: '', from: 'me', text: 'hello' })

// Parameters of a prefix are known from schema.params.
const inTenant = app.topic('/rooms', { schema: { params, message: line } })
void inTenant.publish({ room: 'a' }, { at: '', from: 'me', text: 'hello' })

// A topic without parameters takes one argument less.
const news = app.topic('/news', { schema: { message: Type.Integer() }, history: { size: 10, ttl: 1000 } })
check<Equal<typeof news, SingleTopic<number, unknown, number>>>()
void news.publish(5)
void news.publish(5, { except: 'me' })
check<Equal<ReturnType<typeof news.history>, Promise<Array<Recorded<number>>>>>()
void news.history({ limit: 5 })
void news.members()
void news.count()
// @ts-expect-error it has no parameters
void news.publish({}, 5)
// @ts-expect-error a text is no number
void news.publish('5')

// Without schema.message, each route encodes what is published.
const raw = app.topic('/raw')
check<Equal<typeof raw, SingleTopic<SendData | object, unknown, SendData | object>>>()
void raw.publish('text')
void raw.publish(Buffer.from('bytes'))
void raw.publish({ for: 'schema.send' })
// @ts-expect-error a number is neither raw data nor an object
void raw.publish(5)

// What `presence` tells is what members have.
const present = app.topic('/present/:room', {
  schema: { params, message: Type.Object({ joined: Type.String() }) },
  presence: {
    info: socket => ({ name: socket.remoteAddress, level: 1 }),
    announce: ({ type, member }) => {
      check<Equal<typeof type, 'joined' | 'left'>>()
      return { joined: member.id }
    }
  }
})
check<Equal<ReturnType<typeof present.members>, Promise<Array<Member<{ name: string, level: number }>>>>>()
check<Equal<ReturnType<typeof present.count>, Promise<number>>>()
const described = app.topic('/described', { presence: socket => socket.id })
check<Equal<ReturnType<typeof described.members>, Promise<Array<Member<string>>>>>()

app.get('/', { ws: true }, async socket => {
  const beginning = await socket.subscribe(rooms, { room: 'a' }, {
    since: at,
    as: 'me',
    begin: async ({ recovered, at }) => { check<Equal<[typeof recovered, typeof at], [boolean, string]>>() }
  })
  check<Equal<typeof beginning, Beginning>>()
  await socket.subscribe(news)
  await socket.subscribe(news, { since: undefined })
  await socket.subscribe('talk', { as: 'me' })
  check<Equal<typeof socket.subscriptions, string[]>>()
  const was: boolean = socket.unsubscribe(rooms, { room: 'a' })
  socket.unsubscribe(news)
  socket.unsubscribe('talk')
  void rooms.publish({ room: 'a' }, { from: String(was), text: 'hello' }, { except: socket, from: socket })
  // @ts-expect-error no such parameter
  void socket.subscribe(rooms, { house: 'a' })
  // @ts-expect-error parameters are missing
  void socket.subscribe(rooms)
  // @ts-expect-error parameters are missing
  socket.unsubscribe(rooms)
  // @ts-expect-error no such option
  void socket.subscribe('talk', { after: at })
  // @ts-expect-error a topic is no number
  void socket.subscribe(5)
})

void app.sockets.publish('talk', { any: 'value' }, { except: 'me' })
// @ts-expect-error declared topics publish themselves
void app.sockets.publish(news, 5)
check<Equal<ReturnType<typeof app.sockets.stats>['topics'][string]['published'], number>>()

// Any topic fits where the kind does not matter.
export function urlOf (topic: Topic | SingleTopic): string { return topic.url }
urlOf(rooms)
urlOf(news)
export function greet (topic: Topic<Room, Omit<Line, 'at'>>): Promise<Published> { return topic.publish({ room: 'a' }, { from: 'me', text: 'hello' }) }
void greet(rooms)

// @ts-expect-error no such option
app.topic('/wrong', { histroy: { size: 1, ttl: 1 } })
// @ts-expect-error a history has an end
app.topic('/wrong', { history: { size: 1 } })
// @ts-expect-error no such policy
app.topic('/wrong', { overflow: 'wait' })
// @ts-expect-error presence is on, or is not mentioned
app.topic('/wrong', { presence: false })
