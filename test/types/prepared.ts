import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify from 'fastify'
import sockets, { type BaseSocket, type PreparedMessage } from 'fastify-sockets'
import { type Static, Type } from '@sinclair/typebox'
import { check, type Equal } from './equal.ts'

const app = Fastify().withTypeProvider<TypeBoxTypeProvider>()
app.register(sockets)

const Said = Type.Object({ type: Type.Literal('said'), text: Type.String(), tags: Type.Array(Type.String()) })
const Moved = Type.Object({ type: Type.Literal('moved'), to: Type.Tuple([Type.Number(), Type.Number()]) })
const News = Type.Union([Said, Moved])
type News = Static<typeof News>

app.get('/union', { ws: true, schema: { send: News } }, socket => {
  // Constants and tuples are told as in what is sent at once.
  socket.send(app.sockets.prepare({ type: 'said', text: 'hello', tags: ['a', 'b'] }))
  socket.send(app.sockets.prepare({ type: 'moved', to: [1, 2] }))
  const tags: string[] = []
  const said = app.sockets.prepare({ type: 'said', text: 'hello', tags })
  socket.send(said)
  const named = app.sockets.prepare<News>({ type: 'moved', to: [1, 2] })
  check<Equal<typeof named, PreparedMessage<News>>>()
  socket.send(named)
  // One branch is enough, and either form is taken.
  socket.send(named as PreparedMessage<Static<typeof Moved>>)
  socket.send(Math.random() < 0.5 ? { type: 'moved', to: [1, 2] } : said)
  // What `send()` takes is still its value.
  check<Equal<Parameters<typeof socket.send>[0], News>>()
  // @ts-expect-error a number is no string
  socket.send(app.sockets.prepare({ type: 'said', text: 1, tags: [] }))
  // @ts-expect-error no such branch
  socket.send(app.sockets.prepare({ type: 'left', text: 'x', tags: [] }))
  // @ts-expect-error raw data does not fit schema.send
  socket.send(app.sockets.prepare('text'))
  // @ts-expect-error of another type
  app.sockets.prepare<News>({ type: 'said' })
})

app.get('/raw', { ws: true }, socket => {
  socket.send(app.sockets.prepare('text'))
  socket.send(app.sockets.prepare(Buffer.from('bytes')))
  // @ts-expect-error an object needs schema.send
  socket.send(app.sockets.prepare({ a: 1 }))
})

// A value whose type is known: an interface, an instance of a class.
interface Line { from: string, text?: string }
class Point {
  readonly #x = 1
  get x (): number { return this.#x }
}
const line: Line = { from: 'me' }
check<Equal<ReturnType<typeof prepareLine>, PreparedMessage<Line>>>()
function prepareLine () { return app.sockets.prepare(line) }
const point: PreparedMessage<Point> = app.sockets.prepare(new Point())

// Sockets of any route take anything, and check it at run time.
for (const socket of app.sockets) socket.send(point)

// What stands in for a socket need not know prepared messages.
export const standIn: Pick<BaseSocket<unknown, Line>, 'send'> = { send: (message: Line) => message.from !== '' }

// @ts-expect-error only the plugin makes them
export const forged: PreparedMessage<string> = {}
