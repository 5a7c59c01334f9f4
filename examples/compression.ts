/*
 * A feed of similar messages, compressed with context takeover: each message refers to those before it.
 *
 *   node dist/examples/compression.js
 *   npx wscat --connect ws://127.0.0.1:3000/prices
 *   curl http://127.0.0.1:3000/sizes
 *
 * The last command shows how many bytes of JSON were sent, and how many bytes went over the wire.
 */
import Fastify from 'fastify'
import sockets from 'fastify-sockets'

const SYMBOLS = ['AAPL', 'AMZN', 'ASML', 'GOOG', 'META', 'MSFT', 'NVDA', 'SAP']

const app = Fastify({ logger: true })
await app.register(sockets)

let sent = 0

function prices (): string {
  return JSON.stringify(SYMBOLS.map(symbol => ({ symbol, currency: 'USD', price: Math.round(Math.random() * 1e5) / 100 })))
}

// The messages are below the default threshold, but worth compressing: each repeats most of the one before it.
app.get('/prices', { ws: { deflate: { contextTakeover: true, threshold: 100 } } }, (socket, request) => {
  request.log.info(`compression: ${socket.extensions === '' ? 'none' : socket.extensions}`)
  const timer = setInterval(() => {
    const message = prices()
    if (socket.send(message)) sent += Buffer.byteLength(message)
  }, 100)
  socket.on('close', () => { clearInterval(timer) })
  socket.on('message', () => {})
})

app.get('/sizes', () => ({ json: sent, onTheWire: app.sockets.stats().bytesOut }))

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
