import { NEWS, options, role } from './config.ts'
import { report } from './report.ts'

declare const Bun: { serve: (options: object) => any }

const TOPIC = 'news'
const handlers = {
  echo: { message (socket: any, message: string | Buffer) { socket.send(message) } },
  'fan-out': {
    open (socket: any) { socket.subscribe(TOPIC) },
    message () { server.publish(TOPIC, NEWS) }
  }
}
if (role === 'json') throw new Error('it has no schemas')

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch (request: unknown, server: any) {
    return server.upgrade(request) ? undefined : new Response(null, { status: 426 })
  },
  websocket: { ...handlers[role], ...options }
})
report(server.port)
