import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { requirePeer } from '../peers.ts'
import { options, role } from './config.ts'
import { report } from './report.ts'
import { handlers } from './ws-handlers.ts'

const app = Fastify()
app.register(requirePeer('@fastify/websocket'), { options })
app.register(async scope => {
  const { clients } = (scope as any).websocketServer
  scope.get('/', { websocket: true } as object, handlers(() => clients)[role])
})
await app.listen({ host: '127.0.0.1', port: 0 })
report((app.server.address() as AddressInfo).port)
