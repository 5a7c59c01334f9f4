/*
 * An orderly end: on SIGTERM (a deployment) or SIGINT (Ctrl+C), app.close() refuses new connections, sends every client a
 * close frame with code 1001, waits for the answers, and cuts those who have not answered within `closeTimeout`. After
 * that, nothing keeps the process alive, and it ends by itself.
 *
 *   node dist/examples/graceful-shutdown.js
 *   npx wscat --connect ws://127.0.0.1:3000/clock
 *
 * Press Ctrl+C in the server's window: wscat says why it was disconnected.
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
  // Only once: a second Ctrl+C ends the process immediately.
  process.once(signal, () => {
    app.log.info({ signal, sockets: app.sockets.size }, 'closing')
    void app.close()
  })
}

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
