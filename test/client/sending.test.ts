import { test } from 'tap'
import { until } from '../support/until.ts'
import { BUILDS, connect } from './builds.ts'
import { stage } from './fake-line.ts'
import { rawServer } from '../support/raw-server.ts'
import { serve } from './serve.ts'

for (const build of BUILDS) {
  test(`${build.name}: what is sent while there is no connection is dropped, and says so; what was sent arrives in order`, async t => {
    const { url, heard, socket: served } = await serve(t)
    const socket = connect(t, build, url)
    t.equal(socket.send('early'), 'dropped')
    await socket.opened
    for (let i = 0; i < 100; i++) t.equal(socket.send(i), 'sent')
    await served(0)
    await until(() => heard[0]!.length === 100)
    t.strictSame(heard[0], [...Array(100).keys()])
    await socket.close()
    t.equal(socket.send('late'), 'dropped')
  })

  test(`${build.name}: the queue goes first, then what listeners of the state send, then the rest`, async t => {
    const { url, heard, socket: served } = await serve(t)
    const socket = connect(t, build, url, { queue: true })
    socket.on('state', state => { if (state === 'open') socket.send('on open') })
    t.equal(socket.send('first'), 'queued')
    t.equal(socket.send('second'), 'queued')
    await socket.opened
    t.equal(socket.send('third'), 'sent')
    await served(0)
    await until(() => heard[0]!.length === 4)
    t.strictSame(heard[0], ['first', 'second', 'on open', 'third'])
  })

  test(`${build.name}: a message that was handed to a connection is never sent again; one of the time between goes over the next`, async t => {
    const { url, heard, socket: served } = await serve(t)
    const socket = connect(t, build, url, { queue: true })
    socket.on('state', state => {
      if (state === 'waiting') t.equal(socket.send('between'), 'queued')
    })
    await socket.opened
    t.equal(socket.send('handed'), 'sent')
    const first = await served(0)
    first.terminate()
    await served(1)
    await until(() => heard[1]!.length === 1)
    socket.send('last')
    await until(() => heard[1]!.length === 2)
    t.strictSame(heard[1], ['between', 'last'])
  })

  test(`${build.name}: bytes that wait to be written are told`, async t => {
    const { url } = await rawServer(t, ({ socket, accepted }) => { socket.pause().write(accepted) })
    const socket = connect(t, build, url, { codec: 'raw', closeTimeout: 1, heartbeat: false })
    t.equal(socket.bufferedAmount, 0)
    await socket.opened
    const chunk = new Uint8Array(1_000_000)
    for (let i = 0; i < 40; i++) socket.send(chunk)
    const amount = socket.bufferedAmount
    t.ok(amount > 1_000_000)
    socket.send(chunk)
    t.ok(socket.bufferedAmount >= amount + 1_000_000)
    await socket.close()
    t.equal(socket.bufferedAmount, 0)
  })
}

test('a full queue takes no more, and what waits in it stays', async t => {
  const { socket, opened, drops } = stage(t, { queue: { bytes: 280 } })
  t.equal(socket.send('123'), 'queued')
  t.equal(socket.send('456'), 'queued')
  t.equal(socket.send('7'), 'dropped')
  t.strictSame((await opened()).sent, ['"123"', '"456"'])
  t.strictSame(drops, [], 'who called `send` knows it already')
})

test('the queue has room again when it has gone', async t => {
  const { socket, opened, settle } = stage(t, { queue: { bytes: 150 } })
  socket.send('123')
  const line = await opened()
  line.end()
  await settle()
  t.equal(socket.send('456'), 'queued')
  t.equal(socket.send('7'), 'dropped')
})

test('the queue counts what text and bytes occupy in memory, and something for each message', async t => {
  const { socket } = stage(t, { queue: { bytes: 1000 }, codec: 'raw' })
  t.equal(socket.send('x'.repeat(500)), 'dropped')
  t.equal(socket.send(new Uint8Array(1000)), 'dropped')
  t.equal(socket.send('x'.repeat(100)), 'queued')
  t.equal(socket.send(new ArrayBuffer(300)), 'queued')
  t.equal(socket.send(new Uint8Array(300)), 'dropped')
  t.equal(socket.send(''), 'queued')
})

test('many empty messages are not free', async t => {
  const { socket } = stage(t, { queue: true, codec: 'raw' })
  let sent = 0
  while (sent < 1_000_000 && socket.send('') === 'queued') sent++
  t.ok(sent < 1_000_000, 'a million empty messages waited')
})

test('a message that is too old is dropped when its time has come', async t => {
  const { socket, opened, drops, clock } = stage(t, { queue: { age: 1000 }, connectTimeout: 100_000 })
  socket.send('old')
  await clock.tickAsync(600)
  socket.send('young')
  await clock.tickAsync(600)
  t.strictSame(drops, ['old'])
  t.strictSame((await opened()).sent, ['"young"'])
  await clock.tickAsync(5000)
  t.strictSame(drops, ['old'])
})

test('a minute is too old, a quarter of a megabyte is full', async t => {
  const { socket, drops, clock } = stage(t, { queue: true, codec: 'raw', connectTimeout: 100_000 })
  t.equal(socket.send(new Uint8Array(256 * 1024 + 1)), 'dropped')
  socket.send('a')
  await clock.tickAsync(59_000)
  t.strictSame(drops, [])
  await clock.tickAsync(2000)
  t.strictSame(drops, ['a'])
})

test('a listener of `drop` that sends again leaves no timer behind', async t => {
  const { socket, clock } = stage(t, { queue: { age: 5000 }, connectTimeout: 1e6, route: '/' })
  socket.on('drop', message => { if (socket.state === 'connecting') socket.send(message) })
  socket.send('again')
  await clock.tickAsync(5000)
  void socket.close()
  t.equal(clock.countTimers(), 0)
})

test('what waits in the queue is dropped in order when the socket closes', async t => {
  const { socket, line, drops } = stage(t, { queue: true })
  await line(0)
  const values = [{ a: 1 }, 'b', [3]]
  for (const value of values) socket.send(value)
  await socket.close()
  t.strictSame(drops, values)
  t.equal(drops[0], values[0], 'the message itself, as it was sent')
  t.equal(socket.send('late'), 'dropped')
})

test('a listener of `drop` that sends and closes has no effect on the others', async t => {
  const { socket, line, drops } = stage(t, { queue: true })
  await line(0)
  socket.on('drop', () => {
    t.equal(socket.send('again'), 'dropped')
    void socket.close()
  })
  socket.send('a')
  socket.send('b')
  await socket.close()
  t.strictSame(drops, ['a', 'b'])
})

test('a message is what it was when it was sent', async t => {
  const { socket, opened } = stage(t, { queue: true })
  const message = { a: 1 }
  socket.send(message)
  message.a = 2
  t.strictSame((await opened()).sent, ['{"a":1}'])
})

for (const [what, bytes] of [
  ['a Uint8Array', new Uint8Array([1, 2, 3])],
  ['a Buffer', Buffer.from([1, 2, 3])],
  ['an ArrayBuffer', new Uint8Array([1, 2, 3]).buffer],
  ['a part of a larger one', new Uint8Array([0, 1, 2, 3, 4]).subarray(1, 4)]
] as const) {
  test(`${what} in the queue is what it was when it was sent`, async t => {
    const { socket, opened } = stage(t, { queue: true, codec: 'raw' })
    socket.send(bytes)
    new Uint8Array(bytes instanceof ArrayBuffer ? bytes : bytes.buffer).fill(9)
    const [sent] = (await opened()).sent
    t.strictSame([...sent as Uint8Array], [1, 2, 3])
  })
}

for (const [what, message] of [
  ['an ArrayBuffer', () => new ArrayBuffer(300)], ['a Uint8Array', () => new Uint8Array(300)]
] as const) {
  test(`${what} that was transferred to somebody else cannot be sent, and takes no room in the queue`, async t => {
    const { socket, opened } = stage(t, { queue: { bytes: 1000 }, codec: 'raw' })
    const gone = message()
    structuredClone(gone, { transfer: [gone instanceof ArrayBuffer ? gone : gone.buffer] })
    for (let i = 0; i < 10; i++) t.throws(() => socket.send(gone), { code: 'FST_ERR_WS_CLIENT_SEND', cause: TypeError })
    t.equal(socket.send(new Uint8Array(300)), 'queued')
    const line = await opened()
    t.throws(() => socket.send(gone), { code: 'FST_ERR_WS_CLIENT_SEND' })
    t.equal(line.sent.length, 1)
  })
}

test('nothing is sent between `close()` and the end', async t => {
  const { socket, opened } = stage(t, { queue: true })
  const line = await opened()
  void socket.close()
  t.equal(socket.send('late'), 'dropped')
  line.endAsAsked()
  await socket.closed
  t.strictSame(line.sent, [])
})

const circle: Record<string, unknown> = {}
circle.circle = circle
for (const [what, message] of [
  ['a bigint', 1n], ['undefined', undefined], ['a function', () => {}], ['a symbol', Symbol('a')], ['a circle', circle],
  ['a toJSON that throws', { toJSON () { throw new Error('mine') } }], ['a toJSON of nothing', { toJSON () {} }]
] as const) {
  test(`send() throws for ${what}, whatever the state`, async t => {
    const { socket, opened } = stage(t, { queue: true })
    t.throws(() => socket.send(message), { code: 'FST_ERR_WS_CLIENT_SEND' })
    const line = await opened()
    t.throws(() => socket.send(message), { code: 'FST_ERR_WS_CLIENT_SEND' })
    t.strictSame(line.sent, [])
    t.equal(socket.state, 'open')
  })
}
