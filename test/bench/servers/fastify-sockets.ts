import { subscribe } from 'node:diagnostics_channel'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
// By path: this folder is a package of its own, in which the name means nothing.
import sockets from '../../../lib/index.mts'
import { type Answer, answer, answerSchema, type Message, messageSchema } from './chat.ts'
import { http2, https, NEWS, options, role, subscribed } from './config.ts'
import { report } from './report.ts'

const app: FastifyInstance = Fastify({ http2, https } as object)
app.register(sockets)
const routes = {
  echo () {
    app.get('/', { ws: options }, socket => {
      socket.on('message', message => { socket.send(message) })
    })
  },
  json () {
    app.get<{ Message: Message, Send: Answer }>('/', {
      ws: options,
      schema: { message: messageSchema, send: answerSchema }
    }, socket => {
      socket.on('message', message => { socket.send(answer(message)) })
    })
  },
  'fan-out' () {
    const news = app.topic('/news')
    app.get('/', { ws: options }, async socket => {
      socket.on('message', () => { void news.publish(NEWS) })
      await socket.subscribe(news)
    })
  }
}
if (subscribed) {
  for (const name of ['handshake', 'refusal', 'open', 'message.in', 'message.out', 'error', 'close']) {
    subscribe(`fastify-sockets.${name}`, () => {})
  }
}
routes[role]()
await app.listen({ host: '127.0.0.1', port: 0 })
report((app.server.address() as AddressInfo).port)
