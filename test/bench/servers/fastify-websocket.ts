import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { requirePeer } from '../peers.ts'
import { options } from './config.ts'
import { report } from './report.ts'
import { handler } from './ws-handlers.ts'

const app = Fastify()
app.register(requirePeer('@fastify/websocket'), { options })
app.register(async scope => {
  const handle = handler() as any
  for (const url of ['/', '/echo']) scope.get(url, { websocket: true } as object, handle)
})
await app.listen({ host: '127.0.0.1', port: 0 })
report((app.server.address() as AddressInfo).port)
