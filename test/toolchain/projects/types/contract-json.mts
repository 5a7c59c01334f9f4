import type { JsonSchemaToTsProvider } from '@fastify/type-provider-json-schema-to-ts'
import { createClient } from 'fastify-sockets/client'
import { defineSocket } from 'fastify-sockets/contract'
import sockets from 'fastify-sockets'
import Fastify from 'fastify'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
function check<_Same extends true> (): void {}

// Without "as const".
const chat = defineSocket('/rooms/:room', {
  querystring: { type: 'object', properties: { since: { type: 'number' } }, additionalProperties: false },
  message: {
    oneOf: [
      { type: 'object', required: ['type', 'text'], properties: { type: { const: 'say' }, text: { type: 'string' } }, additionalProperties: false },
      { type: 'object', required: ['type'], properties: { type: { const: 'leave' } }, additionalProperties: false }
    ]
  },
  send: { type: 'object', required: ['text'], properties: { text: { type: 'string' } }, additionalProperties: false }
})
const app = Fastify().withTypeProvider<JsonSchemaToTsProvider>()
app.register(sockets)
app.route({
  ...chat,
  handler (socket, request) {
    check<Equal<typeof request.query, { since?: number }>>()
    socket.on('message', message => { if (message.type === 'say') check<Equal<typeof message.text, string>>() })
    socket.send({ text: '' })
    // @ts-expect-error no text
    socket.send({})
  }
})

const client = createClient<JsonSchemaToTsProvider>('wss://example.com')
const socket = client.connect(chat, { params: { room: 7 }, query: { since: 1 } })
socket.send({ type: 'say', text: '' })
// @ts-expect-error no text
socket.send({ type: 'say' })
socket.on('message', message => { check<Equal<typeof message, { text: string }>>() })
// @ts-expect-error of another type
client.connect(chat, { params: { room: 7 }, query: { since: [] } })
// @ts-expect-error a parameter is missing
client.connect(chat, { query: { since: 1 } })
client.connect<typeof chat>('/rooms/:room', { params: { room: 7 } }).send({ type: 'leave' })
