import { requirePeer } from '../peers.ts'
import { report } from './report.ts'

const { WebSocketServer } = requirePeer('ws')
const options = JSON.parse(process.argv[2]!)

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options })
server.on('connection', (socket: any) => {
  socket.on('message', (data: Buffer, isBinary: boolean) => { socket.send(data, { binary: isBinary }) })
})
server.on('listening', () => { report(server.address().port) })
