/* What clients that are there want of HTTP/2 beyond RFC 8441. */
import { once } from 'node:events'
import { type ClientHttp2Stream, connect, constants } from 'node:http2'
import { test, type Test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { closeBody, masked, readFrame } from '../support/frames.ts'
import { KEY } from '../support/raw-client.ts'

const CLOSE = 8

/** A server that closes with 4000 what asks for `/close`, and a handshake that it has accepted. */
async function open (t: Test, path: string, headers: Record<string, string> = {}) {
  // Longer than the test may take: nothing here may wait for it.
  const app = createApp(t, { closeTimeout: 120_000 }, { http2: true } as any)
  app.get('/', { ws: true }, socket => { socket.on('message', () => {}) })
  app.get('/close', { ws: true }, socket => { socket.close(4000, 'done') })
  const session = connect(`http://127.0.0.1:${await listen(app)}`)
  t.teardown(() => session.destroy())
  await once(session, 'remoteSettings')
  const stream = session.request({
    ':method': 'CONNECT', ':protocol': 'websocket', ':path': path, 'sec-websocket-version': '13', ...headers
  })
  const [answer] = await once(stream, 'response')
  t.equal(answer[':status'], 200)
  return { answer, app, stream }
}

async function nextFrame (stream: ClientHttp2Stream): Promise<{ opcode: number, payload: string }> {
  let received = Buffer.alloc(0)
  for (;;) {
    const frame = readFrame(received)
    if (frame !== null) return { opcode: frame.opcode, payload: frame.payload.toString('hex') }
    const [chunk] = await once(stream, 'data')
    received = Buffer.concat([received, chunk])
  }
}

test('a client that sends a key, as undici does, gets the accept value that it looks for', async t => {
  const { answer } = await open(t, '/', { 'sec-websocket-key': KEY })
  t.equal(answer['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
})

test('others get none', async t => {
  const { answer } = await open(t, '/')
  t.equal(answer['sec-websocket-accept'], undefined)
})

test('a client that leaves the end of the stream to the server, as Firefox does, is not waited for', async t => {
  await t.test('when it has closed', async t => {
    const { app, stream } = await open(t, '/')
    const [socket] = app.sockets
    stream.write(masked(CLOSE, closeBody(4000, 'bye')))
    t.strictSame(await nextFrame(stream), { opcode: CLOSE, payload: closeBody(4000).toString('hex') })
    await once(stream, 'close')
    t.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR)
    t.strictSame(await socket!.closed, { code: 4000, reason: 'bye', wasClean: true, initiator: 'remote' })
  })
  await t.test('when it has answered the close frame', async t => {
    const { app, stream } = await open(t, '/close')
    const [socket] = app.sockets
    t.strictSame(await nextFrame(stream), { opcode: CLOSE, payload: closeBody(4000, 'done').toString('hex') })
    stream.write(masked(CLOSE, closeBody(4000)))
    await once(stream, 'close')
    t.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR)
    t.strictSame(await socket!.closed, { code: 4000, reason: 'done', wasClean: true, initiator: 'local' })
  })
})
