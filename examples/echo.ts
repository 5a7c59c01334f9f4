/*
 * The smallest WebSocket server: every message comes back as it was, text as text and binary as binary.
 *
 *   node dist/examples/echo.js
 *   npx wscat --connect ws://127.0.0.1:3000/echo
 *
 * Type a line, and it comes back.
 */
import Fastify from 'fastify'
import sockets from 'fastify-sockets'

const app = Fastify({ logger: true })
app.register(sockets)

app.get('/echo', { ws: true }, socket => {
  socket.on('message', message => {
    socket.send(message)
  })
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
