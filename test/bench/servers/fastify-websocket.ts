import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { requirePeer } from '../peers.ts'
import { report } from './report.ts'

const app = Fastify()
const options = JSON.parse(process.argv[2]!)
app.register(requirePeer('@fastify/websocket'), { options })
app.register(async scope => {
  scope.get('/', { websocket: true } as object, (socket: any) => {
    socket.on('message', (data: Buffer, isBinary: boolean) => { socket.send(data, { binary: isBinary }) })
  })
})
await app.listen({ host: '127.0.0.1', port: 0 })
report((app.server.address() as AddressInfo).port)
