import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { createClient } from 'fastify-sockets/client'
import { defineSocket } from 'fastify-sockets/contract'
import { Line, Say, schema } from './cost.mts'

const chat = defineSocket('/rooms/:room', { ...schema, message: Say, send: Line })
const client = createClient<TypeBoxTypeProvider>('wss://example.com')

const socket = client.connect(chat, { params: { room: 'lobby' }, query: ({ attempt }) => ({ since: attempt }) })
socket.on('message', message => { socket.send({ text: message.from + message.text }) })
const again = client.connect<typeof chat>('/rooms/:room', { params: { room: 'lobby' }, query: { since: 0 } })
again.on('message', message => { again.send({ text: message.from + message.text }) })
