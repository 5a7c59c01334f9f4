import { getEventListeners } from 'node:events'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'tap'
import { until } from '../support/until.ts'
import { BUILDS, connect } from './builds.ts'
import { clientOver } from '../../lib/client/client.ts'
import { stage } from './fake-line.ts'
import { rawServer } from '../support/raw-server.ts'
import { serve } from './serve.ts'
import { watch } from './watch.ts'

for (const build of BUILDS) {
  test(`${build.name}: one socket has several lives, and says which it is in`, async t => {
    const { url, socket: served } = await serve(t)
    const socket = connect(t, build, url)
    const { states, changes } = watch(socket)
    t.equal(socket.state, 'connecting')
    await socket.opened
    t.equal(socket.state, 'open')
    ;(await served(0)).terminate()
    await served(1)
    await until(() => socket.state === 'open')
    t.equal(socket.signal.aborted, false)
    void (await served(1)).close(4400, 'no more')
    const ending = await socket.closed
    t.strictSame(states, ['open', 'waiting', 'connecting', 'open', 'closed'])
    t.match(changes[0], { attempt: 0, delay: 0, reason: null })
    t.match(changes[1], { attempt: 1, reason: { code: 1006, wasClean: false, initiator: 'remote', status: 0 } })
    t.ok(changes[1]!.delay > 0)
    t.match(changes[3], { attempt: 1, delay: 0, reason: { code: 1006 } })
    t.match(ending, { code: 4400, reason: 'no more', wasClean: true, initiator: 'remote', status: 0, body: '', retryAfter: 0, error: null })
    t.equal(changes[4]!.reason, ending)
    t.equal(socket.signal.aborted, true)
    t.equal(socket.signal.reason, ending)
    t.equal(socket.state, 'closed')
    t.equal(socket.protocol, '')
  })

  test(`${build.name}: a server that is not there yet is found when it is there`, async t => {
    const placeholder = createServer().listen(0, '127.0.0.1')
    await once(placeholder, 'listening')
    const { port } = placeholder.address() as { port: number }
    await new Promise(resolve => { placeholder.close(resolve) })
    const socket = connect(t, build, `ws://127.0.0.1:${port}`)
    const { changes, states } = watch(socket)
    await until(() => changes.some(({ attempt }) => attempt > 2))
    t.match(changes[0]!.reason, { code: 1006, status: 0, wasClean: false })
    t.type(changes[0]!.reason!.error, Error)
    await serve(t, () => {}, { port })
    await socket.opened
    t.equal(states.at(-1), 'open')
  })

  test(`${build.name}: the subprotocol is that of the connection`, async t => {
    const { url, socket: served } = await serve(t, () => {}, { ws: { protocols: ['v2', 'v1'] } })
    const offers = [['v1'], ['none', 'v2'], 'v1']
    const socket = connect(t, build, url, { protocols: ({ attempt }) => offers[attempt]! })
    await socket.opened
    t.equal(socket.protocol, 'v1')
    ;(await served(0)).terminate()
    await served(1)
    await until(() => socket.state === 'open')
    t.equal(socket.protocol, 'v2')
  })

  test(`${build.name}: sockets of one client have nothing to do with each other`, async t => {
    const { url, sockets } = await serve(t, (socket, request) => { socket.send(request.query.number) })
    const client = clientOver(build.dial, url, { heartbeat: false })
    const all = await Promise.all(Array.from({ length: 30 }, async (_, number) => {
      const socket = client.connect('/', { query: { number } })
      t.teardown(() => socket.close())
      for await (const message of socket) return { socket, message }
      return null
    }))
    t.strictSame(all.map(one => one!.message), Array.from({ length: 30 }, (_, number) => String(number)))
    t.equal(sockets.length, 30)
  })

  test(`${build.name}: the end of the scope of 'await using' closes`, async t => {
    const { url, socket: served } = await serve(t)
    let left
    {
      await using socket = connect(t, build, url)
      await socket.opened
      left = socket
    }
    t.equal(left.state, 'closed')
    t.match(await (await served(0)).closed, { code: 1000, wasClean: true })
  })

  test(`${build.name}: a signal closes the socket`, async t => {
    const { url, socket: served } = await serve(t)
    const controller = new AbortController()
    const socket = connect(t, build, url, { signal: controller.signal })
    await socket.opened
    controller.abort()
    t.match(await socket.closed, { code: 1000, initiator: 'local' })
    t.match(await (await served(0)).closed, { code: 1000, initiator: 'remote' })
  })

  test(`${build.name}: a signal that has aborted already closes the socket before anything is asked`, async t => {
    const { url, connections } = await rawServer(t)
    const socket = connect(t, build, url, { signal: AbortSignal.abort(), query: () => t.fail('was asked') })
    t.equal(socket.state, 'closed')
    t.match(await socket.closed, { code: 1000, wasClean: false, initiator: 'local' })
    await t.rejects(socket.opened, { code: 'FST_ERR_WS_CLIENT_CLOSED' })
    t.equal(connections.length, 0)
  })
}

test('opened is of the first time, and does not reject for what comes later', async t => {
  const { socket, opened } = stage(t)
  const line = await opened()
  await socket.opened
  line.end({ status: 403 })
  await socket.closed
  await socket.opened
})

test('opened rejects with what has closed the socket before', async t => {
  const { socket, line } = stage(t)
  const error = new Error('no such host')
  ;(await line(0)).end({ status: 404, body: 'not here', error })
  await t.rejects(socket.opened, { code: 'FST_ERR_WS_CLIENT_CLOSED', cause: error })
})

test('opened rejects with the answer of the server where there was one', async t => {
  const { socket, line } = stage(t)
  ;(await line(0)).end({ status: 404, body: 'not here' })
  await t.rejects(socket.opened, { code: 'FST_ERR_WS_CLIENT_CLOSED', cause: { status: 404, body: 'not here' } })
})

test('a signal of the user has no listener of ours once the socket has closed', async t => {
  const { signal } = new AbortController()
  const { socket } = stage(t, { signal })
  t.equal(getEventListeners(signal, 'abort').length, 1)
  await socket.close()
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

test('with `reconnect: false` the first end is final, whatever it is', async t => {
  const { socket, opened, states } = stage(t, { reconnect: false })
  ;(await opened()).end({ code: 1012 })
  t.match(await socket.closed, { code: 1012 })
  t.strictSame(states, ['open', 'closed'])
})

test('with `reconnect: false` the first attempt is the last', async t => {
  const { socket, line, lines } = stage(t, { reconnect: false })
  ;(await line(0)).end({ status: 401 })
  t.match(await socket.closed, { status: 401 })
  t.equal(lines.length, 1)
})
