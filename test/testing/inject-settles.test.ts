import type { FastifyReply, FastifyRequest } from 'fastify'
import { test } from 'tap'
import { createApp } from '../support/app.ts'
import { settledClock } from '../support/clock.ts'
import { uncaught } from '../support/uncaught.ts'
import { turn, until } from '../support/until.ts'

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
const FRAME = Buffer.from([0x81, 1, 120])

type Act = (request: FastifyRequest, reply: FastifyReply) => void

interface Row {
  /** What a hook does instead of an answer. */
  name: string
  act: Act
  code: string
}

const write = (...bytes: Array<string | Buffer>): Act => ({ raw }) => { for (const one of bytes) raw.socket.write(one) }
const HIJACKED = 'FST_ERR_WS_INJECT_HIJACKED'
const REFUSED = 'FST_ERR_WS_INJECT_REFUSED'
const UNANSWERED = 'FST_ERR_WS_INJECT_UNANSWERED'

const ROWS: Row[] = [
  { name: 'sends a 101 of its own', act: write(`${SWITCH}\r\n`), code: HIJACKED },
  { name: 'sends a 101 of its own and a message', act: write(`${SWITCH}\r\n`, FRAME), code: HIJACKED },
  {
    name: 'sends a 101 that looks like ours',
    act: (_request, { raw }) => { raw.socket!.write(`${SWITCH}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n`) },
    code: HIJACKED
  },
  { name: 'sends a 101 and cuts the socket', act: ({ raw }) => { raw.socket.end(`${SWITCH}\r\n`) }, code: HIJACKED },
  { name: 'sends a 200 of its own', act: (_request, { raw }) => { raw.writeHead(200).end('own') }, code: REFUSED },
  { name: 'writes a 200 by hand', act: write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown'), code: REFUSED },
  {
    name: 'writes half a 200 and ends',
    act: ({ raw }) => { raw.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nown') },
    code: UNANSWERED
  },
  { name: 'writes half a 200 and stays', act: write('HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nown'), code: UNANSWERED },
  { name: 'writes what is not HTTP', act: write('hello\r\n\r\n'), code: UNANSWERED },
  { name: 'never answers', act: () => {}, code: REFUSED },
  { name: 'ends the socket', act: ({ raw }) => { raw.socket.end() }, code: UNANSWERED },
  { name: 'destroys the socket', act: ({ raw }) => { raw.socket.destroy() }, code: UNANSWERED },
  { name: 'destroys the request', act: ({ raw }) => { raw.destroy() }, code: UNANSWERED },
  { name: 'destroys the response', act: (_request, { raw }) => { raw.destroy() }, code: UNANSWERED }
]

for (const hook of ['onRequest', 'preHandler', 'onSend'] as const) {
  for (const { name, act, code } of ROWS) {
    test(`injectWS rejects where the hook ${hook} ${name}`, async t => {
      const found = uncaught(t)
      const app = createApp(t, { heartbeat: false })
      let acted = false
      app.get('/room', {
        ws: true,
        [hook]: (request: FastifyRequest, reply: FastifyReply) => {
          acted = true
          reply.hijack()
          act(request, reply)
          return new Promise(() => {})
        }
      }, () => { t.fail('the handler was called') })
      await app.ready()
      const clock = await settledClock(t)
      const errors: any[] = []
      app.injectWS('/room').then(() => { errors.push(null) }, error => { errors.push(error) })
      await until(() => acted, 'the hook has acted')
      for (let time = 0; errors.length === 0 && time < 100_000; time += 1000) {
        for (let i = 0; i < 5; i++) await turn()
        clock.tick(1000)
      }
      t.equal(errors[0]?.code, code, errors[0]?.message)
      t.same(found, [])
      for (let i = 0; i < 5; i++) await turn()
      t.equal(app.sockets.size, 0)
      clock.tick(100_000)
      await turn()
      t.equal(clock.countTimers(), 0)
    })
  }
}

test('injectWS rejects where no route limits a hook that never answers', async t => {
  const app = createApp(t)
  app.get('/room', { ws: { handshakeTimeout: 20_000 } }, () => {})
  let asked = false
  app.get('/plain', (_request, reply) => {
    asked = true
    reply.hijack()
  })
  await app.ready()
  const clock = await settledClock(t)
  let error: any
  app.injectWS('/plain').catch(reason => { error = reason })
  await until(() => asked, 'the route is asked')
  clock.tick(79_999)
  await turn()
  t.equal(error, undefined)
  clock.tick(1)
  await until(() => error !== undefined)
  t.match(error, { code: UNANSWERED, message: 'the handshake got no complete answer: none for 80000 ms' })
})

test('injectWS rejects when the app closes meanwhile', async t => {
  const app = createApp(t, { handshakeTimeout: 60_000 })
  let asked = false
  app.get('/room', { ws: true, onRequest: () => new Promise(() => { asked = true }) }, () => {})
  await app.ready()
  const clock = await settledClock(t)
  let error: any
  app.injectWS('/room').catch(reason => { error = reason })
  await until(() => asked, 'the route is asked')
  const closed = app.close()
  for (let i = 0; i < 10; i++) await turn()
  clock.tick(10_000)
  await until(() => error !== undefined)
  t.equal(error.code, UNANSWERED)
  await closed
})

test('injectWS resolves for every one of many handshakes at once', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, socket => { socket.close(1000, 'at once') })
  await app.ready()
  const clients = await Promise.all(Array.from({ length: 300 }, () => app.injectWS('/room')))
  const codes = await Promise.all(clients.map(async client => (await client.closed).code))
  t.same(new Set(codes), new Set([1000]))
})
