import { test } from 'tap'
import { frame } from '../support/frames.ts'
import { TEXT } from '../support/opcodes.ts'
import { until } from '../support/until.ts'
import { BUILDS, connect } from './builds.ts'
import { stage } from './fake-line.ts'
import { rawServer } from '../support/raw-server.ts'
import { serve } from './serve.ts'
import { watch } from './watch.ts'

const PINGS = { ping: true, heartbeat: {} }
const TEXTS = { heartbeat: {} }

for (const build of BUILDS) {
  test(`${build.name}: a server that stands still is given up`, async t => {
    const { url, connections } = await rawServer(t, ({ socket, accepted }) => {
      socket.write(accepted)
      // A browser only judges a server that has answered once.
      socket.write(frame(TEXT, ''))
    })
    const socket = connect(t, build, url, { heartbeat: { interval: 30, timeout: 30 } })
    const { changes } = watch(socket)
    await until(() => connections.length > 1)
    t.match(changes[1]!.reason, { code: 1006, initiator: 'local', wasClean: false, error: { code: 'FST_ERR_WS_CLIENT_SILENT' } })
  })

  test(`${build.name}: a server that answers is not given up`, async t => {
    const { url, sockets } = await serve(t)
    const socket = connect(t, build, url, { heartbeat: { interval: 10, timeout: 2000 } })
    const { states } = watch(socket)
    await socket.opened
    await new Promise(resolve => { setTimeout(resolve, 150) })
    t.strictSame(states, ['open'])
    t.equal(sockets.length, 1)
  })
}

test('after 25 s of silence a server is asked, and after 10 s without an answer given up', async t => {
  const { opened, clock, states, changes } = stage(t, PINGS)
  const line = await opened()
  await clock.tickAsync(24_999)
  t.equal(line.pings, 0)
  await clock.tickAsync(1)
  t.equal(line.pings, 1)
  await clock.tickAsync(9999)
  t.strictSame(states, ['open'])
  await clock.tickAsync(1)
  t.strictSame(states, ['open', 'waiting'])
  t.equal(line.isDropped, true)
  t.match(changes[1]!.reason, { code: 1006, error: { code: 'FST_ERR_WS_CLIENT_SILENT' } })
})

for (const [what, answer] of [
  ['a pong', (line: any) => { line.owner.onPong() }], ['a message', (line: any) => { line.json(1) }]
] as const) {
  test(`${what} is an answer, and puts off the next question`, async t => {
    const { opened, clock, states } = stage(t, PINGS)
    const line = await opened()
    for (let i = 1; i < 5; i++) {
      await clock.tickAsync(25_000)
      t.equal(line.pings, i)
      await clock.tickAsync(9000)
      answer(line)
    }
    await clock.tickAsync(20_000)
    answer(line)
    await clock.tickAsync(24_000)
    t.equal(line.pings, 4)
    t.strictSame(states, ['open'])
  })
}

test('a server that talks is not asked', async t => {
  const { opened, clock } = stage(t, PINGS)
  const line = await opened()
  for (let i = 0; i < 100; i++) {
    await clock.tickAsync(20_000)
    line.json(i)
  }
  t.equal(line.pings, 0)
})

test('the times are the user\'s', async t => {
  const { opened, clock, states } = stage(t, { ping: true, heartbeat: { interval: 100, timeout: 50 } })
  const line = await opened()
  await clock.tickAsync(149)
  t.equal(line.pings, 1)
  t.strictSame(states, ['open'])
  await clock.tickAsync(1)
  t.equal(states.at(-1), 'waiting')
})

test('a server that is heard in the very moment in which it would be asked is not', async t => {
  const { line, clock } = stage(t, PINGS)
  const first = await line(0)
  // Due at the same time as the client's own timer, and before it.
  setTimeout(() => first.json(1), 25_000)
  first.open()
  await clock.tickAsync(25_000)
  t.equal(first.pings, 0)
})

test('without a heartbeat nothing is asked, by time or by probe()', async t => {
  const { opened, clock, socket } = stage(t, { ping: true, heartbeat: false })
  const line = await opened()
  await clock.tickAsync(10_000_000)
  socket.probe()
  t.equal(line.pings, 0)
  t.equal(socket.state, 'open')
})

test('a heartbeat ends with the connection, and begins with the next one', async t => {
  const { opened, next, clock, socket } = stage(t, PINGS)
  const first = await opened()
  await clock.tickAsync(20_000)
  first.end()
  const second = (await next()).open()
  await clock.tickAsync(24_000)
  t.equal(second.pings, 0)
  await clock.tickAsync(1000)
  t.equal(second.pings, 1)
  t.equal(first.pings, 0)
  void socket.close()
  second.endAsAsked()
  await socket.closed
  t.equal(clock.countTimers(), 0)
})

test('while it closes, a socket asks nothing', async t => {
  const { opened, clock, socket, states } = stage(t, { ...PINGS, closeTimeout: 100_000 })
  const line = await opened()
  void socket.close()
  await clock.tickAsync(60_000)
  t.equal(line.pings, 0)
  line.owner.onPong()
  await clock.tickAsync(39_000)
  t.strictSame(states, ['open', 'closing'])
})

test('without pings a JSON route is asked by an empty text at once, and when it is silent', async t => {
  const { opened, clock, states } = stage(t, TEXTS)
  const line = await opened()
  t.strictSame(line.sent, [''])
  line.owner.onMessage('')
  await clock.tickAsync(25_000)
  t.strictSame(line.sent, ['', ''])
  await clock.tickAsync(10_000)
  t.equal(states.at(-1), 'waiting')
})

test('an empty text is no message, and no error', async t => {
  const { opened, socket, errors, settle } = stage(t, TEXTS)
  const line = await opened()
  const heard: unknown[] = []
  socket.on('message', message => { heard.push(message) })
  line.owner.onMessage('')
  await settle()
  t.strictSame(heard, [])
  t.strictSame(errors, [])
})

test('without a heartbeat an empty text is no message either', async t => {
  const { opened, errors } = stage(t, { heartbeat: false })
  ;(await opened()).owner.onMessage('')
  t.strictSame(errors, [])
})

test('a server that is silent from the beginning is given up once: then it is one that does not answer', async t => {
  const { opened, next, clock, states } = stage(t, TEXTS)
  await opened()
  await clock.tickAsync(10_000)
  t.strictSame(states, ['open', 'waiting'])
  const second = (await next()).open()
  await clock.tickAsync(1_000_000)
  t.strictSame(states, ['open', 'waiting', 'connecting', 'open'])
  t.ok(second.sent.length > 30, 'that the network may find out')
  t.strictSame(new Set(second.sent), new Set(['']))
})

test('a server that talks and does not know the empty text is given up once, when it falls silent', async t => {
  const { opened, next, clock, states } = stage(t, TEXTS)
  const line = await opened()
  line.json(1)
  await clock.tickAsync(35_000)
  const second = (await next()).open()
  second.json(1)
  await clock.tickAsync(1_000_000)
  t.strictSame(states, ['open', 'waiting', 'connecting', 'open'])
})

test('a server that did not answer at first, and then does, is judged', async t => {
  const { opened, next, clock, states } = stage(t, TEXTS)
  await opened()
  await clock.tickAsync(10_000)
  const line = (await next()).open()
  await clock.tickAsync(100_000)
  line.owner.onMessage('')
  await clock.tickAsync(35_000)
  t.strictSame(states, ['open', 'waiting', 'connecting', 'open', 'waiting'])
})

test('a server that has answered once is known to answer in later lives too', async t => {
  const { opened, next, clock, states } = stage(t, TEXTS)
  const first = await opened()
  first.owner.onMessage('')
  first.end()
  const second = (await next()).open()
  t.strictSame(second.sent, [], 'it need not be asked')
  await clock.tickAsync(35_000)
  t.strictSame(second.sent, [''])
  t.strictSame(states, ['open', 'waiting', 'connecting', 'open', 'waiting'])
})

for (const codec of ['raw', { encode: (x: any) => x, decode: (x: any) => x }] as const) {
  test(`without pings, a route of ${typeof codec === 'string' ? 'raw messages' : 'the user\'s codec'} is not asked, and an empty text is a message`, async t => {
    const { opened, clock, socket, states } = stage(t, { heartbeat: {}, codec })
    const line = await opened()
    const messages = socket[Symbol.asyncIterator]()
    line.owner.onMessage('')
    t.strictSame(await messages.next(), { value: '', done: false })
    await clock.tickAsync(100_000)
    socket.probe()
    await clock.tickAsync(100_000)
    t.strictSame(line.sent, [])
    t.strictSame(states, ['open'])
  })
}

test('probe() asks an open connection, which has 5 s to answer', async t => {
  const { opened, clock, socket, states } = stage(t, PINGS)
  const line = await opened()
  socket.probe()
  t.equal(line.pings, 1)
  await clock.tickAsync(4999)
  t.strictSame(states, ['open'])
  await clock.tickAsync(1)
  t.strictSame(states, ['open', 'waiting'])
})

test('probe() that is answered changes nothing', async t => {
  const { opened, clock, socket, states } = stage(t, PINGS)
  const line = await opened()
  socket.probe()
  line.owner.onPong()
  await clock.tickAsync(24_000)
  t.strictSame(states, ['open'])
  t.equal(line.pings, 1)
})

test('probe() again and again does not put off the end of a dead connection', async t => {
  const { opened, clock, socket, states } = stage(t, PINGS)
  await opened()
  for (let i = 0; i < 10 && socket.state === 'open'; i++) {
    socket.probe()
    await clock.tickAsync(2000)
  }
  t.strictSame(states.slice(0, 2), ['open', 'waiting'])
})

test('a question that is on its way has no more than 5 s left after probe()', async t => {
  const { opened, clock, socket, states } = stage(t, PINGS)
  await opened()
  await clock.tickAsync(25_000)
  socket.probe()
  await clock.tickAsync(5000)
  t.strictSame(states, ['open', 'waiting'])
})

test('probe() makes a socket that waits try at once', async t => {
  const { line, lines, socket, settle, states, clock } = stage(t)
  ;(await line(0)).end()
  await settle()
  socket.probe()
  await settle()
  t.equal(lines.length, 2)
  lines[1]!.open()
  await clock.tickAsync(100_000)
  t.equal(lines.length, 2, 'the attempt that it waited for is off')
  t.strictSame(states, ['waiting', 'connecting', 'open'])
})

for (const status of [429, 503]) {
  test(`an attempt of probe() that is refused with ${status} waits like any other`, async t => {
    const { line, socket, changes, settle } = stage(t)
    ;(await line(0)).end()
    socket.probe()
    const attempt = await line(1)
    attempt.end({ status })
    await settle()
    t.ok(changes.at(-1)!.delay >= 500, `${changes.at(-1)!.delay} ms`)
  })
}

test('probe() does not come before the time that the server has asked for', async t => {
  const { line, lines, socket, settle, clock } = stage(t)
  ;(await line(0)).end({ status: 503, retryAfter: 10_000 })
  await settle()
  await clock.tickAsync(9999)
  socket.probe()
  await settle()
  t.equal(lines.length, 1)
  await clock.tickAsync(1)
  socket.probe()
  await settle()
  t.equal(lines.length, 2)
})

test('probe() while it connects, closes or is closed is nothing', async t => {
  const { line, lines, socket, settle, states } = stage(t, PINGS)
  const only = await line(0)
  socket.probe()
  await settle()
  only.open()
  void socket.close()
  socket.probe()
  only.endAsAsked()
  await socket.closed
  socket.probe()
  await settle()
  t.equal(lines.length, 1)
  t.equal(only.pings, 0)
  t.strictSame(states, ['open', 'closing', 'closed'])
})
