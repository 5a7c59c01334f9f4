import { app, Line, Say, schema } from './cost.mts'

app.post('/rooms/:room', { schema: { ...schema, body: Say, response: { 200: Line } } }, async (request, reply) => {
  reply.send({ from: request.params.room, text: request.body.text + request.query.since })
})
