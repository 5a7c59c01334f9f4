import { duplexPair, type Duplex } from 'node:stream'
import { test, type Test } from 'tap'
import { Connection } from '../../lib/connection/connection.ts'
import type { ConnectionOwner } from '../../lib/connection/owner.ts'
import { DEFLATE_DEFAULTS } from '../../lib/deflate/negotiate.ts'
import type { CloseInfo } from '../../types/socket.ts'
import { closeBody, masked, readFrame } from '../support/frames.ts'
import { CLOSE, PING, TEXT } from '../support/opcodes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { serve } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

test('frames that come in one piece with the handshake are read after it, in order', async t => {
  const { port } = await serve(t, socket => { socket.on('message', message => { socket.send(message) }) })
  const client = new RawClient(port)
  t.teardown(() => client.destroy())
  client.write(Buffer.concat([Buffer.from(handshake('/')), masked(TEXT, 'first'), masked(TEXT, 'second')]))
  t.equal((await client.response()).status, 101)
  client.send(TEXT, 'third')
  for (const text of ['first', 'second', 'third']) t.equal((await client.frame()).payload.toString(), text)
})

test('frames that come with the handshake may fill the queue: the rest waits', async t => {
  const found: unknown[] = []
  const { port, app } = await serve(t, async socket => {
    await until(() => app.sockets.stats().bytesIn > 0)
    await turn()
    t.equal(app.sockets.stats().messagesIn, 1)
    socket.on('message', message => { found.push(message) })
  }, { maxQueued: 0 })
  const client = new RawClient(port)
  t.teardown(() => client.destroy())
  client.write(Buffer.concat([Buffer.from(handshake('/')), masked(TEXT, 'first'), masked(TEXT, 'second')]))
  await client.response()
  client.send(TEXT, 'third')
  await until(() => found.length === 3)
  t.strictSame(found, ['first', 'second', 'third'])
})

test('a handler that closes at once does not get the frames that came with the handshake', async t => {
  const found: unknown[] = []
  const { port } = await serve(t, socket => {
    socket.on('message', message => { found.push(message) })
    socket.close(4000)
  })
  const client = new RawClient(port)
  t.teardown(() => client.destroy())
  client.write(Buffer.concat([Buffer.from(handshake('/')), masked(TEXT, 'first'), masked(CLOSE, closeBody(1000))]))
  await client.response()
  t.equal((await client.close()).code, 4000)
  await client.end()
  t.strictSame(found, [])
})

test('a handler that cuts the connection at once does not get the frames that came with the handshake', async t => {
  const found: unknown[] = []
  const { port, app } = await serve(t, socket => {
    socket.on('message', message => { found.push(message) })
    socket.terminate()
  })
  const client = new RawClient(port)
  client.write(Buffer.concat([Buffer.from(handshake('/')), masked(TEXT, 'first')]))
  await client.end()
  await until(() => app.sockets.size === 0)
  t.strictSame(found, [])
})

interface Bench {
  connection: Connection
  peer: Duplex
  calls: unknown[][]
  received: () => Buffer
  closed: Promise<CloseInfo>
}

/** A connection with a host that notes every call, and the other end of its stream. */
function bench (t: Test, onText: (connection: Connection, text: string) => void = () => {}): Bench {
  const [near, peer] = duplexPair()
  const calls: unknown[][] = []
  const chunks: Buffer[] = []
  let resolveClosed: (info: CloseInfo) => void
  const closed = new Promise<CloseInfo>(resolve => { resolveClosed = resolve })
  const host: ConnectionOwner = {
    onText: text => {
      calls.push(['text', text])
      onText(connection, text)
    },
    onBinary: () => {},
    onPing: () => { calls.push(['ping']) },
    onPong: () => {},
    onDrain: () => {},
    onOverflow: () => { calls.push(['overflow']) },
    onOverRate: () => {},
    onError: error => { calls.push(['error', error]) },
    onClose: info => {
      calls.push(['close'])
      resolveClosed(info)
    }
  }
  const connection: Connection = new Connection('server', near, host, {
    maxPayload: 1000, highWaterMark: 1000, maxBuffered: 1000, closeTimeout: 1000, rate: null, clock: { now: 0 },
    deflate: DEFLATE_DEFAULTS
  }, null)
  peer.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  peer.on('end', () => { peer.end() })
  t.teardown(() => {
    near.destroy()
    peer.destroy()
  })
  connection.start(Buffer.alloc(0))
  return { connection, peer, calls, closed, received: () => Buffer.concat(chunks) }
}

test('a host that throws ends the connection with 1011 and hears of it', async t => {
  const failure = new Error('host')
  const { peer, calls, closed, received } = bench(t, () => { throw failure })
  peer.write(Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b')]))
  t.match(await closed, { code: 1011, reason: 'internal error', wasClean: false, initiator: 'local' })
  t.strictSame(calls, [['text', 'a'], ['error', failure], ['close']])
  t.equal(readFrame(received())!.payload.readUInt16BE(), 1011)
})

test('a host that throws after it has paused the reading still sees the end of the peer', async t => {
  const { peer, calls, closed } = bench(t, connection => {
    connection.pause()
    throw new Error('host')
  })
  peer.write(masked(TEXT, 'a'))
  peer.write(Buffer.alloc(100))
  t.match(await closed, { code: 1011 })
  t.strictSame(calls.map(([name]) => name), ['text', 'error', 'close'])
})

test('a pause holds back the frames behind the one in hand, and one resume ends two pauses', async t => {
  const { connection, peer, calls } = bench(t, (connection, text) => {
    if (text !== 'a') return
    connection.pause()
    connection.pause()
  })
  peer.write(Buffer.concat([masked(TEXT, 'a'), masked(PING), masked(TEXT, 'b')]))
  await until(() => calls.length > 0)
  peer.write(masked(TEXT, 'c'))
  for (let i = 0; i < 5; i++) await turn()
  t.strictSame(calls, [['text', 'a']])
  t.equal(connection.isPaused, true)
  connection.resume()
  await Promise.resolve()
  t.equal(connection.isPaused, false)
  await until(() => calls.length === 4)
  t.strictSame(calls, [['text', 'a'], ['ping'], ['text', 'b'], ['text', 'c']])
  connection.resume()
  t.equal(calls.length, 4, 'a resume without a pause does nothing')
})

for (const cut of [false, true]) {
  test(`what a pause has held back goes on soon after the resume, not inside of it${cut ? ', unless the connection is cut' : ''}`, async t => {
    const { connection, peer, calls } = bench(t, (connection, text) => { if (text === 'a') connection.pause() })
    peer.write(Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b')]))
    await until(() => calls.length > 0)
    connection.resume()
    connection.pause()
    connection.resume()
    t.strictSame(calls, [['text', 'a']])
    if (cut) connection.terminate()
    await Promise.resolve()
    t.strictSame(calls, cut ? [['text', 'a']] : [['text', 'a'], ['text', 'b']])
  })
}

test('a transport that ends while a message is handed on ends behind what has been read', async t => {
  const { peer, calls, closed } = bench(t, (connection, text) => { if (text === 'a') connection.transportEnded() })
  peer.write(Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b')]))
  t.match(await closed, { code: 1006, initiator: 'remote' })
  t.strictSame(calls, [['text', 'a'], ['text', 'b'], ['close']])
})

test('a pause after close() has no effect: the close frame of the peer is awaited', async t => {
  const { connection, peer, closed } = bench(t)
  connection.close(1000, '')
  connection.pause()
  t.equal(connection.isPaused, false)
  peer.write(masked(CLOSE, closeBody(1000)))
  t.match(await closed, { code: 1000, wasClean: true })
})

test('a connection that is closing takes no messages and no pings, and reports no overflow', async t => {
  const { connection, peer, closed, received, calls } = bench(t)
  connection.close(1000, '')
  t.equal(connection.sendText('x'), false)
  t.equal(connection.sendBinary(Buffer.alloc(2000)), false)
  connection.sendPing(Buffer.alloc(0))
  peer.write(masked(CLOSE))
  await closed
  t.equal(received().length, 4, 'the close frame')
  t.equal(connection.messagesOut, 0)
  t.strictSame(calls, [['close']])
})
