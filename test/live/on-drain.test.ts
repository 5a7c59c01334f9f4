import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { deferred, linesWith } from '../support/handshakes.ts'
import { RawClient } from '../support/raw-client.ts'

const hostile = new Proxy({}, { get () { throw new Error('no') }, getPrototypeOf () { throw new Error('no') } })

test('a client that leaves while onDrain waits for it is no failure of onDrain', async t => {
  const draining = deferred()
  const app = createApp(t, {
    onDrain: async socket => {
      draining.resolve()
      await socket.ping()
    },
    onError: error => { t.fail(`onError was called with ${error}`) }
  })
  app.get('/', { ws: true }, () => {})
  const client = await RawClient.open(await listen(app), '/')
  const closed = app.close()
  await draining.promise
  client.reset()
  await closed
  t.equal(linesWith(app.lines, 'websocket handler failed').length, 0)
})

test('what onDrain throws and cannot even be looked at closes with 1011', async t => {
  const app = createApp(t, { onDrain: async () => { throw hostile } })
  app.get('/', { ws: true }, () => {})
  const client = await RawClient.open(await listen(app), '/')
  const closed = app.close()
  t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
  client.reset()
  await closed
})

test('what onError rejects with and cannot even be looked at closes with 1011', async t => {
  const app = createApp(t, { onError: async () => { throw hostile } })
  app.get('/', { ws: true }, () => { throw new Error('broken') })
  const client = await RawClient.open(await listen(app), '/')
  t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
  client.reset()
})

test('a batch that takes longer than the pause is followed by a turn of the event loop all the same', async t => {
  const seen: string[] = []
  const app = createApp(t, {
    drain: { batch: 1, interval: 1 },
    onDrain: async () => {
      await Promise.resolve()
      seen.push('told')
      setImmediate(() => { seen.push('turn') })
      const end = performance.now() + 20
      while (performance.now() < end);
    }
  })
  app.get('/', { ws: true }, () => {})
  const port = await listen(app)
  const clients = [await RawClient.open(port, '/'), await RawClient.open(port, '/'), await RawClient.open(port, '/')]
  const closed = app.close()
  for (const client of clients) {
    await client.close()
    client.reset()
  }
  await closed
  t.strictSame(seen, ['told', 'turn', 'told', 'turn', 'told', 'turn'])
})
