// Step by step from @fastify/websocket: its types and ours in one program.
import Fastify from 'fastify'
import fastifyWebsocket from '@fastify/websocket'
import sockets, { type InjectWS } from 'fastify-sockets'

const app = Fastify()
app.register(fastifyWebsocket)
app.get('/theirs', { websocket: true }, socket => { socket.on('message', () => { socket.terminate() }) })
app.route({ method: 'GET', url: '/theirs-too', handler: async () => 'http', wsHandler: socket => { socket.terminate() } })
app.register(async child => {
  await child.register(sockets)
  child.get('/ours', { ws: true }, socket => { socket.on('message', message => { socket.send(message) }) })
  child.route({ method: 'GET', url: '/ours-too', ws: true, handler: async socket => { await socket.drained() } })
  const { injectWS } = child as unknown as { injectWS: InjectWS }
  const client = await injectWS<{}>('/ours', { protocols: ['chat'] })
  client.send('hello')
})
app.injectWS('/theirs', { headers: {} }, { onOpen (socket) { socket.terminate() } })
