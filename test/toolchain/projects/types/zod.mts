import Fastify from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import sockets from 'fastify-sockets'
import { z } from 'zod'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
function check<_Same extends true> (): void {}

const day = z.codec(z.iso.datetime(), z.date(), { decode: text => new Date(text), encode: date => date.toISOString() })
const schema = {
  message: z.object({ text: z.string(), loud: z.boolean().default(false), day, count: z.string().transform(Number) }),
  send: z.object({ at: z.date(), day, lines: z.array(z.tuple([z.string(), z.date()])) })
}
const app = Fastify().withTypeProvider<ZodTypeProvider>()
app.register(sockets)
app.get('/', { ws: true, schema }, socket => {
  socket.on('message', message => {
    check<Equal<typeof message, { text: string, loud: boolean, day: Date, count: number }>>()
  })
  socket.send({ at: new Date(), day: new Date(), lines: [['a', new Date()]] })
})

// The client has what is on the wire: the input of the schemas, as JSON.
app.injectWS<typeof schema>('/').then(client => {
  client.send({ text: 'hello', day: '2026-11-30T00:00:00Z', count: '1' })
  // @ts-expect-error JSON has no dates
  client.send({ text: 'hello', day: new Date(), count: '1' })
  client.on('message', message => {
    check<Equal<typeof message, { at: string, day: string, lines: Array<[string, string]> }>>()
  })
})
