import { isJson, type News } from '../news.ts'
import { load, nextText, options, role } from './config.ts'
import { report } from './report.ts'
import { numberOf, Topics } from './topics.ts'

declare const Bun: { serve: (options: object) => any }

const TOPIC = 'news'
const isCompressed = isJson(load as News)

function topics () {
  const all = new Topics<any>({
    subscribe: (socket, topic) => socket.subscribe(topic),
    unsubscribe: (socket, topic) => socket.unsubscribe(topic),
    publish: topic => server.publish(topic, nextText()),
    answer (socket) { socket.send('done') }
  })
  return {
    open (socket: any) { all.opened(socket.data.n, socket) },
    close (socket: any) { all.closed(socket.data.n, socket) },
    message (socket: any, message: string) { void all.command(message, socket) }
  }
}

const handlers = {
  echo: () => ({ message (socket: any, message: string | Buffer) { socket.send(message) } }),
  'fan-out': () => ({
    open (socket: any) { if (socket.data.path === '/') socket.subscribe(TOPIC) },
    message (socket: any, message: string) {
      if (socket.data.path === '/') server.publish(TOPIC, nextText(), isCompressed)
      else socket.send(message)
    }
  }),
  topics
}
if (role === 'json') throw new Error('it has no schemas')

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch (request: { url: string }, server: any) {
    const { url } = request
    const isUpgraded = role === 'echo' ? server.upgrade(request)
      : server.upgrade(request, { data: { n: numberOf(url), path: new URL(url).pathname } })
    return isUpgraded ? undefined : new Response(null, { status: 426 })
  },
  websocket: { ...handlers[role](), ...options }
})
report(server.port)
