import { test } from 'tap'
import type { SocketOptions } from 'fastify-sockets'
import { masked } from '../support/frames.ts'
import { CLOSE, PING, TEXT } from '../support/opcodes.ts'
import { pair, serve } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

/** An `onError` that keeps what it was called with. */
function collect (): { errors: any[], options: SocketOptions } {
  const errors: any[] = []
  return { errors, options: { onError: error => { errors.push(error) } } }
}

test('a handler that throws is logged and closes with 1011', async t => {
  const { open, app } = await serve(t, () => { throw new Error('sync') })
  const client = await open()
  t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
  t.match(app.lines.filter(line => line.level >= 50), [
    { level: 50, err: { message: 'sync' }, msg: 'websocket handler failed' }
  ])
})

test('a handler that rejects is logged and closes with 1011', async t => {
  const { open, app } = await serve(t, async () => {
    await turn()
    throw new Error('async')
  })
  const client = await open()
  t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
  t.match(app.lines.filter(line => line.level >= 50), [{ err: { message: 'async' } }])
})

test('what is thrown need not be an error', async t => {
  const { errors, options } = collect()
  const { open } = await serve(t, socket => {
    socket.on('message', message => { throw message === 'null' ? null : message })
  }, options)
  const client = await open()
  client.send(TEXT, 'a string')
  client.send(TEXT, 'null')
  await until(() => errors.length === 2)
  t.strictSame(errors, ['a string', null])
})

test('onError gets the error, the socket and the request, and the connection stays open', async t => {
  const calls: any[][] = []
  const { open } = await serve(t, async socket => {
    socket.on('message', message => { socket.send(message) })
    throw new Error('early')
  }, { onError: (...args) => { calls.push(args) } })
  const client = await open()
  client.send(TEXT, 'still here?')
  t.equal((await client.frame()).payload.toString(), 'still here?')
  t.equal(calls.length, 1)
  const [error, socket, request] = calls[0]!
  t.equal(error.message, 'early')
  t.equal(socket.request, request)
  t.equal(socket.state, 'open')
})

for (const { kind, fail } of [
  { kind: 'throws', fail: (text: string): void => { throw new Error(text) } },
  { kind: 'rejects', fail: async (text: string): Promise<void> => { throw new Error(text) } }
]) {
  test(`a message listener that ${kind} goes to onError, and the next one is called all the same`, async t => {
    const { errors, options } = collect()
    const { open } = await serve(t, socket => {
      socket.on('message', message => fail(`first ${message}`))
      socket.on('message', message => fail(`second ${message}`))
    }, options)
    const client = await open()
    client.write(Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b')]))
    await until(() => errors.length === 4)
    t.strictSame(errors.map(error => error.message), ['first a', 'second a', 'first b', 'second b'])
  })

  test(`a listener added with once() that ${kind} goes to onError`, async t => {
    const { errors, options } = collect()
    const { client, socket } = await pair(t, options)
    socket.once('ping', () => fail('once'))
    client.send(PING)
    await until(() => errors.length === 1)
    t.equal(errors[0].message, 'once')
  })

  test(`a close listener that ${kind} goes to onError, whether added in time or late`, async t => {
    const { errors, options } = collect()
    const { client, socket } = await pair(t, options)
    socket.on('close', () => fail('in time'))
    client.send(CLOSE)
    await socket.closed
    socket.on('close', () => fail('late'))
    await until(() => errors.length === 2)
    t.strictSame(errors.map(error => error.message), ['in time', 'late'])
  })

  test(`an error listener that ${kind} goes to onError, and the violation still ends the connection`, async t => {
    const { errors, options } = collect()
    const { client, socket } = await pair(t, options)
    socket.on('error', error => fail(`listener of ${(error as any).code}`))
    client.write(masked(3))
    t.equal((await client.close()).code, 1002)
    await until(() => errors.length === 1)
    t.equal(errors[0].message, 'listener of FST_ERR_WS_PROTOCOL')
  })

  test(`ping, pong and drain listeners that ${kind === 'throws' ? 'throw' : 'reject'} go to onError`, async t => {
    const { errors, options } = collect()
    const { client, socket } = await pair(t, { ...options, highWaterMark: 0 })
    socket.on('ping', () => fail('ping')).on('pong', () => fail('pong')).on('drain', () => fail('drain'))
    client.write(Buffer.concat([masked(PING), masked(10)]))
    await until(() => errors.length >= 2)
    t.strictSame(errors.map(error => error.message).filter(text => text !== 'drain'), ['ping', 'pong'])
  })

  test(`an onError that ${kind} is logged and closes with 1011`, async t => {
    const { open, app } = await serve(t, () => { throw new Error('first') }, { onError: () => fail('in onError') })
    const client = await open()
    t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
    t.match(app.lines.filter(line => line.level >= 50), [{ err: { message: 'in onError' } }])
  })
}

test('without onError a listener that fails closes with 1011', async t => {
  const { client, socket } = await pair(t)
  socket.on('message', () => { throw new Error('no') })
  client.send(TEXT, 'x')
  t.equal((await client.close()).code, 1011)
})

test('a failure after the connection has closed is logged and changes nothing', async t => {
  const { client, socket, app } = await pair(t)
  socket.on('close', () => { throw new Error('too late') })
  client.send(CLOSE)
  const info = await socket.closed
  t.equal(info.code, 1005)
  await turn()
  t.match(app.lines.filter(line => line.level >= 50), [{ err: { message: 'too late' } }])
  t.equal(socket.state, 'closed')
})

test('onError may close with a code of its own', async t => {
  const { open } = await serve(t, () => { throw new Error('mine') }, {
    onError: (error, socket) => socket.close(4000, (error as Error).message)
  })
  const client = await open()
  t.strictSame(await client.close(), { code: 4000, reason: 'mine' })
})

test('a mistaken call in the handler goes to onError with its own code', async t => {
  const { errors, options } = collect()
  const { open } = await serve(t, socket => { socket.send(42) }, options)
  await open()
  t.equal(errors[0].code, 'FST_ERR_WS_SEND_TYPE')
})

test('a rejection of drained() that the handler does not catch is no failure of the handler', async t => {
  const { errors, options } = collect()
  const chunk = Buffer.alloc(65_536)
  let left = false
  const { open, app } = await serve(t, async socket => {
    try {
      // Bounded: a send() that never says false must fail this test and not hang it.
      for (let sent = 0; sent < 10_000 && socket.state === 'open'; sent++) {
        if (!socket.send(chunk)) await socket.drained()
      }
      t.fail('drained() was to reject')
    } finally {
      left = true
    }
  }, options)
  const client = await open()
  client.socket.pause()
  await turn()
  client.reset()
  await until(() => left && app.sockets.size === 0)
  await turn()
  t.strictSame(errors, [])
})
