import { type Test, test } from 'tap'
import { listen } from '../support/app.ts'
import { closeBody } from '../support/frames.ts'
import { deferred } from '../support/handshakes.ts'
import { until } from '../support/until.ts'
import { type App, CANCEL, goAway, http2App, openSession, openSocket, type StreamClient } from './support.ts'

const TIMEOUT = 50

function echoApp (t: Test, server: Record<string, unknown>): App {
  const app = http2App(t, { heartbeat: false }, server)
  app.get('/', { ws: true }, socket => { socket.on('message', message => { socket.send(message) }) })
  return app
}

async function leave (client: StreamClient): Promise<void> {
  client.send(8, closeBody(1000))
  await client.close()
  client.stream.end()
  await client.rst()
}

/** A session that does nothing is ended: one that began earlier and is still there then has no timeout. */
async function timeoutPasses (t: Test, port: number): Promise<void> {
  await goAway(await openSession(t, port))
}

for (const [how, end] of [
  ['closed', leave],
  ['reset by its client', async (client: StreamClient) => { client.stream.close(CANCEL) }]
] as const) {
  test(`http2SessionTimeout does not end a session with an open socket, and does after its last one is ${how}`, async t => {
    const app = echoApp(t, { http2SessionTimeout: TIMEOUT })
    const port = await listen(app)
    const session = await openSession(t, port)
    const clients = [await openSocket(session, '/'), await openSocket(session, '/')]
    let told = false
    const ended = goAway(session).then(() => { told = true })
    await timeoutPasses(t, port)
    await end(clients[0]!)
    await until(() => app.sockets.size === 1)
    await timeoutPasses(t, port)
    clients[1]!.send(1, 'still there')
    t.equal(await clients[1]!.text(), 'still there')
    t.equal(told, false)
    await end(clients[1]!)
    await ended
    await until(() => session.closed)
  })
}

test('a session gets its own timeout back, that of a later setting too, and none where there is none', async t => {
  for (const [set, expected] of [[undefined, 72_000], [12_345, 12_345], [0, 0]] as const) {
    const app = echoApp(t, {})
    const sessions: any[] = []
    app.server.on('session', session => {
      sessions.push(session)
      if (set !== undefined) (session as any).setTimeout(set)
    })
    const session = await openSession(t, await listen(app))
    t.equal(sessions[0].timeout ?? 0, expected)
    const client = await openSocket(session, '/')
    t.equal(sessions[0].timeout, 0)
    await leave(client)
    await until(() => app.sockets.size === 0)
    t.equal(sessions[0].timeout, expected)
  }
})

test('a stream that is open has no timeout of its own, even if a hook has set one', async t => {
  const app = echoApp(t, {})
  const opened = deferred<any>()
  app.get('/timed', { ws: true, preHandler: async request => { (request.raw as any).setTimeout(1234) } }, (_socket, request) => {
    opened.resolve(request.raw)
  })
  await openSocket(await openSession(t, await listen(app)), '/timed')
  t.equal((await opened.promise).stream.timeout, 0)
})
