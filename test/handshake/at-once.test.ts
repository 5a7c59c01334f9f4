import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { settledClock } from '../support/clock.ts'
import { deferred } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { TRANSPORT } from '../support/transport.ts'
import { until } from '../support/until.ts'

// Handshakes whose answer has left when the hooks have returned.

test('a handshake that is answered at once starts no timer', async t => {
  const app = createApp(t, { heartbeat: false })
  app.get('/', { ws: true }, () => {})
  const port = await listen(app)
  const clock = await settledClock(t)
  const { setTimeout } = globalThis
  t.intercept(globalThis, 'setTimeout', {
    value (callback: () => void, delay: number) {
      // A session of HTTP/2 waits that long for the acknowledgement of its settings.
      if (TRANSPORT !== 'http2' || delay !== 30_000) t.fail('a timer was started')
      return setTimeout(callback, delay)
    }
  })
  const client = await RawClient.open(port, '/')
  await until(() => app.sockets.size === 1)
  t.equal(clock.countTimers(), 0)
  await client.destroy()
})

test('a client that leaves in the instant of its acceptance: the handler learns of it from the socket', async t => {
  const app = createApp(t)
  const ended = deferred<number>()
  app.get('/room', { ws: true }, socket => {
    socket.on('message', () => {})
    socket.on('close', ({ code }) => ended.resolve(code))
  })
  const client = new RawClient(await listen(app))
  client.socket.end(handshake('/room'))
  t.equal(await ended.promise, 1006)
  await client.end()
  await until(() => app.sockets.size === 0)
})
