import { test } from 'tap'
import { connect, createApp, listen } from '../support/app.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { connectionCount, deferred, until } from './support.ts'

test('a client that leaves while hooks of the app are at work gives its place back', async t => {
  const app = createApp(t, { limits: { connections: 1, connectionsPerAddress: 1, handshakesPerAddress: 1 } })
  const answer = deferred()
  let asked = 0
  app.addHook('onRequest', async () => { if (++asked === 1) await answer.promise })
  app.get('/', { ws: true }, () => {})
  const port = await listen(app)

  const client = new RawClient(port)
  client.write(handshake('/'))
  await until(() => asked === 1)
  await client.destroy()
  await until(async () => await connectionCount(app) === 0)
  answer.resolve()
  await new Promise(setImmediate)

  const next = await connect(port, '/')
  t.equal(app.sockets.size, 1)
  t.equal(app.sockets.stats().refused, 1)
  next.terminate()
})
