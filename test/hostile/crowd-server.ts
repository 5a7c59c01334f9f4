/** A program of its own, so that its memory is not that of the clients: serves crowds of slow peers. */
import FakeTimers from '@sinonjs/fake-timers'
import Fastify from 'fastify'
import sockets, { type Socket } from 'fastify-sockets'
import { listen } from '../support/app.ts'
import { serverOptions } from '../support/transport.ts'
import { turn } from '../support/until.ts'
import {
  AFTER_FIRST_WAIT, CLOSE_TIMEOUT, type Figures, MAX_BUFFERED, numbered, numberOf, type Request
} from './crowd.ts'
import { held } from './support.ts'

const app = Fastify(serverOptions)
app.register(sockets, { maxBuffered: MAX_BUFFERED, closeTimeout: CLOSE_TIMEOUT, heartbeat: false })

/** Timers that go only when the test says so. */
const clock = FakeTimers.install({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })

let drains = 0
let drained = 0
let handled = 0
/** Messages that were not the next one of their connection. */
let misplaced = 0
let openGate = (): void => {}
const gate = new Promise<void>(resolve => { openGate = resolve })

/** The sockets of the crowd: those that are told to send. */
const crowd = new Set<Socket>()
let sent = 0
let mostBuffered = 0

function join (socket: Socket<any, any>): void {
  crowd.add(socket)
  socket.on('drain', () => { drains++ })
}

app.get('/echo', { ws: true }, socket => { socket.on('message', message => socket.send(message)) })
app.get('/drop', { ws: { overflow: 'drop' } }, join)
app.get('/close', { ws: true }, join)
app.get('/patient', { ws: true }, async socket => {
  join(socket)
  await gate
  let number = 0
  // How many it takes until the peer holds it up for the first time, the system knows.
  for (let left = Infinity; left > 0; left--) {
    const goOn = socket.send(numbered(number++))
    mostBuffered = Math.max(mostBuffered, socket.bufferedAmount)
    if (goOn) continue
    await socket.drained()
    drained++
    left = Math.min(left, AFTER_FIRST_WAIT)
  }
  socket.close(1000, String(number))
})
app.get('/slow', { ws: true }, async socket => {
  let next = 0
  for await (const message of socket) {
    await gate
    await turn()
    if (numberOf(message as Buffer) !== next++) misplaced++
    handled++
  }
})

let lastHeld = 0
const answers: Record<Request['name'], () => Promise<void> | void> = {
  figures () {},
  collect () { lastHeld = held() },
  /** Sends a message to everyone, numbered. */
  async send () {
    for (const socket of crowd) {
      socket.send(numbered(sent))
      mostBuffered = Math.max(mostBuffered, socket.bufferedAmount)
    }
    sent++
    await turn()
  },
  openGate () { openGate() },
  passCloseTimeout () { clock.tick(CLOSE_TIMEOUT) }
}

function figures (): Figures {
  return {
    held: lastHeld,
    mostBuffered,
    droppedBySocket: [...crowd].map(socket => socket.dropped),
    sent,
    drains,
    drained,
    handled,
    misplaced,
    ...app.sockets.stats()
  }
}

process.on('message', async ({ id, name, times = 1 }: Request) => {
  for (let i = 0; i < times; i++) await answers[name]()
  process.send!({ id, figures: figures() })
})
process.on('disconnect', () => process.exit())
process.send!(await listen(app as any))
