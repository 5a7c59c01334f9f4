import { createClient } from 'fastify-sockets/client'
import { defineSocket } from 'fastify-sockets/contract'
import sockets from 'fastify-sockets'
import Fastify from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import * as v from 'valibot'
import { z } from 'zod'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
function check<_Same extends true> (): void {}

const chat = defineSocket('/rooms/:room', {
  params: z.object({ room: z.string() }),
  querystring: z.object({ since: z.coerce.number().default(0), page: z.string().optional() }),
  message: z.discriminatedUnion('type', [
    z.object({ type: z.literal('say'), text: z.string(), loud: z.boolean().default(false) }),
    z.object({ type: z.literal('leave') })
  ]),
  send: z.discriminatedUnion('type', [
    z.object({ type: z.literal('said'), text: z.string(), at: z.date() }),
    z.object({ type: z.literal('left'), count: z.number() })
  ]),
  tags: ['chat']
})
const app = Fastify().withTypeProvider<ZodTypeProvider>()
app.register(sockets)
app.route({
  ...chat,
  handler (socket, request) {
    check<Equal<typeof request.params, { room: string }>>()
    check<Equal<typeof request.query.since, number>>()
    socket.send({ type: 'said', text: '', at: new Date() })
    socket.on('message', message => { if (message.type === 'say') check<Equal<typeof message.loud, boolean>>() })
  }
})

// A Standard Schema needs no type provider; with one, nothing is different.
for (const client of [createClient('wss://example.com'), createClient<ZodTypeProvider>('wss://example.com')]) {
  const socket = client.connect(chat, { params: { room: 'a' }, query: ({ last }) => ({ since: last?.type === 'left' ? last.count : '0' }) })
  // What has a default may be left out.
  socket.send({ type: 'say', text: 'hello' })
  socket.send({ type: 'leave' })
  // @ts-expect-error no such branch
  socket.send({ type: 'shout' })
  socket.on('message', message => {
    switch (message.type) {
      // JSON has no dates.
      case 'said': check<Equal<typeof message.at, string>>(); break
      case 'left': check<Equal<typeof message.count, number>>()
    }
  })
  client.connect<typeof chat>('/rooms/:room', { params: { room: 'a' } })
  // @ts-expect-error a parameter is missing
  client.connect<typeof chat>('/rooms/:room', { query: { since: 1 } })
  // @ts-expect-error another URL
  client.connect<typeof chat>('/rooms/:rom', { params: { room: 'a' } })
  // @ts-expect-error of another type
  client.connect(chat, { params: { room: 'a' }, query: { page: 1 } })
}

// Valibot.
const feed = defineSocket('/feed/:id', {
  querystring: v.object({ limit: v.pipe(v.string(), v.transform(Number)) }),
  message: v.variant('type', [
    v.object({ type: v.literal('more'), count: v.optional(v.number(), 10) }), v.object({ type: v.literal('stop') })
  ]),
  send: v.object({ at: v.date(), text: v.string() })
})
const follow = createClient('wss://example.com').connect(feed, { params: { id: 7 }, query: { limit: '10' } })
follow.send({ type: 'more' })
follow.on('message', message => { check<Equal<typeof message, { at: string, text: string }>>() })
// @ts-expect-error the query is missing
createClient('wss://example.com').connect(feed, { params: { id: 7 } })
// @ts-expect-error the wire has the input
createClient('wss://example.com').connect(feed, { params: { id: 7 }, query: { limit: 10 } })
