import { test } from 'tap'
import { masked } from '../support/frames.ts'
import { TEXT } from '../support/opcodes.ts'
import { pair } from '../support/serve.ts'
import { turn } from '../support/until.ts'

for (const { name, args, code } of [
  { name: 'null for a reason', args: [1000, null], code: 'FST_ERR_WS_CLOSE_REASON' },
  { name: 'a number for a reason', args: [1000, 42], code: 'FST_ERR_WS_CLOSE_REASON' },
  { name: 'an Error for a reason', args: [4000, new Error('why')], code: 'FST_ERR_WS_CLOSE_REASON' },
  { name: 'a symbol for a reason', args: [4000, Symbol('why')], code: 'FST_ERR_WS_CLOSE_REASON' },
  { name: 'bytes for a reason', args: [4000, Buffer.from('why')], code: 'FST_ERR_WS_CLOSE_REASON' },
  { name: 'null for a code', args: [null], code: 'FST_ERR_WS_CLOSE_CODE' },
  { name: 'a symbol for a code', args: [Symbol('code')], code: 'FST_ERR_WS_CLOSE_CODE' },
  { name: 'a code in a string', args: ['1000', 'why'], code: 'FST_ERR_WS_CLOSE_CODE' }
] as Array<{ name: string, args: any[], code: string }>) {
  test(`close() refuses ${name} before it does anything`, async t => {
    const { client, socket, app } = await pair(t)
    client.write(Buffer.concat([masked(TEXT, 'waits'), masked(TEXT, 'too')]))
    while (app.sockets.stats().messagesIn < 2) await turn()
    t.throws(() => socket.close(...args), { code })
    t.equal(socket.state, 'open')
    const found: unknown[] = []
    for await (const message of socket) {
      found.push(message)
      if (found.length === 2) break
    }
    t.strictSame(found, ['waits', 'too'], 'what waits is not lost')
    t.equal((await client.close()).code, 1000)
  })
}

test('the arguments of close() are checked the same when closing has begun, and after the end', async t => {
  const { client, socket } = await pair(t)
  const refused = (): void => {
    t.throws(() => socket.close(1000, Buffer.from('why') as any), { code: 'FST_ERR_WS_CLOSE_REASON' }, socket.state)
    t.throws(() => socket.close(1005), { code: 'FST_ERR_WS_CLOSE_CODE' }, socket.state)
  }
  refused()
  const closed = socket.close(4000)
  refused()
  await client.close()
  client.send(8)
  t.equal((await closed).code, 4000)
  refused()
  t.equal(await socket.close(1000, 'why'), await closed)
})

test('a reason may be left out or be undefined', async t => {
  const { client, socket } = await pair(t)
  socket.close(undefined, undefined)
  t.strictSame(await client.close(), { code: 1000, reason: '' })
})

for (const { name, reason, sent } of [
  { name: 'ASCII', reason: 'x'.repeat(200), sent: 'x'.repeat(123) },
  { name: 'one that just fits', reason: 'x'.repeat(123), sent: 'x'.repeat(123) },
  { name: 'two bytes each', reason: 'é'.repeat(200), sent: 'é'.repeat(61) },
  { name: 'four bytes at the end', reason: `${'x'.repeat(122)}👋`, sent: 'x'.repeat(122) },
  { name: 'four bytes that just fit', reason: `${'x'.repeat(119)}👋and more`, sent: `${'x'.repeat(119)}👋` },
  { name: 'half a character at the end', reason: `${'x'.repeat(123)}👋`, sent: 'x'.repeat(123) }
]) {
  test(`a reason is cut to 123 bytes and never through a character: ${name}`, async t => {
    const { client, socket } = await pair(t)
    socket.close(4000, reason)
    t.strictSame(await client.close(), { code: 4000, reason: sent })
  })
}

test('a reason is not looked at beyond what is sent of it', async t => {
  const reason = Buffer.alloc(64 * 1024 * 1024, 'x').toString('latin1')
  const times: number[] = []
  for (let i = 0; i < 5; i++) {
    const { client, socket } = await pair(t)
    const start = performance.now()
    socket.close(4000, reason)
    times.push(performance.now() - start)
    t.equal((await client.close()).reason.length, 123)
  }
  t.ok(Math.min(...times) < 2, `${Math.min(...times)} ms`)
})

const METHODS = ['on', 'once', 'off', 'addListener', 'removeListener'] as const

for (const method of METHODS) {
  test(`${method}() refuses a listener that is not a function`, async t => {
    const { socket } = await pair(t)
    for (const listener of [undefined, null, 'text', {}, 42, Symbol('a')] as any[]) {
      for (const event of ['message', 'close', 'drain', 'ping', 'pong', 'error'] as const) {
        const named = listener === null ? 'null' : typeof listener
        t.throws(() => socket[method](event, listener), {
          code: 'FST_ERR_WS_LISTENER', message: `a listener for '${event}' must be a function, not ${named}`
        })
      }
    }
    t.equal(socket.listenerCount('message'), 0)
    socket[Symbol.asyncIterator]()
    t.pass('nothing has begun to listen')
  })
}

for (const event of ['messages', 'Message', '', 'add', 'constructor', '__proto__', 'toString', undefined, null, 0, Symbol('ping')] as any[]) {
  test(`there is no event ${String(event)}`, async t => {
    const { socket } = await pair(t)
    const wanted = {
      code: 'FST_ERR_WS_EVENT',
      message: `'${String(event)}' is not an event of a socket; the events are: message, close, drain, ping, pong, error`
    }
    for (const method of METHODS) t.throws(() => socket[method](event, () => {}), wanted, method)
    t.throws(() => socket.listenerCount(event), wanted)
  })
}

test('what is wrong with the arguments of a listener is a TypeError', async t => {
  const { socket } = await pair(t)
  for (const call of [
    () => socket.on('nothing' as any, () => {}), () => socket.on('ping', undefined as any), () => socket.close(1000, null as any)
  ]) {
    try {
      call()
      t.fail('it was to throw')
    } catch (error) {
      t.ok(error instanceof TypeError)
    }
  }
})
