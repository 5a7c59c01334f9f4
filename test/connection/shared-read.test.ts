import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from 'tap'
import { WebSocket } from 'ws'
import { Connection } from '../../lib/connection/connection.ts'
import { DEFLATE_DEFAULTS } from '../../lib/deflate/negotiate.ts'
import { createApp, listen } from '../support/app.ts'
import { selfSigned } from '../support/certificate.ts'
import { masked } from '../support/frames.ts'
import { inside } from '../support/inside.ts'
import { BINARY, TEXT } from '../support/opcodes.ts'
import { RawClient } from '../support/raw-client.ts'
import { pair, serve } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

const run = promisify(execFile)

const NO_SHARED_READ = 'FASTIFY_SOCKETS_NO_SHARED_READ'

/** Whether a socket is read as a stream, by an event for each chunk. */
function isReadByEvents (socket: NetSocket): boolean {
  return socket.listenerCount('data') > 0
}

test('sockets are read into one buffer where they can be', async t => {
  const { socket } = await pair(t)
  t.equal(isReadByEvents(socket.request.socket), process.env[NO_SHARED_READ] !== undefined)
})

test('those of TLS as well', async t => {
  const certificate = await selfSigned()
  const app = createApp(t, {}, { https: certificate } as any)
  app.get('/', { ws: true }, (socket, request) => {
    socket.on('message', message => {
      t.equal(isReadByEvents(request.socket), process.env[NO_SHARED_READ] !== undefined)
      socket.send(message)
    })
  })
  const client = new WebSocket(`wss://127.0.0.1:${await listen(app)}/`, { ca: certificate.cert })
  t.teardown(() => client.terminate())
  await once(client, 'open')
  for (const size of [1, 1000, 16_384, 200_000]) {
    client.send(Buffer.alloc(size, size))
    const [echo] = await once(client, 'message')
    t.ok(Buffer.alloc(size, size).equals(echo as Buffer), `${size} bytes`)
  }
})

test('what one connection was handed stays as it is when others are read', async t => {
  const { open, app } = await serve(t, socket => { socket.on('message', message => { messages.push(message) }) })
  const messages: Buffer[] = []
  const clients = await Promise.all(Array.from({ length: 5 }, () => open()))
  for (const length of [1, 20, 33, 200, 5000, 70_000]) {
    for (const [i, client] of clients.entries()) client.send(BINARY, Buffer.alloc(length, i + 1))
    await until(() => messages.length === clients.length)
    t.same(messages.map(message => message[0]).sort(), [1, 2, 3, 4, 5])
    for (const message of messages) t.ok(message.equals(Buffer.alloc(length, message[0])), `${length} bytes`)
    messages.length = 0
  }
  t.equal(app.sockets.size, 5)
})

test('what a pause has left over stays as it is when others are read', async t => {
  const { client, socket, open, app } = await pair(t, { maxQueued: 0 })
  const texts = Array.from({ length: 50 }, (_, i) => `${i} ${'x'.repeat(i)}`)
  const bytes = Buffer.concat(texts.map(text => masked(TEXT, text)))
  client.write(bytes)
  await until(() => app.sockets.stats().bytesIn === bytes.length)
  t.equal(inside(socket).connection.isPaused, true)
  const other = await open()
  other.send(BINARY, Buffer.alloc(100_000, 0xff))
  await until(() => app.sockets.stats().bytesIn > 100_000 + bytes.length)
  const found: string[] = []
  for await (const text of socket) {
    found.push(text)
    if (found.length === texts.length) break
    await turn()
  }
  t.same(found, texts)
})

for (const [name, spoil] of [
  ['whose handle does not know how', (socket: NetSocket) => { (socket as any)._handle.useUserBuffer = undefined }],
  ['that has been read ahead', (socket: NetSocket) => {
    // As a stream that had flowed into its own buffer.
    socket.pause()
    socket.unshift(masked(TEXT, 'ahead'))
  }]
] as const) {
  test(`a socket ${name} is read by events`, async t => {
    const texts: string[] = []
    const host = {
      onText (text: string) { texts.push(text) },
      onBinary () {}, onPing () {}, onPong () {}, onError () {}, onOverflow () {}, onOverRate () {}, onDrain () {}, onClose () {}
    }
    const options = {
      maxPayload: 1000, highWaterMark: 1000, maxBuffered: 1000, closeTimeout: 1000, rate: null, clock: { now: 0 },
      deflate: DEFLATE_DEFAULTS
    }
    const server = createServer()
    server.on('upgrade', (_request, socket: NetSocket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
      spoil(socket)
      new Connection('server', socket, host, options, null).start(Buffer.alloc(0))
      t.equal(isReadByEvents(socket), true)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    t.teardown(() => server.close())
    const client = await RawClient.open((server.address() as { port: number }).port, '/')
    client.send(TEXT, 'hello')
    await until(() => texts.includes('hello'))
    t.same(texts, name.includes('ahead') ? ['ahead', 'hello'] : ['hello'])
    await client.destroy()
  })
}

const ECHO = fileURLToPath(new URL('../support/echo-once.js', import.meta.url))

test('the environment can forbid it', async t => {
  const { stdout } = await run(process.execPath, [ECHO], { env: { ...process.env, [NO_SHARED_READ]: '1' } })
  t.same(JSON.parse(stdout), { echo: 'hello', byEvents: true, simd: true })
})

test('Node without WebAssembly serves as well', async t => {
  const { stdout } = await run(process.execPath, ['--jitless', '--no-warnings', ECHO])
  const byEvents = process.env[NO_SHARED_READ] !== undefined
  t.same(JSON.parse(stdout), { echo: 'hello', byEvents, simd: false })
})
