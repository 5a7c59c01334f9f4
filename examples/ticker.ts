/*
 * Prices that change many times a second. A client follows the symbols that it wants. If it reads too slowly, it gets the newest
 * price of each symbol as soon as it has read the others, and the server keeps no more than that for it.
 *
 *   node dist/examples/ticker.js
 *   npx wscat --connect ws://127.0.0.1:3000/prices
 *   curl http://127.0.0.1:3000/figures
 *
 * In wscat, send {"type":"follow","symbol":"SAP"} and, later, {"type":"unfollow","symbol":"SAP"}. The last command shows how
 * many prices were published, and how many of them slow clients have missed.
 */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import sockets from 'fastify-sockets'

const SYMBOLS = ['AAPL', 'ASML', 'NVDA', 'SAP'] as const

/** A client can only name what is there: each name that it makes up would be one more topic. */
const symbol = Type.Union(SYMBOLS.map(name => Type.Literal(name)))

const app = Fastify({ logger: true }).withTypeProvider<TypeBoxTypeProvider>()
app.register(sockets, { limits: { subscriptions: SYMBOLS.length } })

const prices = app.topic('/prices/:symbol', {
  schema: { params: Type.Object({ symbol }), message: Type.Object({ symbol, price: Type.Number() }) },
  overflow: 'latest'
})

app.get('/prices', {
  ws: true,
  schema: {
    message: Type.Union([
      Type.Object({ type: Type.Literal('follow'), symbol }),
      Type.Object({ type: Type.Literal('unfollow'), symbol })
    ])
  }
}, async socket => {
  for await (const { type, symbol } of socket) {
    if (type === 'follow') await socket.subscribe(prices, { symbol })
    else socket.unsubscribe(prices, { symbol })
  }
})

app.get('/figures', () => app.sockets.stats().topics[prices.url])

// It begins when topics can be used, and ends before they no longer can.
let timer: NodeJS.Timeout
app.addHook('onReady', async () => {
  timer = setInterval(() => {
    for (const symbol of SYMBOLS) void prices.publish({ symbol }, { symbol, price: Math.round(Math.random() * 1e5) / 100 })
  }, 20)
})
app.addHook('preClose', async () => { clearInterval(timer) })

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
