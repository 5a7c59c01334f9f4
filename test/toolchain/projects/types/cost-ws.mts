import { app, Line, Say, schema } from './cost.mts'

app.get('/rooms/:room', { ws: true, schema: { ...schema, message: Say, send: Line } }, (socket, request) => {
  socket.on('message', message => {
    socket.send({ from: request.params.room, text: message.text + request.query.since })
  })
})
