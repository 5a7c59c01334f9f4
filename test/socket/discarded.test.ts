import { setImmediate as turn } from 'node:timers/promises'
import { type Test, test } from 'tap'
import type { Socket } from 'fastify-sockets'
import { closeBody, masked } from '../support/frames.ts'
import { CLOSE, TEXT } from '../support/opcodes.ts'
import type { RawClient } from '../support/raw-client.ts'
import { pair, serve } from '../support/serve.ts'
import { until } from '../support/until.ts'

/*
 * A handler that only sends: when it has ended, and nobody listens, messages are discarded. Kept, they would stop the
 * reading of the peer's close frame.
 */

const MUCH = Buffer.concat(Array(200).fill(masked(TEXT, Buffer.alloc(1000, 'x'))))

type AnySocket = Socket<any, any>

/** One socket of this handler. */
async function open (t: Test, handler: (socket: AnySocket) => unknown) {
  const sockets: AnySocket[] = []
  const served = await serve(t, socket => {
    sockets.push(socket)
    return handler(socket)
  })
  const client = await served.open()
  return { ...served, client, socket: sockets[0]! }
}

/** Sends more than `maxQueued`, and closes. */
async function talkAndLeave (client: RawClient): Promise<{ code: number }> {
  client.write(MUCH)
  client.send(CLOSE, closeBody(4000))
  return await client.close()
}

for (const { name, handler } of [
  { name: 'returns at once', handler: () => {} },
  { name: 'is asynchronous and ends', handler: async () => { await turn() } },
  { name: 'has listened, and does no more', handler: (socket: AnySocket) => { socket.once('message', () => {}) } },
  { name: 'listens to other events', handler: (socket: AnySocket) => { socket.on('ping', () => {}).on('close', () => {}) } }
]) {
  test(`the close frame behind more than maxQueued is answered where the handler ${name}`, async t => {
    const { client, socket, app } = await open(t, handler)
    t.equal((await talkAndLeave(client)).code, 4000)
    t.match(await socket.closed, { code: 4000, wasClean: true })
    t.equal(app.sockets.stats().messagesIn, 200, 'they count all the same')
  })
}

test('messages that filled the queue while the handler ran are discarded when it has ended, and reading goes on', async t => {
  const { client, socket, app, endHandler } = await pair(t)
  client.write(MUCH)
  client.send(CLOSE, closeBody(4000))
  await until(() => app.sockets.stats().paused === 1)
  for (let i = 0; i < 10; i++) await turn()
  t.equal(socket.state, 'open', 'while it runs they are kept')
  endHandler()
  t.equal((await client.close()).code, 4000)
  const found: unknown[] = []
  socket.on('message', message => { found.push(message) })
  await turn()
  t.strictSame(found, [])
})

test('a listener that comes later gets what comes from then on', async t => {
  const { client, socket, app } = await open(t, () => {})
  client.send(TEXT, 'lost')
  await until(() => app.sockets.stats().messagesIn === 1)
  await turn()
  const found: unknown[] = []
  socket.on('message', message => { found.push(message) })
  client.send(TEXT, 'heard')
  await until(() => app.sockets.stats().messagesIn === 2)
  await turn()
  t.strictSame(found, ['heard'])
})

test('and so does a loop', async t => {
  const { client, socket, app } = await open(t, () => {})
  client.send(TEXT, 'lost')
  await until(() => app.sockets.stats().messagesIn === 1)
  await turn()
  const messages = socket[Symbol.asyncIterator]()
  const next = messages.next()
  client.send(TEXT, 'heard')
  t.strictSame(await next, { done: false, value: 'heard' })
  await messages.return!()
})

test('what came together with the handshake is for a listener that is added a turn after the handler has returned', async t => {
  const found: unknown[] = []
  const { connect } = await serve(t, socket => {
    queueMicrotask(() => process.nextTick(() => { socket.on('message', message => { found.push(message) }) }))
  })
  const client = await connect()
  client.send('early')
  await until(() => found.length === 1)
  t.strictSame(found, ['early'])
})

test('a listener that works on the first message keeps those that come meanwhile for the next', async t => {
  const found: unknown[] = []
  const { client } = await open(t, socket => {
    socket.once('message', async token => {
      for (let i = 0; i < 10; i++) await turn()
      socket.on('message', message => { found.push(`${message} of ${token}`) })
    })
  })
  client.write(Buffer.concat([masked(TEXT, 'me'), masked(TEXT, 'one'), masked(TEXT, 'two')]))
  await until(() => found.length === 2)
  t.strictSame(found, ['one of me', 'two of me'])
})

test('a client in memory keeps its messages, for it has no handler', async t => {
  const { app } = await serve(t, async socket => {
    for (let i = 0; i < 1000; i++) socket.send('x'.repeat(1000))
    await socket.closed
  })
  const client = await app.injectWS('/')
  const first = await new Promise(resolve => { client.once('message', resolve) })
  t.equal(first, 'x'.repeat(1000))
  for (let i = 0; i < 10; i++) await turn()
  let received = 1
  client.on('message', () => { received++ })
  await until(() => received === 1000)
  await client.close()
})
