import { test } from 'tap'
import { BUILDS, connect } from './builds.ts'
import { stage } from './fake-line.ts'
import { rawServer } from '../support/raw-server.ts'
import { serve } from './serve.ts'
import { until } from '../support/until.ts'
import { listen, watch } from './watch.ts'

for (const build of BUILDS) {
  test(`${build.name}: close() closes for good, and both sides know the code and the reason`, async t => {
    const { url, socket: served, sockets } = await serve(t)
    const socket = connect(t, build, url)
    const { states } = watch(socket)
    await socket.opened
    const server = await served(0)
    const closed = socket.close(4999, 'done')
    t.equal(socket.state, 'closing')
    t.match(await closed, { code: 4999, reason: 'done', wasClean: true, initiator: 'local', status: 0, error: null })
    t.match(await server.closed, { code: 4999, reason: 'done', wasClean: true, initiator: 'remote' })
    t.equal(await socket.close(4000), await socket.closed, 'nothing changes it')
    t.strictSame(states, ['open', 'closing', 'closed'])
    t.equal(sockets.length, 1)
  })

  test(`${build.name}: close() without a code is 1000`, async t => {
    const { url, socket: served } = await serve(t)
    const socket = connect(t, build, url)
    await socket.opened
    t.match(await socket.close(), { code: 1000, reason: '' })
    t.match(await (await served(0)).closed, { code: 1000, reason: '' })
  })

  for (const [what, reason, cut] of [
    ['of ASCII', 'x'.repeat(200), 'x'.repeat(123)],
    ['of three bytes each', '€'.repeat(42), '€'.repeat(41)],
    ['of four bytes each', 'a' + '😀'.repeat(40), 'a' + '😀'.repeat(30)],
    ['that just fit', 'é'.repeat(61) + 'x', 'é'.repeat(61) + 'x']
  ] as const) {
    test(`${build.name}: a reason of characters ${what} is cut between them, to 123 bytes`, async t => {
      const { url, socket: served } = await serve(t)
      const socket = connect(t, build, url)
      await socket.opened
      const { reason: own } = await socket.close(1000, reason)
      t.equal((await (await served(0)).closed).reason, cut)
      t.equal(own, cut)
    })
  }

  test(`${build.name}: close() while it connects cuts the connection at once`, async t => {
    const { url, connection } = await rawServer(t)
    const socket = connect(t, build, url)
    const { states } = watch(socket)
    const { socket: server } = await connection(0)
    const closed = socket.close(4001, 'changed my mind')
    t.equal(socket.state, 'closed')
    t.match(await closed, { code: 4001, reason: 'changed my mind', wasClean: false, initiator: 'local' })
    await until(() => server.destroyed)
    t.strictSame(states, ['closed'])
    await t.rejects(socket.opened, { code: 'FST_ERR_WS_CLIENT_CLOSED' })
  })

  test(`${build.name}: a server that does not answer the close is left after closeTimeout`, async t => {
    const { url } = await rawServer(t, ({ socket, accepted }) => { socket.write(accepted) })
    const socket = connect(t, build, url, { closeTimeout: 30 })
    await socket.opened
    const start = performance.now()
    t.match(await socket.close(4000, 'bye'), { code: 4000, reason: 'bye', wasClean: false, initiator: 'local' })
    t.ok(performance.now() - start > 20)
  })

  test(`${build.name}: a server that accepts a connection and says nothing is left after connectTimeout`, async t => {
    const { url, connection } = await rawServer(t)
    const socket = connect(t, build, url, { connectTimeout: 30 })
    const { changes } = watch(socket)
    const { socket: server } = await connection(0)
    await until(() => server.destroyed)
    await connection(1)
    t.match(changes[0], { attempt: 1, reason: { code: 1006, status: 0, initiator: 'local', error: { code: 'FST_ERR_WS_CLIENT_TIMEOUT' } } })
  })

  test(`${build.name}: a server that says nothing but the beginning of its answer is left too`, async t => {
    const { url, connection } = await rawServer(t, ({ socket, accepted }) => { socket.write(accepted.slice(0, 40)) })
    const socket = connect(t, build, url, { connectTimeout: 30 })
    const { changes } = watch(socket)
    await connection(1)
    t.match(changes[0]!.reason, { error: { code: 'FST_ERR_WS_CLIENT_TIMEOUT' } })
  })

  test(`${build.name}: how the server closes is told, and what came before is delivered`, async t => {
    const { url } = await serve(t, socket => {
      socket.send('last words')
      void socket.close(4403, 'not for you')
    })
    const socket = connect(t, build, url)
    const heard = listen(socket)
    t.match(await socket.closed, { code: 4403, reason: 'not for you', wasClean: true, initiator: 'remote', status: 0 })
    t.strictSame(heard, ['last words'])
  })
}

for (const code of [0, 999, 1001, 1002, 1005, 1006, 1015, 2000, 2999, 5000, 3000.5, Number.NaN, '1000', '3001', null] as number[]) {
  test(`close(${JSON.stringify(code)}) throws and changes nothing`, async t => {
    const { socket, opened } = stage(t)
    t.throws(() => socket.close(code), { code: 'FST_ERR_WS_CLIENT_CLOSE' })
    const line = await opened()
    t.throws(() => socket.close(code), { code: 'FST_ERR_WS_CLIENT_CLOSE' })
    t.equal(line.closing, null)
    t.equal(socket.state, 'open')
  })
}

for (const code of [1000, 3000, 3999, 4000, 4999]) {
  test(`close(${code}) is right`, async t => {
    const { socket, opened } = stage(t)
    const line = await opened()
    void socket.close(code)
    t.strictSame(line.closing, { code, reason: '' })
  })
}

for (const [reason, text] of [[42, '42'], [null, 'null'], [{}, '[object Object]']] as unknown as Array<[string, string]>) {
  test(`the reason ${JSON.stringify(reason)} is a text like others`, async t => {
    const { socket, opened } = stage(t)
    const line = await opened()
    void socket.close(1000, reason)
    t.strictSame(line.closing, { code: 1000, reason: text })
  })
}

test('close() while it waits ends the waiting, and no attempt follows', async t => {
  const { socket, line, lines, states, settle, clock } = stage(t)
  ;(await line(0)).end()
  await settle()
  t.equal(socket.state, 'waiting')
  t.match(await socket.close(3001), { code: 3001, wasClean: false, initiator: 'local' })
  await clock.tickAsync(100_000)
  t.equal(lines.length, 1)
  t.strictSame(states, ['waiting', 'closed'])
  t.equal(clock.countTimers(), 0)
})

test('close() while it closes waits for the same end, and the first code counts', async t => {
  const { socket, opened, clock } = stage(t)
  const line = await opened()
  const both = Promise.all([socket.close(4000, 'first'), socket.close(4001, 'second')])
  t.strictSame(line.closing, { code: 4000, reason: 'first' })
  await clock.tickAsync(4000)
  line.endAsAsked()
  const [first, second] = await both
  t.match(first, { code: 4000, reason: 'first' })
  t.equal(second, first)
  t.equal(clock.countTimers(), 0)
})

test('closeTimeout is 5 s', async t => {
  const { socket, opened, clock } = stage(t)
  const line = await opened()
  void socket.close()
  await clock.tickAsync(4999)
  t.equal(socket.state, 'closing')
  await clock.tickAsync(1)
  t.equal(socket.state, 'closed')
  t.equal(line.isDropped, true)
})

test('connectTimeout is 20 s, and counts the functions too', async t => {
  const { socket, clock, lines, settle, changes } = stage(t, {
    query: async () => {
      await new Promise(resolve => { setTimeout(resolve, 15_000) })
      return {}
    }
  })
  await settle()
  await clock.tickAsync(15_000)
  t.equal(lines.length, 1)
  await clock.tickAsync(4999)
  t.equal(socket.state, 'connecting')
  await clock.tickAsync(1)
  t.equal(socket.state, 'waiting')
  t.equal(lines[0]!.isDropped, true)
  t.match(changes[0]!.reason, { error: { code: 'FST_ERR_WS_CLIENT_TIMEOUT', message: 'no answer' } })
})

test('an end that comes during the closing handshake is final, whatever its code', async t => {
  const { socket, opened, states } = stage(t)
  const line = await opened()
  void socket.close()
  line.end({ code: 1012 })
  t.match(await socket.closed, { code: 1012 })
  t.strictSame(states, ['open', 'closing', 'closed'])
})

test('close() in the turn of connect() asks nothing and connects to nothing', async t => {
  const { socket, lines, settle } = stage(t, { query: () => t.fail('was asked') })
  void socket.close()
  await settle()
  t.equal(lines.length, 0)
})

test('messages that wait when the server ends the socket are delivered, those that wait at close() are not', async t => {
  const one = stage(t)
  const first = await one.opened()
  first.json('kept')
  first.end({ code: 1000 })
  const heard = listen(one.socket)
  await one.settle()
  t.strictSame(heard, ['kept'])
})

test('messages that wait at close() are not delivered', async t => {
  const { socket, opened, settle } = stage(t)
  const line = await opened()
  line.json('gone')
  void socket.close()
  const heard = listen(socket)
  line.json('late')
  line.endAsAsked()
  await socket.closed
  await settle()
  t.strictSame(heard, [])
})
