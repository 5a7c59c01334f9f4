import { requirePeer } from '../peers.ts'
import { options } from './config.ts'
import { report } from './report.ts'
import { handler } from './ws-handlers.ts'

// Without its binary bufferutil is JavaScript, and ws says nothing if it is not there at all.
if (!process.env.WS_NO_BUFFER_UTIL && !String(requirePeer('bufferutil').mask).includes('[native code]')) {
  throw new Error('bufferutil has no binary for this machine')
}
const { WebSocketServer } = requirePeer('ws')

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options })
const handle = handler()
server.on('connection', (socket: any, request: { url: string }) => {
  socket.on('error', () => {})
  handle(socket, request)
})
server.on('listening', () => { report(server.address().port) })
