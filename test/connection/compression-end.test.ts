import { once } from 'node:events'
import { duplexPair, type Duplex } from 'node:stream'
import { DeflateRaw, InflateRaw } from 'node:zlib'
import { test, type Test } from 'tap'
import type { BaseSocket, CloseInfo, Socket } from 'fastify-sockets'
import { Connection } from '../../lib/connection/connection.ts'
import type { ConnectionOwner } from '../../lib/connection/owner.ts'
import { DEFLATE_DEFAULTS } from '../../lib/deflate/negotiate.ts'
import { createApp } from '../support/app.ts'
import { compressed, deflate, OFFER, original } from '../support/deflate.ts'
import { closeBody, masked } from '../support/frames.ts'
import { BINARY, CLOSE, TEXT } from '../support/opcodes.ts'
import { nextMessage, pair } from '../support/serve.ts'
import { noise } from '../support/splits.ts'
import { turn, until } from '../support/until.ts'

/** So large that it is inflated and deflated in the thread pool. */
const LARGE = Buffer.concat([noise(20_000), Buffer.alloc(20_000)])

interface Bench {
  connection: Connection
  near: Duplex
  peer: Duplex
  calls: string[]
  closed: Promise<CloseInfo>
}

/** A connection on a stream in memory, so that the test can end the stream at any moment. */
function bench (t: Test, contextTakeover = false): Bench {
  const [near, peer] = duplexPair()
  const calls: string[] = []
  const closed = new Promise<CloseInfo>(resolve => {
    const host: ConnectionOwner = {
      onText: text => { calls.push(text) },
      onBinary: data => { calls.push(`binary ${data.length}`) },
      onPing: () => {},
      onPong: () => {},
      onDrain: () => {},
      onOverflow: () => {},
      onOverRate: () => {},
      onError: error => { calls.push(`error ${(error as any).closeCode}`) },
      onClose: info => {
        calls.push(`close ${info.code}`)
        resolve(info)
      }
    }
    const options = {
      maxPayload: 100_000, highWaterMark: 1000, maxBuffered: 100_000, closeTimeout: 1000, rate: null, clock: { now: 0 },
      deflate: DEFLATE_DEFAULTS
    }
    const direction = { contextTakeover, windowBits: 15 }
    connection = new Connection('server', near, host, options, { server: direction, client: direction })
  })
  t.teardown(() => {
    near.destroy()
    peer.destroy()
  })
  peer.resume()
  connection!.start(Buffer.alloc(0))
  return { connection: connection!, near, peer, calls, closed }
}
let connection: Connection

/** New bytes each time: in memory they are the ones that the reader unmasks. */
const largeAndMore = (): Buffer => Buffer.concat([compressed(BINARY, LARGE), masked(TEXT, 'behind')])

for (const contextTakeover of [false, true]) {
  const mode = contextTakeover ? ', with context takeover' : ''

  test(`what was read is delivered though the transport is gone${mode}`, async t => {
    const { near, peer, calls, closed, connection } = bench(t, contextTakeover)
    const read = once(near, 'data')
    peer.write(Buffer.concat([largeAndMore(), compressed(BINARY, LARGE)]))
    await read
    t.ok(connection.isPaused)
    near.destroy()
    t.match(await closed, { code: 1006, wasClean: false })
    t.strictSame(calls, ['binary 40000', 'behind', 'binary 40000', 'close 1006'])
  })

  test(`what was read is delivered though the peer has ended its side${mode}`, async t => {
    const { near, peer, calls, closed, connection } = bench(t, contextTakeover)
    const read = once(near, 'data')
    peer.end(Buffer.concat([largeAndMore(), compressed(BINARY, LARGE)]))
    await read
    t.ok(connection.isPaused)
    t.match(await closed, { code: 1006, wasClean: false })
    t.strictSame(calls, ['binary 40000', 'behind', 'binary 40000', 'close 1006'])
  })

  test(`nothing is delivered after terminate(), however far it is${mode}`, async t => {
    const { near, peer, calls, closed, connection } = bench(t, contextTakeover)
    const read = once(near, 'data')
    peer.write(largeAndMore())
    await read
    t.ok(connection.isPaused)
    connection.sendBinary(LARGE)
    connection.sendText('waits')
    t.ok(connection.bufferedAmount > LARGE.length)
    connection.terminate()
    t.match(await closed, { code: 1006, initiator: 'local' })
    t.equal(connection.bufferedAmount, 0)
    // Long enough for what the thread pool still does to be told.
    const other = bench(t, contextTakeover)
    other.peer.write(largeAndMore())
    await until(() => other.calls.length === 2)
    t.strictSame(calls, ['close 1006'])
  })
}

for (const [ending, code] of [['terminate', 1006], ['close', 4000]] as const) {
  test(`${ending}() while a large message is inflated, after the transport is gone: the end is told, and not from inside of the call`, async t => {
    const { near, peer, calls, closed, connection } = bench(t)
    const read = once(near, 'data')
    peer.write(compressed(BINARY, LARGE))
    await read
    t.ok(connection.isPaused)
    near.destroy()
    await new Promise(resolve => { near.once('close', resolve) })
    connection[ending](4000, '')
    t.strictSame(calls, [])
    t.match(await closed, { code, initiator: 'local' })
    t.strictSame(calls, [`close ${code}`])
  })
}

test('a large message that turns out broken after the transport is gone is an error before the end', async t => {
  const { near, peer, calls, closed, connection } = bench(t)
  // Good for so long that the test can act before zlib finds out.
  const broken = Buffer.concat([deflate(noise(80_000)), Buffer.alloc(9, 0xff)])
  const read = once(near, 'data')
  peer.write(Buffer.concat([masked(BINARY, broken, { rsv: 4 }), masked(TEXT, 'behind')]))
  await read
  t.ok(connection.isPaused)
  near.destroy()
  await closed
  t.strictSame(calls, ['error 1007', 'close 1007'])
})

test('a peer that resets behind a full queue cannot fill the memory with what its last bytes swell to', async t => {
  const { client, socket, app } = await pair(t, { deflate: true, maxQueued: 0 }, {}, OFFER)
  const bytes = Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b'), compressed(BINARY, Buffer.alloc(100_000)), masked(TEXT, 'c')])
  client.write(bytes)
  await until(() => app.sockets.stats().bytesIn === bytes.length)
  client.reset()
  // Nobody reads, so only writing can tell.
  await until(() => {
    socket.send('still there?')
    return socket.state === 'closed'
  })
  t.match(await socket.closed, { code: 1006, initiator: 'remote' })
  const messages = []
  for await (const message of socket) messages.push(message)
  t.strictSame(messages, ['a', 'b'])
})

test('a large message is dropped when the connection is closed meanwhile', async t => {
  const { client, socket, app } = await pair(t, { deflate: true }, {}, OFFER)
  const messages: unknown[] = []
  socket.on('message', message => { messages.push(message) })
  client.write(Buffer.concat([largeAndMore(), compressed(TEXT, 'again')]))
  await until(() => app.sockets.stats().bytesIn > 0)
  const closed = socket.close(4000)
  t.match(await client.close(), { code: 4000 })
  client.send(CLOSE, closeBody(4000))
  t.match(await closed, { code: 4000, wasClean: true })
  t.strictSame(messages, [])
})

test('a connection that fails while messages are deflated sends them before its close frame', async t => {
  const { client, socket } = await pair(t, { deflate: true }, {}, OFFER)
  client.send(TEXT, 'go')
  await nextMessage(socket)
  socket.send(LARGE)
  socket.send('behind')
  client.write(masked(3))
  t.equal(original(await client.frame()).length, LARGE.length)
  t.equal((await client.frame()).payload.toString(), 'behind')
  t.equal((await client.close()).code, 1002)
  await client.end()
})

/** Has zlib do no more than this with what is to be deflated in the thread pool. */
function breakDeflate (t: Test, write: (done: (error: Error) => void) => void): void {
  const { write: original } = DeflateRaw.prototype
  t.teardown(() => { DeflateRaw.prototype.write = original })
  DeflateRaw.prototype.write = function (_chunk: unknown, done: any) {
    write(done)
    return true
  }
}

test('zlib that fails closes the connection with 1011; what waits is given up', async t => {
  const { client, socket } = await pair(t, { deflate: true }, {}, OFFER)
  const errors: Error[] = []
  socket.on('error', error => { errors.push(error) })
  breakDeflate(t, done => { process.nextTick(done, new Error('no memory')) })
  socket.send(LARGE)
  socket.send('behind')
  t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
  t.match(errors, [{ message: 'no memory' }])
  t.equal(socket.bufferedAmount, 0)
})

test('a close frame that waits for a message is sent though zlib fails: ours, and the answer to that of the peer', async t => {
  const route = { deflate: true }
  const [ours, theirs] = [await pair(t, route, {}, OFFER), await pair(t, route, {}, OFFER)]
  const fail: Array<() => void> = []
  breakDeflate(t, done => { fail.push(() => done(new Error('no memory'))) })
  for (const { socket } of [ours, theirs]) {
    socket.send(LARGE)
    socket.send('behind')
  }
  ours.socket.close(4000, 'bye')
  theirs.client.send(CLOSE, closeBody(4001))
  await until(() => theirs.socket.state === 'closing' && fail.length === 2)
  for (const one of fail) one()
  t.strictSame(await ours.client.close(), { code: 4000, reason: 'bye' })
  t.strictSame(await theirs.client.close(), { code: 4001, reason: '' })
  t.strictSame(await ours.socket.closed, { code: 4000, reason: 'bye', wasClean: false, initiator: 'local' })
  t.strictSame(await theirs.socket.closed, { code: 4001, reason: '', wasClean: true, initiator: 'remote' })
})

test('injectWS compresses if its headers offer it', async t => {
  const app = createApp(t)
  let server: Socket<any, any> | undefined
  app.get('/', { ws: { deflate: { threshold: 0 } } }, socket => {
    server = socket
    socket.on('message', message => { socket.send(message) })
  })
  await app.ready()
  const client = await app.injectWS('/', { headers: OFFER }) as BaseSocket
  t.equal(client.extensions, 'permessage-deflate; server_no_context_takeover; client_no_context_takeover')
  t.equal(server!.extensions, client.extensions)
  client.send('a'.repeat(10_000))
  t.equal(await nextMessage(client), 'a'.repeat(10_000))
  t.ok(app.sockets.stats().bytesIn < 100)
  t.ok(app.sockets.stats().bytesOut < 100)
  client.send(LARGE)
  t.ok((await nextMessage(client) as Buffer).equals(LARGE))
  await client.close()
  await turn()
})

test('zlib that fails at once does the same', async t => {
  const { client, socket } = await pair(t, { deflate: { level: 9 } }, {}, OFFER)
  const prototype = DeflateRaw.prototype as any
  const { _processChunk: processChunk } = prototype
  t.teardown(() => { prototype._processChunk = processChunk })
  prototype._processChunk = () => { throw new Error('no memory') }
  socket.send('a'.repeat(2000))
  t.match(await client.close(), { code: 1011, reason: 'internal error' })
  t.equal(socket.send('more'), false)
  prototype._processChunk = processChunk
  const next = await pair(t, { deflate: { level: 9 } }, {}, OFFER)
  next.socket.send('a'.repeat(2000))
  t.equal(original(await next.client.frame()).toString(), 'a'.repeat(2000))
})

/** What zlib throws when it gets no memory. */
function noMemory (): Error {
  return Object.assign(new Error('insufficient memory at 0x7f'), { code: 'Z_MEM_ERROR' })
}

for (const [size, name, fails] of [
  ['small', '_processChunk', () => { throw noMemory() }],
  ['large', 'write', (_chunk: unknown, done: (error: Error) => void) => { process.nextTick(done, noMemory()) }]
] as const) {
  test(`zlib that has no memory to inflate a ${size} message is no fault of the peer, which is not told more`, async t => {
    const { client, socket } = await pair(t, { deflate: true }, {}, OFFER)
    const errors: Error[] = []
    socket.on('error', error => { errors.push(error) })
    await turn()
    const prototype = InflateRaw.prototype as any
    const original = prototype[name]
    t.teardown(() => { prototype[name] = original })
    prototype[name] = fails
    client.write(Buffer.concat([compressed(BINARY, size === 'large' ? LARGE : Buffer.alloc(100)), masked(TEXT, 'behind')]))
    t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
    t.match(await socket.closed, { code: 1011, reason: 'internal error', initiator: 'local' })
    t.match(errors, [{ message: /insufficient memory/, code: 'Z_MEM_ERROR' }])
    prototype[name] = original
    const next = await pair(t, { deflate: true }, {}, OFFER)
    next.client.write(compressed(TEXT, 'hello'))
    t.equal(await nextMessage(next.socket), 'hello')
  })
}
