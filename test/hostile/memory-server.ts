/** A program of its own, so that its memory is not that of the clients. Its handlers have no time for messages. */
import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import sockets, { type Socket } from 'fastify-sockets'
import { listen } from '../support/app.ts'
import { serverOptions } from '../support/transport.ts'
import { held, KIB } from './support.ts'

type AnySocket = Socket<any, any>

/** What a client makes the server hold, as far as the server sees it. */
export interface Figures {
  /** Clients connected. */
  size: number
  /** That have made their handler busy. */
  busy: number
  bytesIn: number
  bytesOut: number
  /** Bytes in use, of JavaScript and of buffers. */
  held: number
}

export type Question = 'figures' | 'collect' | 'terminate'

const app = Fastify(serverOptions) as unknown as FastifyInstance
app.register(sockets, { heartbeat: false, deflate: { threshold: 1 } })

/** Milliseconds in which what can leave has left. */
const SYSTEM_TAKES = 50

let busy = 0

/** Takes one message, and no other. */
async function handler (socket: AnySocket): Promise<void> {
  for await (const _message of socket) {
    busy++
    await new Promise(() => {})
  }
}

/** Takes no message, but tells when it could. */
function nobody (): void {
  busy++
}

app.get('/raw', { ws: true }, handler)
app.get('/nobody', { ws: true }, nobody)
app.get('/json', { ws: true, schema: { message: {} } }, handler)
app.get('/attached', { ws: true, schema: { message: { type: 'number' } }, attachValidation: true }, handler)

/** Sends until so much is left unread that nothing more may wait, and the system takes nothing more either. */
function feed (socket: AnySocket): void {
  const chunk = randomBytes(48 * KIB).toString('base64')
  socket.on('message', async () => {
    for (let left = -1; left !== socket.bufferedAmount; await wait(SYSTEM_TAKES)) {
      left = socket.bufferedAmount
      for (const { dropped } = socket; socket.dropped === dropped;) socket.send(chunk)
    }
    busy++
  })
}
app.get('/feed', { ws: { overflow: 'drop' } }, feed)

process.on('message', (question: Question) => {
  // It does not read, and so does not see that they have gone.
  if (question === 'terminate') for (const socket of app.sockets) socket.terminate()
  const { bytesIn, bytesOut } = app.sockets.stats()
  process.send!({
    size: app.sockets.size, busy, bytesIn, bytesOut, held: question === 'collect' ? held() : 0
  } satisfies Figures)
})
process.on('disconnect', () => process.exit())
process.send!(await listen(app))
