/* What clients that are there want beyond RFC 8441. */
import { test, type Test } from 'tap'
import { listen } from '../support/app.ts'
import { closeBody, masked } from '../support/frames.ts'
import { CLOSE } from '../support/opcodes.ts'
import { KEY } from '../support/raw-client.ts'
import { http2App, NO_ERROR, openSession, openSocket, type RequestHeaders } from './support.ts'

/** A socket that a client has opened; at `/close` the server closes it with 4000. */
async function open (t: Test, path: string, headers?: RequestHeaders) {
  // Longer than a test may take.
  const app = http2App(t, { closeTimeout: 120_000 })
  app.get('/', { ws: true }, socket => { socket.on('message', () => {}) })
  app.get('/close', { ws: true }, socket => { socket.close(4000, 'done') })
  const client = await openSocket(await openSession(t, await listen(app)), path, headers)
  const [socket] = app.sockets
  return { client, socket: socket! }
}

test('a client that sends a key, as undici does, gets the accept value that it looks for', async t => {
  const { client } = await open(t, '/', { 'sec-websocket-key': KEY })
  t.equal(client.headers!['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
})

test('others get none', async t => {
  const { client } = await open(t, '/')
  t.equal(client.headers!['sec-websocket-accept'], undefined)
})

test('a client that leaves the end of the stream to the server, as Firefox does: when it has closed', async t => {
  const { client, socket } = await open(t, '/')
  client.write(masked(CLOSE, closeBody(4000, 'bye')))
  t.strictSame(await client.close(), { code: 4000, reason: '' })
  t.equal(await client.rst(), NO_ERROR)
  t.strictSame(await socket.closed, { code: 4000, reason: 'bye', wasClean: true, initiator: 'remote' })
})

test('a client that leaves the end of the stream to the server: when it has answered', async t => {
  const { client, socket } = await open(t, '/close')
  t.strictSame(await client.close(), { code: 4000, reason: 'done' })
  client.write(masked(CLOSE, closeBody(4000)))
  t.equal(await client.rst(), NO_ERROR)
  t.strictSame(await socket.closed, { code: 4000, reason: 'done', wasClean: true, initiator: 'local' })
})
