/* The client of browsers, whose types Node.js does not find under the package's name. */
import type { createClient } from '../../lib/client/index.ts'
import { defineSocket } from 'fastify-sockets/contract'

declare const create: typeof createClient
const echo = defineSocket('/echo', {})
const client = create('/', { queue: { bytes: 1024 }, heartbeat: { interval: 20_000 } })
client.connect(echo, { protocols: 'v1', maxQueued: 1024 })
// @ts-expect-error a browser sends no headers of a page
client.connect(echo, { headers: { cookie: 'a=b' } })
// @ts-expect-error nor by default
create('/', { headers: { cookie: 'a=b' } })
// @ts-expect-error it has its own certificates
create('/', { tls: { rejectUnauthorized: false } })
