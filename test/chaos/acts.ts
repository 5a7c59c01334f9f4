/* What user code on the server does to its sockets: anything that the API allows, whenever it is called. */
import type { FastifyInstance } from 'fastify'
import type { Socket, SocketEvents } from 'fastify-sockets'
import type { Random, Weights } from '../differential/random.ts'
import { type Reaction, type RoutePlan, WITNESS } from './plan.ts'

export type AnySocket = Socket<any, any>

/** A socket, and the one who decides what is done to it. */
export interface Subject {
  app: FastifyInstance
  socket: AnySocket
  route: RoutePlan
  random: Random
  isOfSwarm: boolean
  /** How many more acts there are: listeners that act on what they have caused would do so for ever. */
  left: number
}

type Act =
  'send' | 'sendBytes' | 'sendLarge' | 'burst' | 'ping' | 'close' | 'closeOdd' | 'terminate' | 'drained' | 'on' | 'once' |
  'off' | 'next' | 'return' | 'closed' | 'broadcast' | 'throw' | 'look'

const ACTS: Weights<Act> = {
  send: 6, sendBytes: 3, sendLarge: 2, burst: 1, ping: 3, close: 1.2, closeOdd: 0.4, terminate: 1, drained: 2, on: 2,
  once: 2, off: 2, next: 1, return: 0.6, closed: 0.5, broadcast: 1, throw: 0.6, look: 1
}
const EVENTS: Array<keyof SocketEvents> = ['message', 'ping', 'pong', 'drain', 'error', 'close']
const WORDS = 'the quick brown fox jumps over the lazy dog; '.repeat(2000)
/** To more sockets than this a broadcast would be a load of its own. */
const MOST_TOLD = 40

/** Sends text that is no echo, as the route wants it. */
export function say ({ socket, route }: Subject, length: number, asBytes = false): boolean {
  const text = WORDS.slice(0, length)
  if (route.sendsJson) return socket.send({ n: 0, text })
  const message = JSON.stringify({ n: 0, text })
  return socket.send(asBytes ? Buffer.from(message) : message)
}

/** Does one thing, or nothing. What the API throws at it is for whoever called us. */
export function act (subject: Subject): void {
  if (subject.left <= 0) return
  subject.left--
  const { random, socket } = subject
  switch (random.weighted(ACTS)) {
    case 'send': say(subject, random.int(300)); break
    case 'sendBytes': say(subject, random.int(3000), true); break
    case 'sendLarge': say(subject, random.int(70_000)); break
    case 'burst': for (let i = random.int(300); i > 0; i--) say(subject, 200); break
    case 'ping': void socket.ping().then(() => maybe(subject), () => {}); break
    case 'close': void socket.close(random.pick([1000, 1001, 1011, 3000, 4999]), WORDS.slice(0, random.int(200))); break
    // Both may be refused, with an error that is ours.
    case 'closeOdd': void socket.close(random.pick([1005, 999, 1000.5]), 'odd'); break
    case 'terminate': socket.terminate(); break
    case 'drained': void socket.drained().then(() => maybe(subject), () => {}); break
    case 'on': {
      const event = random.pick(EVENTS)
      socket.on(event, listener(subject, event))
      break
    }
    case 'once': {
      const event = random.pick(EVENTS)
      socket.once(event, listener(subject, event))
      break
    }
    case 'off': off(subject); break
    case 'next': void socket[Symbol.asyncIterator]().next().then(() => maybe(subject), () => {}); break
    case 'return': void socket[Symbol.asyncIterator]().return!().catch(() => {}); break
    case 'closed': void socket.closed.then(() => maybe(subject)); break
    case 'broadcast': broadcast(subject); break
    case 'throw': throw new Error('user code has failed')
    case 'look': look(subject)
  }
}

const added = new WeakMap<AnySocket, Array<[keyof SocketEvents, () => unknown]>>()

function maybe (subject: Subject): void {
  try {
    if (subject.random.chance(0.5)) act(subject)
  } catch {
    // As a promise of ours it would be our own fault.
  }
}

function listener (subject: Subject, event: keyof SocketEvents): () => unknown {
  const isAsync = subject.random.chance(0.2)
  const call = (): unknown => {
    if (!isAsync) return subject.random.chance(0.6) ? act(subject) : undefined
    return Promise.resolve().then(() => act(subject))
  }
  const list = added.get(subject.socket) ?? []
  added.set(subject.socket, list)
  list.push([event, call])
  return call
}

/** Removes a listener, which may have gone already or have been added for another event. */
function off ({ socket, random }: Subject): void {
  const list = added.get(socket)
  if (list === undefined) return
  const [event, call] = random.pick(list)
  socket.off(random.chance(0.8) ? event : random.pick(EVENTS), call)
}

function broadcast ({ app, random }: Subject): void {
  const length = random.chance(0.2) ? 17_000 + random.int(10_000) : random.int(300)
  const text = WORDS.slice(0, length)
  let told = 0
  for (const socket of app.sockets) {
    const { url, config } = socket.request.routeOptions
    if (url === WITNESS) continue
    if (++told > MOST_TOLD) return
    const { sendsJson } = config as unknown as RoutePlan
    socket.send(sendsJson ? { n: 0, text } : JSON.stringify({ n: 0, text }))
  }
}

function look ({ app, socket }: Subject): void {
  void [socket.id, socket.state, socket.bufferedAmount, socket.dropped, socket.validationError, socket.extensions]
  socket.listenerCount('message')
  app.sockets.stats()
}

/** What a function of the options does to the socket that it is called for. */
export function react (reaction: Reaction, subject: Subject): unknown {
  const { socket } = subject
  switch (reaction) {
    case 'nothing': return undefined
    case 'send': return say(subject, 100)
    case 'close': return void socket.close(4000, 'reaction')
    case 'terminate': return socket.terminate()
    case 'throw': throw new Error('a function of the options has failed')
    case 'reject': return Promise.reject(new Error('a function of the options has failed later'))
    case 'never': return new Promise(() => {})
    case 'later': return new Promise<void>(resolve => { setTimeout(resolve, 20) }).then(() => act(subject))
  }
}
