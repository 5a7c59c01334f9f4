import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { WebSocket } from 'ws'
import { createApp } from '../support/app.ts'
import { waitingRoute } from '../support/handshakes.ts'
import { until } from '../support/until.ts'

const ROOM = '/room'

/** Listens on a Unix socket; returns a way to connect to it, and to be refused there. */
async function listenOnPath (t: Test, app: ReturnType<typeof createApp>) {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-sockets-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'server')
  await app.listen({ path })
  function connect (headers: Record<string, string>): WebSocket {
    const client = new WebSocket(`ws+unix:${path}:${ROOM}`, { headers })
    t.teardown(() => client.terminate())
    // That of a refused client, when it is terminated.
    client.on('error', () => {})
    return client
  }
  return {
    open: async (headers: Record<string, string> = {}): Promise<WebSocket> => {
      const client = connect(headers)
      await once(client, 'open')
      return client
    },
    refused: async (headers: Record<string, string> = {}): Promise<number> => {
      const [, response] = await once(connect(headers), 'unexpected-response')
      return response.statusCode
    }
  }
}

test('clients of a Unix socket have no address: only connections in all are limited', async t => {
  const app = createApp(t, { limits: { connections: 3, connectionsPerAddress: 1, handshakesPerAddress: 1 } })
  const route = waitingRoute(app, ROOM)
  const { open, refused } = await listenOnPath(t, app)
  const opening = Promise.all([open(), open(), open()])
  await until(() => route.inHook === 3)
  t.equal(await refused(), 503)
  route.letGo()
  const [client] = await opening
  t.equal(await refused(), 503)
  client.terminate()
  await until(() => app.sockets.size === 2)
  await open()
  t.equal(await refused(), 503)
})

test('the proxy of a Unix socket names its clients', async t => {
  const app = createApp(t, { limits: { connectionsPerAddress: 1 } }, { trustProxy: true })
  app.get(ROOM, { ws: true }, () => {})
  const { open, refused } = await listenOnPath(t, app)
  await open({ 'X-Forwarded-For': '192.0.2.1' })
  t.equal(await refused({ 'X-Forwarded-For': '192.0.2.1' }), 429)
  await open({ 'X-Forwarded-For': '192.0.2.2' })
})
