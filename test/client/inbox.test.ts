import { test } from 'tap'
import { frame } from '../support/frames.ts'
import { CLOSE, PING, TEXT } from '../support/opcodes.ts'
import { turn, until } from '../support/until.ts'
import { BUILDS, connect, NODE, PURE } from './builds.ts'
import { stage } from './fake-line.ts'
import { rawServer } from '../support/raw-server.ts'
import { serve } from './serve.ts'
import { listen, watch } from './watch.ts'

for (const build of BUILDS) {
  test(`${build.name}: messages in the packet of the handshake's answer are for the listener that is added when it is open`, async t => {
    const { url } = await rawServer(t, ({ socket, accepted }) => {
      socket.write(Buffer.concat([Buffer.from(accepted), frame(TEXT, '"a"'), frame(TEXT, '"b"')]))
    })
    const socket = connect(t, build, url)
    await socket.opened
    const messages = listen(socket)
    await until(() => messages.length === 2)
    t.strictSame(messages, ['a', 'b'])
  })

  test(`${build.name}: a message and a close in the packet of the answer are two events of an open socket`, async t => {
    const { url } = await rawServer(t, ({ socket, accepted }) => {
      socket.write(Buffer.concat([Buffer.from(accepted), frame(TEXT, '"a"'), frame(CLOSE, Buffer.from([0x11, 0x30, 0x78]))]))
      // The server waits for the answer to its close, and ends.
      socket.once('data', () => socket.end())
    })
    const socket = connect(t, build, url)
    const { states } = watch(socket)
    await socket.opened
    const found: unknown[] = []
    for await (const message of socket) found.push(message)
    t.strictSame(found, ['a'])
    t.match(await socket.closed, { code: 4400, reason: 'x', wasClean: true, initiator: 'remote' })
    t.strictSame(states, ['open', 'closed'])
  })

  for (const [what, bytes, code] of [
    ['a masked frame', frame(TEXT, '"b"', { masked: true }), 1002],
    ['text that is not UTF-8', frame(TEXT, Buffer.from([0xff])), 1007],
    ['a ping in two pieces', frame(PING, 'x', { fin: false }), 1002]
  ] as const) {
    test(`${build.name}: ${what} in the packet of the answer ends the connection, and what came before is delivered`, async t => {
      const { url } = await rawServer(t, ({ socket, accepted }) => {
        socket.write(Buffer.concat([Buffer.from(accepted), frame(TEXT, '"a"'), bytes]))
        socket.once('data', () => socket.end())
      })
      const socket = connect(t, build, url, { reconnect: false })
      const { states } = watch(socket)
      await socket.opened
      const found: unknown[] = []
      for await (const message of socket) found.push(message)
      t.strictSame(found, ['a'])
      const { code: found1 } = await socket.closed
      t.ok(found1 === code || found1 === 1006, String(found1))
      t.strictSame(states, ['open', 'closed'])
    })
  }
}

test('pure: more than maxQueued ends the socket, and what waited is delivered', async t => {
  const { url } = await serve(t, socket => { for (let i = 0; i < 20; i++) socket.send('x'.repeat(1000)) })
  const socket = connect(t, PURE, url, { maxQueued: 10_000 })
  const { error } = await socket.closed
  t.match(error, { code: 'FST_ERR_WS_CLIENT_SLOW' })
  const messages = listen(socket)
  await until(() => messages.length > 0)
  t.ok(messages.length > 2 && messages.length < 10, String(messages.length))
})

test('node: more than maxQueued is not read until the consumer has come, and nothing is lost', async t => {
  const count = 3000
  const { url, socket: served } = await serve(t, socket => { for (let i = 0; i < count; i++) socket.send([i, 'x'.repeat(10_000)]) }, {
    ws: { maxBuffered: 2 ** 28, heartbeat: false }
  })
  const socket = connect(t, NODE, url, { maxQueued: 100_000 })
  await socket.opened
  const server = await served(0)
  let before = -1
  while (server.bufferedAmount !== before) {
    before = server.bufferedAmount
    await new Promise(resolve => { setTimeout(resolve, 20) })
  }
  t.ok(before > 10_000_000, `${before} bytes wait at the server`)
  t.equal(socket.state, 'open')
  const messages = listen(socket)
  await until(() => messages.length === count)
  t.strictSame(messages.map(([i]) => i), [...Array(count).keys()])
})

test('a line that can is paused above maxQueued, and goes on when all was taken', async t => {
  const { opened, socket } = stage(t, { pause: true, maxQueued: 1000 })
  const line = await opened()
  while (!line.isPaused) line.json('x'.repeat(100))
  line.json('on its way')
  const messages = socket[Symbol.asyncIterator]()
  await messages.next()
  t.equal(line.isPaused, true)
  for (let message; message !== 'on its way';) ({ value: message } = await messages.next())
  t.equal(line.isPaused, false)
})

test('a line that is not read is not judged, and asked when it is read again', async t => {
  const { opened, socket, clock, states } = stage(t, { pause: true, ping: true, heartbeat: {}, maxQueued: 1000 })
  const line = await opened()
  while (!line.isPaused) line.json('x'.repeat(100))
  await clock.tickAsync(1_000_000)
  t.strictSame(states, ['open'])
  const before = line.pings
  listen(socket)
  await clock.tickAsync(0)
  t.equal(line.isPaused, false)
  t.equal(line.pings, before + 1)
  await clock.tickAsync(5000)
  t.strictSame(states, ['open', 'waiting'])
})

test('a line that is not read is read again for its close', async t => {
  const { opened, socket } = stage(t, { pause: true, maxQueued: 1000 })
  const line = await opened()
  while (!line.isPaused) line.json('x'.repeat(100))
  void socket.close()
  t.equal(line.isPaused, false)
  t.strictSame(line.closing, { code: 1000, reason: '' })
})

test('what waits counts over all lives', async t => {
  const { opened, next, socket } = stage(t, { pause: true, maxQueued: 1000 })
  const first = await opened()
  while (!first.isPaused) first.json('x'.repeat(100))
  first.end()
  const second = (await next()).open()
  t.equal(second.isPaused, true)
  second.json('x')
  const third = (second.end(), await next())
  const messages = listen(socket)
  await turn()
  t.equal(messages.length, 5)
  t.equal(third.open().isPaused, false)
})

test('a consumer that reads on has nothing to do with when the next attempt comes', async t => {
  const { opened, socket, changes } = stage(t, { pause: true, maxQueued: 1000 })
  const line = await opened()
  while (!line.isPaused) line.json('x'.repeat(100))
  listen(socket)
  await turn()
  t.equal(line.isPaused, false)
  line.end()
  t.ok(changes.at(-1)!.delay >= 500, `the next attempt comes after ${changes.at(-1)!.delay} ms`)
})

test('16 MiB may wait', async t => {
  const { opened } = stage(t, { pause: true })
  const line = await opened()
  const text = JSON.stringify('x'.repeat(2 ** 19))
  let count = 0
  while (!line.isPaused) {
    line.owner.onMessage(text)
    count++
  }
  t.equal(count, 16)
})

test('a loop takes thousands of messages that wait, in order', async t => {
  const { opened, socket } = stage(t)
  const line = await opened()
  for (let i = 0; i < 5000; i++) line.json(i)
  let next = 0
  for await (const message of socket) {
    if (message !== next++) throw new Error(`found ${message} in place of ${next - 1}`)
    if (next === 5000) break
  }
  t.equal(next, 5000)
})

test('a message that comes while those that waited are delivered comes after them', async t => {
  const { opened, socket, settle } = stage(t)
  const line = await opened()
  line.json('a')
  line.json('b')
  const heard: unknown[] = []
  socket.on('message', message => {
    heard.push(message)
    if (message === 'a') line.json('c')
  })
  await settle()
  t.strictSame(heard, ['a', 'b', 'c'])
})

test('a listener that leaves while those that waited are delivered leaves the rest to the next one', async t => {
  const { opened, socket, settle } = stage(t)
  const line = await opened()
  for (const name of ['a', 'b', 'c']) line.json(name)
  const heard: unknown[] = []
  const first = (message: unknown): void => {
    heard.push(message)
    socket.off('message', first)
  }
  socket.on('message', first)
  await settle()
  t.strictSame(heard, ['a'])
  const rest = listen(socket)
  await settle()
  t.strictSame(rest, ['b', 'c'])
})
