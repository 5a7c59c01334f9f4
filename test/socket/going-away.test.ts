import { test } from 'tap'
import type { SocketOptions } from 'fastify-sockets'
import { type Clock, fakeClock, noSpread } from '../support/clock.ts'
import { OFFER, compressed } from '../support/deflate.ts'
import { masked } from '../support/frames.ts'
import { BINARY, CLOSE, TEXT } from '../support/opcodes.ts'
import { iterate, pair, stall } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

/*
 * A close that the handler has not asked for takes nothing from it that the peer has sent before it could know.
 */

for (const { why, ws, wait } of [
  { why: 'a life is over', ws: { maxLifetime: 10_000 }, wait: (clock: Clock) => clock.tick(10_000) },
  { why: 'nothing was said for too long', ws: { idleTimeout: 10_000, closeTimeout: 60_000 }, wait: (clock: Clock) => clock.tick(20_000) }
] as Array<{ why: string, ws: SocketOptions, wait (clock: Clock): void }>) {
  test(`when ${why}, what waits and what is on its way is delivered, up to the peer's close frame`, async t => {
    noSpread(t)
    const clock = fakeClock(t)
    const { client, socket, app } = await pair(t, { heartbeat: false, deflate: true, ...ws }, {}, OFFER)
    client.send(TEXT, 'waits')
    await until(() => app.sockets.stats().messagesIn === 1)
    wait(clock)
    t.equal((await client.close()).code, 1001)
    t.equal(socket.state, 'closing')
    t.equal(socket.send('too late to answer'), false)
    client.write(Buffer.concat([
      masked(TEXT, 'on its way'), masked(BINARY, 'bytes'), compressed(TEXT, 'compressed'), masked(9), masked(CLOSE), masked(TEXT, 'behind')
    ]))
    const found: string[] = []
    for await (const message of socket) found.push(String(message))
    t.strictSame(found, ['waits', 'on its way', 'bytes', 'compressed'])
    t.match(await socket.closed, { code: 1001, wasClean: true, initiator: 'local' })
    t.equal(client.received.length, 0, 'a ping behind our close frame has no answer')
  })
}

test('a loop too slow for the closing handshake gets all that has been read, though the connection was cut meanwhile', async t => {
  noSpread(t)
  const clock = fakeClock(t)
  const { client, socket, app } = await pair(t, { heartbeat: false, maxLifetime: 10_000, closeTimeout: 5000, maxQueued: 1000 })
  const messages = iterate(t, socket)
  const texts = Array.from({ length: 100 }, (_, i) => `${i}`)
  const sent = Buffer.concat(texts.map(text => masked(TEXT, text)))
  client.write(sent)
  await until(() => app.sockets.stats().bytesIn === sent.length)
  clock.tick(10_000)
  t.equal((await client.close()).code, 1001)
  client.send(CLOSE)
  t.equal((await messages.next()).value, '0')
  t.equal(app.sockets.stats().paused, 1)
  clock.tick(5000)
  t.match(await socket.closed, { code: 1001, wasClean: false, initiator: 'local' })
  const found: unknown[] = ['0']
  for (let next = await messages.next(); !next.done; next = await messages.next()) found.push(next.value)
  t.strictSame(found, texts)
})

test('terminate() takes the messages away all the same', async t => {
  noSpread(t)
  const clock = fakeClock(t)
  const { client, socket, app } = await pair(t, { heartbeat: false, maxLifetime: 10_000 })
  client.send(TEXT, 'waits')
  await until(() => app.sockets.stats().messagesIn === 1)
  clock.tick(10_000)
  await client.close()
  socket.terminate()
  await socket.closed
  const found: unknown[] = []
  for await (const message of socket) found.push(message)
  t.strictSame(found, [])
})

test('the rate holds behind our close frame as well', async t => {
  noSpread(t)
  const clock = fakeClock(t, 'performance')
  const { client, socket } = await pair(t, { heartbeat: false, maxLifetime: 10_000, limits: { messagesPerSecond: 2 } })
  const found: unknown[] = []
  socket.on('message', message => { found.push(message) })
  await turn()
  clock.tick(10_000)
  await client.close()
  client.write(Buffer.concat([1, 2, 3, 4].map(n => masked(TEXT, `${n}`))))
  client.send(CLOSE)
  t.match(await socket.closed, { code: 1001, wasClean: true })
  t.strictSame(found, ['1', '2'])
})

test('what came within the rate is delivered when the peer has gone past it', async t => {
  const { client, socket } = await pair(t, { limits: { messagesPerSecond: 2 } })
  client.write(Buffer.concat([masked(TEXT, 'one'), masked(TEXT, 'two'), masked(TEXT, 'too many'), masked(CLOSE)]))
  await socket.closed
  const found: unknown[] = []
  for await (const message of socket) found.push(message)
  t.strictSame(found, ['one', 'two'])
})

test('a peer that reads too slowly is closed, and what it has sent is delivered', async t => {
  const { client, socket, app } = await pair(t, { maxBuffered: 200_000 })
  client.send(TEXT, 'waits')
  await until(() => app.sockets.stats().messagesIn === 1)
  await stall(client, socket)
  while (socket.state === 'open') socket.send(Buffer.alloc(64_000))
  client.send(TEXT, 'on its way')
  client.send(CLOSE)
  client.socket.resume()
  t.match(await socket.closed, { code: 1013 })
  const found: unknown[] = []
  for await (const message of socket) found.push(message)
  t.strictSame(found, ['waits', 'on its way'])
})

test('close() while such a message waits takes it away', async t => {
  const { client, socket } = await pair(t, { limits: { messagesPerSecond: 1 } })
  client.write(Buffer.concat([masked(TEXT, 'one'), masked(TEXT, 'too many')]))
  await client.close()
  socket.close()
  const found: unknown[] = []
  for await (const message of socket) found.push(message)
  t.strictSame(found, [])
})
