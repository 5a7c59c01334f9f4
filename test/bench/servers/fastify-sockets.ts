import { subscribe } from 'node:diagnostics_channel'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
// By path: this folder is a package of its own, in which the name means nothing.
import sockets, { type Backplane, type Socket } from '../../../lib/index.mts'
import { type Answer, answer, answerSchema, type Message, messageSchema } from './chat.ts'
import { isJson, type News, newsSchema } from '../news.ts'
import type { RemoteLoad } from '../loads/backplane.ts'
import { stampedSchema } from '../stamped.ts'
import { engine, http2, https, load, nextNews, options, role, subscribed } from './config.ts'
import { report } from './report.ts'
import { numberOf, Topics } from './topics.ts'

const app: FastifyInstance = Fastify({ http2, https } as object)
app.register(sockets, engine === undefined ? {} : { backplane: await backplane(engine) })
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
    const news = app.topic('/news', isJson(load as News) ? { schema: { message: newsSchema } } : {})
    app.get('/', { ws: options }, async socket => {
      socket.on('message', () => { void news.publish(nextNews()) })
      await socket.subscribe(news)
    })
    app.get('/echo', { ws: options }, socket => {
      socket.on('message', message => { socket.send(message) })
    })
  },
  topics () {
    const news = app.topic('/news/:n', engine === undefined ? {} : remote())
    const topics = new Topics<Socket>({
      subscribe: (socket, n) => socket.subscribe(news, { n }),
      unsubscribe: (socket, n) => socket.unsubscribe(news, { n }),
      publish: n => news.publish({ n }, nextNews()),
      answer (socket) { socket.send('done') }
    })
    app.get('/', { ws: options }, (socket, request) => {
      const n = numberOf(request.url)
      topics.opened(n, socket)
      socket.on('message', message => { void topics.command(String(message), socket) })
      socket.on('close', () => { topics.closed(n, socket) })
    })
  }
}

/** Loaded only if it is needed. */
async function backplane (engine: object): Promise<Backplane> {
  const [{ Redis }, { redis }] = await Promise.all([import('ioredis'), import('../../../lib/redis/index.mts')])
  return redis(new Redis(engine))
}

/** Of topics whose messages come from another process. */
function remote (): object {
  const { history } = load as RemoteLoad
  return {
    schema: { message: stampedSchema },
    ...history === null ? {} : { history: { size: history, ttl: 300_000, position: 'at' } }
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
