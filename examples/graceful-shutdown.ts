/*
 * A server that ends well: on SIGTERM (a deployment) or SIGINT (Ctrl+C), app.close() takes no new connections, tells
 * every client with a close frame, code 1001, waits for their answers, and cuts whoever has not answered within
 * `closeTimeout`. Then nothing keeps the process alive, and it ends by itself.
 *
 *   node dist/examples/graceful-shutdown.js
 *   npx wscat --connect ws://127.0.0.1:3000/clock
 *
 * Press Ctrl+C in the server's window and see why wscat was disconnected.
 */
import Fastify from 'fastify'
import sockets from 'fastify-sockets'

const app = Fastify({ logger: true })
app.register(sockets, { closeTimeout: 2000 })

app.get('/clock', { ws: true }, socket => {
  const tell = () => { socket.send(new Date().toISOString()) }
  const timer = setInterval(tell, 1000)
  socket.on('close', () => { clearInterval(timer) })
  tell()
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  // Once: a second Ctrl+C ends the process at once.
  process.once(signal, () => {
    app.log.info({ signal, sockets: app.sockets.size }, 'closing')
    void app.close()
  })
}

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
