// What a page does with the client: run.mjs says what there is in a browser.
import { createClient } from 'fastify-sockets/client'
import { defineSocket } from 'fastify-sockets/contract'

const chat = defineSocket('/rooms/:room', { message: {}, send: {} })
const socket = createClient('wss://example.com').connect(chat, { params: { room: 'a b' } })
socket.on('message', ({ text }) => {
  socket.close().then(({ code }) => report(text, code))
})
socket.opened.then(() => { socket.send({ text: 'hello' }) })
