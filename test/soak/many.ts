/*
 * The shutdown of a server with 10,000 connections, 500 of which neither read nor answer: it must end by its deadline, and
 * every client that listens must have seen 1001.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import sockets from 'fastify-sockets'
import { until } from '../support/until.ts'
import { type Crowd, joinCrowd } from './crowd.ts'

const CONNECTIONS = 10_000
const DEAF = 500
const PROCESSES = 4
const DEADLINE = 10_000
/** What the process may need beyond it on a busy machine. */
const MARGIN = 3000

async function serve (): Promise<boolean> {
  const app = Fastify()
  app.register(sockets, { drain: { timeout: DEADLINE }, closeTimeout: 2 * DEADLINE })
  app.get('/', { ws: true }, () => {})
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const crowds = Array.from({ length: PROCESSES }, (_, i) => {
    const crowd: Crowd = { port, address: `127.0.1.${i + 1}`, count: CONNECTIONS / PROCESSES, deaf: DEAF / PROCESSES }
    return fork(fileURLToPath(import.meta.url), [JSON.stringify(crowd)])
  })
  const ends = crowds.map(async child => (await once(child, 'message'))[0] as Record<string, number>)
  await until(() => app.sockets.size === CONNECTIONS)
  const start = performance.now()
  await app.close()
  const took = performance.now() - start
  const seen: Record<string, number> = {}
  for (const end of await Promise.all(ends)) {
    for (const [how, count] of Object.entries(end)) seen[how] = (seen[how] ?? 0) + count
  }
  const isWell = took < DEADLINE + MARGIN && seen['1001'] === CONNECTIONS - DEAF && seen.deaf === DEAF
  console.log(
    `shutdown of ${CONNECTIONS} connections, ${DEAF} of them deaf: ${isWell ? 'ok' : 'FAILED'}, ` +
    `${Math.round(took)} ms of ${DEADLINE}, seen by clients: ${JSON.stringify(seen)}`)
  return isWell
}

const [told] = process.argv.slice(2)
if (told?.startsWith('{') === true) process.send!(await joinCrowd(JSON.parse(told)), () => { process.disconnect() })
else process.exit(await serve() ? 0 : 1)
