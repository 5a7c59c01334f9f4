/*
 * A client in Node.js: it joins a room of the demo, says what you type, and comes back whatever happens.
 *
 *   npm start                                 # the server
 *   node dist/examples/client.js tea Ada      # in another terminal
 *
 * Type lines. End the server, type on, and start it again.
 */
import { createInterface } from 'node:readline'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { createClient } from 'fastify-sockets/client'
// Only the type: nothing of the server is loaded.
import type { chat } from './typed-chat.ts'

const [room = 'lobby', name = 'guest'] = process.argv.slice(2)
const api = createClient<TypeBoxTypeProvider>(process.env.SERVER ?? 'http://127.0.0.1:3000')

const socket = api.connect<typeof chat>('/rooms/:room', {
  params: { room },
  // Asked for each connection: with the position of the last message, the server sends what was missed.
  query: ({ since }) => ({ name, since }),
  // What is typed while there is no connection waits for one, for a minute at most.
  queue: true
})

socket.on('state', (state, { attempt, delay, reason }) => {
  if (state === 'waiting') console.log(`[waiting ${Math.ceil(delay)} ms after ${reason?.code}, attempt ${attempt}]`)
  else console.log(`[${state}]`)
})
socket.on('drop', ({ text }) => { console.log(`[never sent: ${text}]`) })

const input = createInterface({ input: process.stdin })
input.on('line', text => {
  const outcome = socket.send({ text })
  if (outcome !== 'sent') console.log(`[${outcome}: ${text}]`)
})
process.once('SIGINT', () => { void socket.close() })

for await (const { from, text } of socket) console.log(`${from}: ${text}`)

const { code, reason, status } = await socket.closed
console.log(status === 0 ? `closed: ${code} ${reason}` : `refused: ${status}`)
input.close()
