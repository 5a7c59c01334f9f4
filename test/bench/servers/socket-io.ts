import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { requirePeer } from '../peers.ts'
import { engine, nextNews, options, role } from './config.ts'
import { report } from './report.ts'
import { numberOf, Topics } from './topics.ts'

const { Server } = requirePeer('socket.io')
const ROOM = 'news'

function client (): object {
  return new (requirePeer('ioredis').Redis)(engine)
}

/** What connects it with the other process, if there is one. */
const ADAPTERS: Record<string, () => unknown> = {
  redis: () => requirePeer('@socket.io/redis-adapter').createAdapter(client(), client()),
  sharded: () => requirePeer('@socket.io/redis-adapter').createShardedAdapter(client(), client()),
  streams: () => requirePeer('@socket.io/redis-streams-adapter').createAdapter(client(), { onlyPlaintext: true })
}
const { adapter, ...rest } = options

const server = createServer()
const io = new Server(server, { transports: ['websocket'], serveClient: false, ...rest, ...adapter === undefined ? {} : { adapter: ADAPTERS[adapter]!() } })

function topics (): (socket: any) => void {
  const all = new Topics<any>({
    subscribe: (socket, topic) => socket.join(topic),
    unsubscribe: (socket, topic) => socket.leave(topic),
    publish: topic => io.to(topic).emit('news', nextNews()),
    answer (socket) { socket.emit('done') }
  })
  return socket => {
    const n = numberOf(socket.request.url)
    all.opened(n, socket)
    socket.on('command', (text: string) => { void all.command(text, socket) })
    socket.on('disconnect', () => { all.closed(n, socket) })
  }
}

function fanOut (socket: any): void {
  if (socket.handshake.query.path === '/echo') {
    socket.on('echo', (text: string) => { socket.emit('echo', text) })
    return
  }
  socket.join(ROOM)
  socket.on('command', () => { io.to(ROOM).emit('news', nextNews()) })
}

if (role !== 'fan-out' && role !== 'topics') throw new Error('it is measured with rooms only')
io.on('connection', role === 'topics' ? topics() : fanOut)
server.listen(0, '127.0.0.1', () => { report((server.address() as AddressInfo).port) })
