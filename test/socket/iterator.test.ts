import { test } from 'tap'
import { closeBody, masked } from '../support/frames.ts'
import { CLOSE, TEXT } from '../support/opcodes.ts'
import { codeOf, iterate, pair, serve } from '../support/serve.ts'
import { turn as eventLoop } from '../../lib/connection/turn.ts'
import { turn, until } from '../support/until.ts'

test('a loop gets the messages in order, those that waited first, and ends when the peer closes', async t => {
  const { client, socket, app } = await pair(t)
  client.send(TEXT, 'a')
  client.send(TEXT, 'b')
  await until(() => app.sockets.stats().messagesIn === 2)
  const found: unknown[] = []
  for await (const message of socket) {
    found.push(message)
    if (message !== 'b') continue
    client.write(Buffer.concat([masked(TEXT, 'c'), masked(TEXT, 'd'), masked(CLOSE, closeBody(1000))]))
  }
  t.strictSame(found, ['a', 'b', 'c', 'd'])
  t.match(await socket.closed, { code: 1000, wasClean: true, initiator: 'remote' })
})

test('a loop begun after the connection has ended gets what waited and ends', async t => {
  const { client, socket } = await pair(t)
  client.send(TEXT, 'kept')
  client.send(CLOSE)
  await socket.closed
  const found = []
  for await (const message of socket) found.push(message)
  t.strictSame(found, ['kept'])
})

test('break closes with 1000', async t => {
  const { open } = await serve(t, async socket => {
    for await (const message of socket) {
      if (message === 'stop') break
    }
  })
  const client = await open()
  client.send(TEXT, 'stop')
  t.strictSame(await client.close(), { code: 1000, reason: '' })
})

test('return closes with 1000', async t => {
  const { open } = await serve(t, async socket => {
    for await (const message of socket) return message
    return null
  })
  const client = await open()
  client.send(TEXT, 'stop')
  t.strictSame(await client.close(), { code: 1000, reason: '' })
})

test('an error thrown in the body closes with 1011 and is logged', async t => {
  const { open, app } = await serve(t, async socket => {
    for await (const message of socket) throw new Error(`cannot do ${message}`)
  })
  const client = await open()
  client.send(TEXT, 'this')
  t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
  t.match(app.lines.filter(line => line.level >= 50), [
    { level: 50, err: { message: 'cannot do this' }, msg: 'websocket handler failed' }
  ])
})

test('an error thrown in the body of a loop in a nested async function closes with 1011', async t => {
  async function innermost (socket: AsyncIterable<string>): Promise<void> {
    for await (const message of socket) throw new Error(message)
  }
  async function inner (socket: AsyncIterable<string>): Promise<void> {
    try {
      await innermost(socket)
    } finally {
      await Promise.resolve()
    }
  }
  const { open } = await serve(t, async socket => { await inner(socket) })
  const client = await open()
  client.send(TEXT, 'deep')
  t.equal((await client.close()).code, 1011)
})

test('a rejection awaited in the body closes with 1011', async t => {
  const { open } = await serve(t, async socket => {
    for await (const _message of socket) {
      await turn()
      await Promise.reject(new Error('later'))
    }
  })
  const client = await open()
  client.send(TEXT, 'x')
  t.equal((await client.close()).code, 1011)
})

test('an error that the handler itself catches outside the loop leaves 1000', async t => {
  const { open, app } = await serve(t, async socket => {
    try {
      for await (const message of socket) throw new Error(message)
    } catch {}
  })
  const client = await open()
  client.send(TEXT, 'x')
  t.strictSame(await client.close(), { code: 1000, reason: '' })
  t.strictSame(app.lines.filter(line => line.level >= 50), [])
})

test('an error caught inside the body lets the loop go on', async t => {
  const { client, socket } = await pair(t)
  client.write(Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b'), masked(CLOSE)]))
  const found = []
  for await (const message of socket) {
    try {
      throw new Error(message)
    } catch (error) {
      found.push((error as Error).message)
    }
  }
  t.strictSame(found, ['a', 'b'])
  t.equal((await socket.closed).code, 1005)
})

test('an iterator that was left is at its end, though messages still came', async t => {
  const { client, socket, app } = await pair(t)
  client.write(Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b')]))
  const iterator = iterate(t, socket)
  t.strictSame(await iterator.next(), { done: false, value: 'a' })
  await until(() => app.sockets.stats().messagesIn === 2)
  t.strictSame(await iterator.return?.(), { done: true, value: undefined })
  t.strictSame(await iterator.next(), { done: true, value: undefined })
  t.strictSame(await client.close(), { code: 1000, reason: '' })
})

test('close() in the body ends the loop, whatever still waits', async t => {
  const { client, socket } = await pair(t)
  client.write(Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b'), masked(TEXT, 'c')]))
  const found = []
  for await (const message of socket) {
    found.push(message)
    socket.close(4001, 'enough')
  }
  t.strictSame(found, ['a'])
  t.strictSame(await client.close(), { code: 4001, reason: 'enough' })
})

test('close() from elsewhere ends a loop that waits for a message', async t => {
  const { client, socket } = await pair(t)
  const loop = (async () => {
    for await (const _message of socket) t.fail('there was no message')
    return 'ended'
  })()
  await turn()
  socket.close(4002)
  t.equal(await loop, 'ended')
  t.equal((await client.close()).code, 4002)
})

test('terminate() in the body ends the loop', async t => {
  const { client, socket } = await pair(t)
  client.write(Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b')]))
  const found = []
  for await (const message of socket) {
    found.push(message)
    socket.terminate()
  }
  t.strictSame(found, ['a'])
  t.match(await socket.closed, { code: 1006, initiator: 'local' })
})

test('a loop that waits ends when the connection is reset', async t => {
  const { client, socket } = await pair(t)
  const loop = (async () => {
    for await (const _message of socket) t.fail('there was no message')
    return 'ended'
  })()
  client.reset()
  t.equal(await loop, 'ended')
})

test('while the body works messages wait, and past maxQueued reading pauses until half of them are taken', async t => {
  // Otherwise the body may wait for its turn.
  t.intercept(eventLoop, 'isOver', { value: false })
  const { client, socket, app } = await pair(t, { maxQueued: 1000 })
  const total = 50
  const sent = Buffer.concat(Array.from({ length: total }, (_, i) => masked(TEXT, String.fromCharCode(i + 48))))
  const { stats } = app.sockets
  const found: string[] = []
  const ahead: number[] = []
  client.write(sent)
  for await (const message of socket) {
    if (found.length === 0) await until(() => stats().bytesIn === sent.length)
    found.push(message)
    ahead.push(stats().messagesIn - found.length)
    if (found.length === total) break
  }
  t.strictSame(found, Array.from({ length: total }, (_, i) => String.fromCharCode(i + 48)))
  t.ok(Math.max(...ahead) <= 10, 'ten messages of 101 bytes are more than 1000')
  t.ok(ahead.slice(0, 30).includes(5), 'reading goes on when the queue is down to half, not with every message')
  t.notOk(ahead.slice(0, 30).some(count => count < 4), 'the body never has to wait for what could have been read')
})

test('a socket has one loop at a time', async t => {
  const { socket } = await pair(t)
  socket[Symbol.asyncIterator]()
  t.equal(await codeOf(() => socket[Symbol.asyncIterator]()), 'FST_ERR_WS_TWO_CONSUMERS')
})

test('a socket with a message listener cannot be iterated', async t => {
  const { socket } = await pair(t)
  socket.on('message', () => {})
  t.equal(await codeOf(() => socket[Symbol.asyncIterator]()), 'FST_ERR_WS_TWO_CONSUMERS')
})

test('a socket that is iterated takes no message listener, and the refused one is not added', async t => {
  const { socket } = await pair(t)
  socket[Symbol.asyncIterator]()
  t.equal(await codeOf(() => socket.on('message', () => {})), 'FST_ERR_WS_TWO_CONSUMERS')
  t.equal(await codeOf(() => socket.once('message', () => {})), 'FST_ERR_WS_TWO_CONSUMERS')
  t.equal(socket.listenerCount('message'), 0)
})

test('removing a listener that was never added does not free a socket that is iterated', async t => {
  const { socket, client } = await pair(t)
  const iterator = iterate(t, socket)
  socket.off('message', () => {})
  t.equal(await codeOf(() => socket.on('message', () => {})), 'FST_ERR_WS_TWO_CONSUMERS')
  client.send(TEXT, 'still mine')
  t.strictSame(await iterator.next(), { done: false, value: 'still mine' })
})

test('a second next() before the first has its message is refused, and the first still gets it', async t => {
  const { socket, client } = await pair(t)
  const iterator = iterate(t, socket)
  const first = iterator.next()
  t.equal(await codeOf(() => iterator.next()), 'FST_ERR_WS_TWO_CONSUMERS')
  client.send(TEXT, 'a')
  t.strictSame(await first, { done: false, value: 'a' })
})

test('a next() from inside of the refusal that another one meets comes second: thousands of them are not one in the other', async t => {
  let depth = 0
  let deepest = 0
  const codes = new Set<string>()
  const { socket, client, app } = await pair(t, {
    maxQueued: 4 * 1024 * 1024,
    onInvalidMessage: async () => {
      deepest = Math.max(deepest, ++depth)
      const second = iterator.next()
      depth--
      await second.catch(error => { codes.add(error.code) })
    }
  }, { schema: { message: { type: 'integer' } } })
  const iterator = iterate(t, socket)
  client.write(Buffer.concat([...Array(5000).fill(masked(TEXT, '{}')), masked(TEXT, '1')]))
  await until(() => app.sockets.stats().messagesIn === 5001)
  t.strictSame(await iterator.next(), { done: false, value: 1 })
  t.equal(deepest, 1)
  t.strictSame([...codes], ['FST_ERR_WS_TWO_CONSUMERS'])
})

test('a socket may be iterated after its listeners are gone', async t => {
  const { socket, client } = await pair(t)
  const greeting = new Promise(resolve => { socket.once('message', resolve) })
  client.send(TEXT, 'hello')
  t.equal(await greeting, 'hello')
  client.send(TEXT, 'next')
  for await (const message of socket) {
    t.equal(message, 'next')
    break
  }
})

test('after its end an iterator stays at its end', async t => {
  const { socket, client } = await pair(t)
  const iterator = iterate(t, socket)
  client.send(CLOSE)
  t.strictSame(await iterator.next(), { done: true, value: undefined })
  t.strictSame(await iterator.next(), { done: true, value: undefined })
  t.strictSame(await iterator.return?.(), { done: true, value: undefined })
  t.equal((await socket.closed).code, 1005, 'leaving a loop that is over closes nothing')
})
