/** A program of its own: serves an echo, asks it once, and prints how it was read. */
import Fastify from 'fastify'
import sockets from 'fastify-sockets'
import { simdMemory } from '../../lib/protocol/simd.ts'
import { listen } from './app.ts'
import { TEXT } from './opcodes.ts'
import { RawClient } from './raw-client.ts'

const app = Fastify()
app.register(sockets)
let byEvents = false
app.get('/', { ws: true }, (socket, request) => {
  socket.on('message', message => {
    byEvents = request.socket.listenerCount('data') > 0
    socket.send(message)
  })
})
const client = await RawClient.open(await listen(app), '/')
client.send(TEXT, 'hello')
const echo = (await client.frame()).payload.toString()
console.log(JSON.stringify({ echo, byEvents, simd: simdMemory !== null }))
await client.destroy()
await app.close()
