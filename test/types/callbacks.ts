import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import sockets from 'fastify-sockets'
import { check, type Equal } from './equal.ts'

interface Receive { text: string }
interface Send { from: string, text: string }

const app = Fastify().withTypeProvider<TypeBoxTypeProvider>()
app.register(sockets)

const schema = {
  params: Type.Object({ room: Type.String() }),
  message: Type.Object({ text: Type.String() }),
  send: Type.Object({ from: Type.String(), text: Type.String() })
}

// In each form of a route the callbacks get its own socket and request.
app.get('/short/:room', {
  schema,
  ws: {
    onError (_error, socket, request) {
      socket.on('message', message => { check<Equal<typeof message, Receive>>() })
      check<Equal<Parameters<typeof socket.send>[0], Send>>()
      check<Equal<typeof request.params, { room: string }>>()
    },
    onDrain: async (socket, request) => {
      socket.on('message', message => { check<Equal<typeof message, Receive>>() })
      check<Equal<Parameters<typeof socket.send>[0], Send>>()
      check<Equal<typeof request.params, { room: string }>>()
    },
    onInvalidMessage: (error, socket, request) => {
      check<Equal<typeof error.closeCode, number>>()
      check<Equal<Parameters<typeof socket.send>[0], Send>>()
      check<Equal<typeof request.params, { room: string }>>()
    }
  }
}, socket => { socket.on('message', message => { check<Equal<typeof message, Receive>>() }) })

app.get('/options/:room', {
  ws: {
    onError: (_error, socket, request) => {
      check<Equal<Parameters<typeof socket.send>[0], Send>>()
      check<Equal<typeof request.params, { room: string }>>()
    }
  },
  schema,
  handler: socket => { socket.on('message', message => { check<Equal<typeof message, Receive>>() }) }
})

app.route({
  method: 'GET',
  url: '/full/:room',
  schema,
  ws: {
    onError (_error, socket, request) {
      check<Equal<Parameters<typeof socket.send>[0], Send>>()
      check<Equal<typeof request.params, { room: string }>>()
    }
  },
  handler: socket => { socket.on('message', message => { check<Equal<typeof message, Receive>>() }) }
})

app.route({
  method: 'GET',
  url: '/dual/:room',
  schema,
  handler: async request => request.params.room,
  ws: {
    onError: (_error, socket, request) => {
      check<Equal<Parameters<typeof socket.send>[0], Send>>()
      check<Equal<typeof request.params, { room: string }>>()
    },
    handler: socket => { socket.on('message', message => { check<Equal<typeof message, Receive>>() }) }
  }
})
