import { requirePeer } from '../peers.ts'
import { answer, type Message, messageSchema } from './chat.ts'
import { engine, nextText, role, strings } from './config.ts'
import { numberOf, Topics } from './topics.ts'

type Handler = (socket: any, request: { url: string }) => void

/** What a server on ws does with each of its sockets, as its documentation does it. */
export function handler (): Handler {
  return { echo: () => echo, json, 'fan-out': fanOut, topics }[role]()
}

const echo: Handler = strings ? echoStrings : socket => {
  socket.on('message', (data: Buffer, isBinary: boolean) => { socket.send(data, { binary: isBinary }) })
}

function fanOut (): Handler {
  const subscribers = new Set<any>()
  return (socket, request) => {
    if (request.url === '/echo') {
      echo(socket, request)
      return
    }
    subscribers.add(socket)
    socket.on('close', () => { subscribers.delete(socket) })
    socket.on('message', () => { sendToAll(subscribers) })
  }
}

function sendToAll (sockets: Iterable<any>, news: Buffer = Buffer.from(nextText())): void {
  for (const socket of sockets) if (socket.readyState === socket.OPEN) socket.send(news, { binary: false })
}

function client () {
  return new (requirePeer('ioredis').Redis)(engine)
}

/** ws has no topics: these are sets of sockets. With an engine, each topic is a channel of it. */
function topics (): Handler {
  const subscribers = new Map<string, Set<any>>()
  const channels = engine === undefined ? null : { in: client(), out: client() }
  channels?.in.on('messageBuffer', (topic: Buffer, news: Buffer) => { sendToAll(subscribers.get(topic.toString()) ?? [], news) })
  const all = new Topics<any>({
    async subscribe (socket, topic) {
      const sockets = subscribers.get(topic)
      socket.topics.add(topic)
      if (sockets !== undefined) sockets.add(socket)
      else subscribers.set(topic, new Set([socket]))
      if (sockets === undefined) await channels?.in.subscribe(topic)
    },
    unsubscribe: leave,
    publish (topic) {
      if (channels === null) sendToAll(subscribers.get(topic) ?? [])
      else void channels.out.publish(topic, nextText())
    },
    answer (socket) { socket.send('done') }
  })

  function leave (socket: any, topic: string): void {
    if (!socket.topics.delete(topic)) return
    const sockets = subscribers.get(topic)!
    sockets.delete(socket)
    if (sockets.size > 0) return
    subscribers.delete(topic)
    void channels?.in.unsubscribe(topic)
  }

  return (socket, { url }) => {
    const n = numberOf(url)
    socket.topics = new Set()
    all.opened(n, socket)
    socket.on('message', (data: Buffer) => { void all.command(data.toString(), socket) })
    socket.on('close', () => {
      all.closed(n, socket)
      for (const topic of socket.topics) leave(socket, topic)
    })
  }
}

function echoStrings (socket: any): void {
  socket.on('message', (data: Buffer, isBinary: boolean) => { socket.send(isBinary ? data : data.toString()) })
}

/** By hand what a route with schemas does. */
function json (): Handler {
  const { Ajv } = requirePeer('ajv')
  // The options that Fastify has.
  const ajv = new Ajv({ coerceTypes: 'array', useDefaults: true, removeAdditional: true, allErrors: false })
  const validate = ajv.compile(messageSchema)
  return socket => {
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) return socket.close(1003)
      let message
      try {
        message = JSON.parse(data.toString())
      } catch {
        return socket.close(1007)
      }
      if (!validate(message)) return socket.close(1008, ajv.errorsText(validate.errors))
      socket.send(JSON.stringify(answer(message as Message)))
    })
  }
}
