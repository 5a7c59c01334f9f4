import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
// By path: this folder is a package of its own, in which the name means nothing.
import sockets from '../../../lib/index.ts'
import { report } from './report.ts'

const app = Fastify()
const options = JSON.parse(process.argv[2]!)
app.register(sockets)
app.get('/', { ws: options }, socket => {
  socket.on('message', message => { socket.send(message) })
})
await app.listen({ host: '127.0.0.1', port: 0 })
report((app.server.address() as AddressInfo).port)
