import { test } from 'tap'
import { createApp } from '../support/app.ts'
import { fakeClock } from '../support/clock.ts'
import { masked } from '../support/frames.ts'
import { BINARY, TEXT } from '../support/opcodes.ts'
import { listenTo, pair, serve } from '../support/serve.ts'
import { uncaught } from '../support/uncaught.ts'
import { turn, until } from '../support/until.ts'

test('a peer that leaves makes no rejection that nobody waits for', async t => {
  const found = uncaught(t)
  const { client, socket, app } = await pair(t)
  socket.ping()
  socket.send(Buffer.alloc(20_000_000))
  socket.drained()
  client.reset()
  await until(() => app.sockets.size === 0)
  socket.ping()
  socket.drained()
  await turn()
  await turn()
  t.strictSame(found, [])
})

test('what is thrown and cannot even be looked at closes with 1011', async t => {
  const { open } = await serve(t, () => { throw new Proxy({}, { get () { throw new Error('no') } }) })
  const client = await open()
  t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
})

test('a validator whose error has an impossible close code is a failure of the server', async t => {
  const { client, socket } = await pair(t, {}, {
    schema: { message: {} },
    validatorCompiler: () => () => { throw Object.assign(new Error('no'), { closeCode: 1005 }) }
  })
  socket.on('message', () => {})
  client.send(TEXT, '{}')
  t.equal((await client.close()).code, 1011)
})

test('a connection that nobody reads is let go when its peer has gone', async t => {
  const clock = fakeClock(t)
  const { client, app } = await pair(t, { maxQueued: 1000, heartbeat: { interval: 5000, timeout: 5000 } })
  for (let i = 0; i < 20; i++) client.send(BINARY, Buffer.alloc(100))
  await until(() => app.sockets.stats().bytesIn >= 1000)
  await client.destroy()
  while (app.sockets.size > 0) {
    clock.tick(1000)
    await turn()
  }
  t.equal(app.sockets.size, 0)
})

test('what had been read is delivered though the transport fails while the queue is full', async t => {
  const { client, socket, app } = await pair(t, { maxQueued: 1000 })
  const sent = Buffer.concat(Array.from({ length: 100 }, (_, i) => masked(TEXT, String(i))))
  client.write(sent)
  await until(() => app.sockets.stats().bytesIn === sent.length)
  socket.terminate()
  await socket.closed
  const kept: unknown[] = []
  const second = await pair(t, { maxQueued: 1000 })
  second.client.write(sent)
  await until(() => second.app.sockets.stats().bytesIn === sent.length)
  second.client.reset()
  // Only writing shows that the peer has gone.
  while (second.socket.state !== 'closed') {
    second.socket.send('anyone there?')
    await turn()
  }
  for await (const message of second.socket) kept.push(message)
  t.strictSame(kept, Array.from({ length: 100 }, (_, i) => String(i)))
})

test('small messages in fragments keep no more memory than they have bytes', async t => {
  const { client, socket, app } = await pair(t, { maxQueued: 2 * 1024 * 1024 })
  const messages = 5000
  for (let i = 0; i < messages; i++) {
    client.write(Buffer.concat([masked(BINARY, 'x', { fin: false }), masked(0)]))
  }
  await until(() => app.sockets.stats().messagesIn === messages)
  const memory = new Set<ArrayBuffer>()
  let count = 0
  for await (const message of socket) {
    memory.add(message.buffer)
    if (++count === messages) break
  }
  let bytes = 0
  for (const { byteLength } of memory) bytes += byteLength
  t.ok(bytes < messages * 64 + 2 * Buffer.poolSize, `${bytes} bytes behind ${messages} messages of one`)
})

test('a client in memory sees the end of a connection that its handler cuts at once', async t => {
  const app = createApp(t)
  app.get('/', { ws: true }, socket => {
    socket.send('a')
    socket.terminate()
  })
  await listenTo(t, app)
  const client = await app.injectWS('/')
  t.equal((await client.closed).code, 1006)
  t.equal(client.state, 'closed')
})
