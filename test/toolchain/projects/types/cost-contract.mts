import { app, Line, Say, schema } from './cost.mts'
import { defineSocket } from 'fastify-sockets/contract'

export const chat = defineSocket('/rooms/:room', { ...schema, message: Say, send: Line })

app.route({
  ...chat,
  handler (socket, request) {
    socket.on('message', message => {
      socket.send({ from: request.params.room, text: message.text + request.query.since })
    })
  }
})
