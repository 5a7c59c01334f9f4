import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Socket } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { listen } from '../support/app.ts'
import { masked } from '../support/frames.ts'
import { deferred } from '../support/handshakes.ts'
import {
  connectFields, DATA, END_HEADERS, END_STREAM, type Fields, GOAWAY, headerBlock, HEADERS, http2Frame, RST_STREAM, uint32,
  WINDOW_UPDATE
} from '../support/http2-frames.ts'
import { TEXT } from '../support/opcodes.ts'
import { uncaught } from '../support/uncaught.ts'
import { turn, until } from '../support/until.ts'
import { RawSession } from './raw.ts'
import { CANCEL, http2App, INTERNAL_ERROR, NO_ERROR, refusalStatuses } from './support.ts'

const PROTOCOL_ERROR = 1
const ENHANCE_YOUR_CALM = 11

const reset = (code: number, id = 1): Buffer => http2Frame(RST_STREAM, 0, id, uint32(code))
const words = http2Frame(DATA, 0, 1, masked(TEXT, 'last words'))
const trailers = http2Frame(HEADERS, END_STREAM | END_HEADERS, 1, headerBlock([['a', 'b']]))
const error = Buffer.concat([uint32(0), uint32(INTERNAL_ERROR)])

const LEAVINGS: Array<[how: string, leave: (session: RawSession) => void]> = [
  ['resets its stream with NO_ERROR', session => session.send(reset(NO_ERROR))],
  ['resets its stream with CANCEL', session => session.send(reset(CANCEL))],
  ['resets its stream with an error', session => session.send(reset(INTERNAL_ERROR))],
  ['sends a frame and resets its stream', session => session.send(words, reset(NO_ERROR))],
  ['ends its stream', session => session.send(http2Frame(DATA, END_STREAM, 1))],
  ['ends and resets its stream', session => session.send(http2Frame(DATA, END_STREAM, 1), reset(NO_ERROR))],
  ['ends its stream with trailers', session => session.send(trailers)],
  ['goes away with an error', session => session.send(http2Frame(GOAWAY, 0, 0, error))],
  ['overflows the window of its session', session => session.send(http2Frame(WINDOW_UPDATE, 0, 0, uint32(0x7fffffff)))],
  ['ends its TCP connection', session => session.socket.end()],
  ['resets its TCP connection', session => { session.socket.resetAndDestroy() }]
]

/** Where the handshake waits; the answer that would open the connection is decided on from onSend on. */
/** Where the handshake waits; from onSend on, the answer is one that would open the connection. */
type Wait = (request: FastifyRequest) => Promise<void>
const PLACES: Array<[where: string, hooks: (wait: Wait) => Record<string, unknown>]> = [
  ['a preHandler hook', wait => ({ preHandler: async (request: FastifyRequest) => wait(request) })],
  ['an onSend hook', wait => ({ onSend: async (request: FastifyRequest) => wait(request) })],
  ['a payload that an onSend hook has made', wait => ({
    onSend: async (request: FastifyRequest) => Readable.from((async function * () {
      await wait(request)
      yield 'a payload'
    })())
  })]
]

for (const [where, hooks] of PLACES) {
  for (const [how, leave] of LEAVINGS) {
    test(`a client ${how} during ${where}`, async t => {
      const found = uncaught(t)
      const statuses = refusalStatuses(t)
      const app = http2App(t, { limits: { connections: 1 } })
      const waiting = deferred<AbortSignal>()
      const gate = deferred()
      let aborts = 0
      app.addHook('onRequestAbort', async _request => { aborts++ })
      app.get('/room', {
        ws: true,
        ...hooks(async ({ signal }) => {
          waiting.resolve(signal)
          await gate.promise
        })
      }, () => { t.fail('the handler was called') })
      const port = await listen(app)
      const session = await RawSession.open(t, port)
      session.connect(1, connectFields('/room'))
      const signal = await waiting.promise
      leave(session)
      await until(() => signal.aborted)
      gate.resolve()
      for (let i = 0; i < 10; i++) await turn()
      t.same(session.of(1, HEADERS), [], 'no answer')
      t.same(statuses, [null])
      t.equal(aborts, 1, 'onRequestAbort has run')
      t.same(found, [])
      t.match(app.sockets.stats(), { opened: 0, open: 0, refused: 1 })
    })
  }
}

test('thousands of sockets that are reset as soon as they are asked for leave nothing behind', async t => {
  const found = uncaught(t)
  const app = http2App(t, { limits: { connections: 10_000, handshakesPerAddress: 10_000 } }, { logger: false })
  const limited = http2App(t, { limits: { connections: 1 } }, { logger: false })
  for (const one of [app, limited]) one.get('/room', { ws: true, preHandler: async () => turn() }, () => {})
  for (const one of [app, limited]) {
    const port = await listen(one)
    for (let sessions = 0; sessions < 5; sessions++) {
      const session = await RawSession.open(t, port)
      const asked = Array.from({ length: 200 }, (_, i) => 1 + 2 * i)
      for (const id of asked) {
        session.connect(id, connectFields('/room'))
        session.send(reset(CANCEL, id))
      }
      session.connect(401, connectFields('/room'))
      await until(() => session.of(401, HEADERS).length > 0)
      session.socket.destroy()
      await until(() => one.sockets.size === 0)
    }
    const session = await RawSession.open(t, port)
    session.connect(1, connectFields('/room'))
    await until(() => one.sockets.size === 1)
    t.equal(one.sockets.stats().open, 1, 'the places are free again')
    session.socket.destroy()
  }
  t.same(found, [])
})

/** One route for one client: the socket that it opens, and its session. */
async function raw (t: Test, ws = {}, initialWindow?: number) {
  const app = http2App(t, ws)
  const sockets: Array<Socket<any, any>> = []
  app.get('/room', { ws: true }, socket => { sockets.push(socket) })
  const session = await RawSession.open(t, await listen(app), initialWindow)
  session.connect(1, connectFields('/room'))
  await until(() => sockets.length === 1)
  return { app, session, sockets, socket: sockets[0]! }
}

test('a socket that does not read does not hold up the others of its session', async t => {
  const { session, sockets, socket } = await raw(t, { maxQueued: 1 })
  session.connect(3, connectFields('/room'))
  await until(() => sockets.length === 2)
  const message = masked(TEXT, 'x'.repeat(1000))
  for (let i = 0; i < 60; i++) session.send(http2Frame(DATA, 0, 1, message))
  const received = new Promise(resolve => { sockets[1]!.once('message', resolve) })
  session.send(http2Frame(DATA, 0, 3, masked(TEXT, 'hello')))
  t.equal(await received, 'hello')
  t.equal(socket.state, 'open')
})

test('a client that opens its window not at all makes us hold no more than maxBuffered', async t => {
  const { session, socket } = await raw(t, { maxBuffered: 100_000 }, 0)
  const ended = deferred<number>()
  const failed: unknown[] = []
  socket.on('error', error => { failed.push((error as NodeJS.ErrnoException).code) })
  socket.on('close', ({ code }) => { ended.resolve(code) })
  let most = 0
  for (let i = 0; socket.state === 'open'; i++) {
    most = Math.max(most, socket.bufferedAmount)
    socket.send('a small message')
    if (i % 100 === 0) await turn()
  }
  t.ok(most > 90_000 && most <= 100_000, `${most}`)
  t.same(failed, ['FST_ERR_WS_SLOW_PEER'])
  session.send(reset(CANCEL))
  t.equal(await ended.promise, 1013)
})

test('a header block in many frames is a handshake as any other, too many headers are none', async t => {
  const { app, session, sockets } = await raw(t)
  function headers (count: number, size: number): Fields {
    return Array.from({ length: count }, (_, i) => [`x-${i}`, 'v'.repeat(size)])
  }
  session.connect(3, connectFields('/room', {}, headers(50, 1000)))
  await until(() => sockets.length === 2)
  session.connect(5, connectFields('/room', {}, headers(1500, 1)))
  await until(() => session.resetCode(5) !== null)
  t.equal(session.resetCode(5), ENHANCE_YOUR_CALM)
  t.equal(app.sockets.stats().opened, 2)
})

for (const [what, others, more] of [
  ['no path', { ':path': null }],
  ['an empty path', { ':path': '' }],
  ['an asterisk for a path', { ':path': '*' }],
  ['a URL for a path', { ':path': 'http://localhost/room' }],
  ['a path that does not begin with a slash', { ':path': 'room' }],
  ['no scheme', { ':scheme': null }],
  ['no authority', { ':authority': null }],
  ['a Host in place of the authority', { ':authority': null }, [['host', 'localhost']]],
  ['two protocols', {}, [[':protocol', 'websocket']]],
  ['two paths', {}, [[':path', '/room']]],
  ['another method', { ':method': 'GET' }],
  ['a header of HTTP/1.1', {}, [['connection', 'upgrade']]]
] as Array<[what: string, others: Record<string, string | null>, more?: Fields]>) {
  test(`a handshake with ${what} is reset by HTTP/2 itself`, async t => {
    const { app, session } = await raw(t)
    session.connect(3, connectFields('/room', others, more))
    await until(() => session.resetCode(3) !== null)
    t.equal(session.resetCode(3), PROTOCOL_ERROR)
    t.match(app.sockets.stats(), { opened: 1, refused: 0 })
  })
}

for (const path of ['http://localhost/room', '/room']) {
  test(`a scheme that is not of the web is refused, whatever path comes with it: ${path}`, async t => {
    const { app, session } = await raw(t)
    session.connect(3, connectFields(path, { ':scheme': 'ws' }))
    await until(() => session.of(3, DATA).length > 0)
    t.match(Buffer.concat(session.of(3, DATA).map(({ payload }) => payload)).toString(), 'RFC 8441 section 5')
    t.match(app.sockets.stats(), { opened: 1, refused: 1 })
  })
}

for (const [how, act] of [
  ['ends the response again', reply => { reply.raw.end() }],
  ['ends the response with a body', reply => { reply.raw.end('a body') }],
  ['writes to the response', reply => { reply.raw.write('a body') }]
] as Array<[how: string, act: (reply: FastifyReply) => void]>) {
  test(`an onResponse hook that ${how} opens no second socket`, async t => {
    const found = uncaught(t)
    const app = http2App(t)
    let opened = 0
    app.get('/room', { ws: true, onResponse: async (_request, reply) => act(reply) }, socket => {
      opened++
      socket.on('message', message => { socket.send(message) })
    })
    const session = await RawSession.open(t, await listen(app))
    session.connect(1, connectFields('/room'))
    await until(() => opened === 1)
    session.send(http2Frame(DATA, 0, 1, masked(TEXT, 'hi')))
    await until(() => session.of(1, DATA).length > 0)
    t.equal(session.of(1, DATA)[0]!.payload.toString('latin1'), '\x81\x02hi', 'frames and nothing else')
    t.equal(opened, 1)
    t.same(found, [])
  })
}

test('a client that resets a socket which does not read is noticed, though what it sent is still unread', async t => {
  const app = http2App(t, { maxQueued: 1 })
  const ended = deferred<number>()
  app.get('/room', { ws: true }, socket => {
    socket.on('error', () => {})
    socket.on('close', ({ code }) => { ended.resolve(code) })
  })
  const session = await RawSession.open(t, await listen(app))
  session.connect(1, connectFields('/room'))
  await until(() => app.sockets.size === 1)
  session.send(http2Frame(DATA, 0, 1, Buffer.concat(Array(10).fill(masked(TEXT, 'hello')))), words, reset(NO_ERROR))
  t.equal(await ended.promise, 1006)
})

test('what a hook has begun to read of the request does not stop the socket', async t => {
  const app = http2App(t)
  let bytes = 0
  app.get('/room', {
    ws: true,
    preHandler: async ({ raw }) => { raw.read() }
  }, socket => {
    socket.on('message', ({ length }) => { bytes += length })
  })
  const session = await RawSession.open(t, await listen(app))
  session.connect(1, connectFields('/room'))
  await until(() => app.sockets.size === 1)
  for (let i = 0; i < 50; i++) session.send(http2Frame(DATA, 0, 1, masked(TEXT, 'x'.repeat(1000))))
  await until(() => bytes === 50_000)
})
