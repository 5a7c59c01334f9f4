import { test } from 'tap'
import { createApp, listen, type LogLine } from '../support/app.ts'
import { closeBody } from '../support/frames.ts'
import { deferred, lastResponse, linesWith } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { accepted } from '../support/transport.ts'
import { until } from '../support/until.ts'

const REQUEST_LINES = ['incoming request', 'request completed', 'websocket closed']

/** Waits for a log line. */
async function line (lines: LogLine[], msg: string): Promise<LogLine> {
  await until(() => linesWith(lines, msg).length > 0, `a log line '${msg}'`)
  return linesWith(lines, msg)[0]!
}

test("an accepted handshake is logged as any request is: 'request completed'", async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  const client = await RawClient.open(await listen(app), '/room')
  const incoming = await line(app.lines, 'incoming request')
  const completed = await line(app.lines, 'request completed')
  t.match(incoming, { level: 30, req: { method: 'GET', url: '/room' } })
  t.match(completed, { level: 30, reqId: incoming.reqId, res: { statusCode: accepted }, responseTime: Number })
  t.equal(linesWith(app.lines, 'websocket closed').length, 0)
  await client.destroy()
})

test("the end is logged once, as 'websocket closed', under the id of the request, with what has passed", async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, socket => { socket.on('message', message => { socket.send(message) }) })
  const client = await RawClient.open(await listen(app), '/room')
  client.send(1, 'hello')
  await client.frame()
  client.send(8, closeBody(4001, 'enough'))
  await client.close()
  await client.end()

  const closed = await line(app.lines, 'websocket closed')
  t.equal(closed.level, 30)
  t.equal(closed.reqId, linesWith(app.lines, 'incoming request')[0]!.reqId)
  const { duration, ...ws } = closed.ws
  t.same(ws, {
    code: 4001, reason: 'enough', wasClean: true, initiator: 'remote',
    messagesIn: 1, messagesOut: 1, bytesIn: (6 + 5) + (6 + 2 + 6), bytesOut: (2 + 5) + (2 + 2)
  })
  t.ok(duration > 0 && duration < 60_000, `${duration} ms`)
  t.notOk('err' in closed)
  await app.close()
  t.equal(linesWith(app.lines, 'websocket closed').length, 1)
})

test('a close from this side, a cut and a lost connection are told apart in the log', async t => {
  const app = createApp(t)
  app.get('/closed', { ws: true }, socket => { socket.close(4000, 'done') })
  app.get('/cut', { ws: true }, socket => { socket.terminate() })
  app.get('/lost', { ws: true }, () => {})
  const port = await listen(app)
  const found = async (url: string, act: (client: RawClient) => Promise<void>) => {
    app.lines.length = 0
    const client = new RawClient(port)
    client.write(handshake(url))
    await act(client)
    const { code, reason, wasClean, initiator } = (await line(app.lines, 'websocket closed')).ws
    return { code, reason, wasClean, initiator }
  }

  t.same(await found('/closed', async client => {
    await client.response()
    await client.close()
    client.send(8, closeBody(4000))
    await client.end()
  }), { code: 4000, reason: 'done', wasClean: true, initiator: 'local' })
  t.same(await found('/cut', client => client.end()), { code: 1006, reason: '', wasClean: false, initiator: 'local' })
  t.same(await found('/lost', async client => {
    await client.response()
    client.reset()
  }), { code: 1006, reason: '', wasClean: false, initiator: 'remote' })
})

test('a violation of the protocol is logged with its error', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  const client = await RawClient.open(await listen(app), '/room')
  client.send(3, 'reserved opcode')
  t.equal((await client.close()).code, 1002)
  await client.end()
  t.match(await line(app.lines, 'websocket closed'), {
    ws: { code: 1002, initiator: 'local' },
    err: { code: 'FST_ERR_WS_PROTOCOL', message: /opcode/, stack: String }
  })
})

test('an error of the handler is logged as an error, and the close with its code', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => { throw new Error('on purpose') })
  const client = await RawClient.open(await listen(app), '/room')
  t.same(await client.close(), { code: 1011, reason: 'internal error' })
  client.send(8, closeBody(1011))
  await client.end()
  t.match(await line(app.lines, 'websocket handler failed'), {
    level: 50, err: { message: 'on purpose' }, reqId: String
  })
  t.match(await line(app.lines, 'websocket closed'), { level: 30, ws: { code: 1011 } })
})

test('a message that the schema refuses is logged', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true, schema: { message: { type: 'object' } } }, socket => { socket.on('message', () => {}) })
  const client = await RawClient.open(await listen(app), '/room')
  client.send(1, '[]')
  t.same(await client.close(), { code: 1008, reason: 'message must be object' })
  client.send(8, closeBody(1008))
  await client.end()
  t.match(await line(app.lines, 'websocket message refused'), {
    level: 30, err: { code: 'FST_ERR_WS_INVALID_MESSAGE', message: 'message must be object' }, reqId: String
  })
})

test('an error in onError itself is logged, and the socket closes with 1011', async t => {
  const app = createApp(t)
  const onError = async () => { throw new Error('in onError') }
  app.get('/room', { ws: { onError } }, () => { throw new Error('first') })
  const client = await RawClient.open(await listen(app), '/room')
  t.equal((await client.close()).code, 1011)
  await client.destroy()
  t.match(await line(app.lines, 'websocket handler failed'), { level: 50, err: { message: 'in onError' } })
})

test('a refused handshake is logged as Fastify logs a refused request', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => {})
  await lastResponse(await listen(app), handshake('/room', { 'Sec-WebSocket-Protocol': '?' }))
  t.match(await line(app.lines, 'request completed'), { res: { statusCode: 400 } })
  t.ok(app.lines.some(({ err }) => err?.code === 'FST_ERR_WS_HANDSHAKE'))
  t.equal(linesWith(app.lines, 'websocket closed').length, 0)
})

test('disableRequestLogging is silent about requests and sockets, not about errors', async t => {
  const app = createApp(t, {}, { disableRequestLogging: true })
  const ended = deferred()
  app.get('/room', { ws: true }, socket => {
    socket.on('close', () => ended.resolve())
    throw new Error('on purpose')
  })
  const client = await RawClient.open(await listen(app), '/room')
  await client.close()
  await client.destroy()
  await ended.promise
  for (const msg of REQUEST_LINES) t.same(linesWith(app.lines, msg), [], msg)
  t.equal(linesWith(app.lines, 'websocket handler failed').length, 1)
})

test('disableRequestLogging as a function decides by the request, for the end of a socket too', async t => {
  const app = createApp(t, {}, { disableRequestLogging: (request: any) => request.url === '/quiet' })
  const ends: string[] = []
  const handler = (socket: any) => { socket.on('close', () => { ends.push(socket.request.url) }) }
  app.get('/quiet', { ws: true }, handler)
  app.get('/loud', { ws: true }, handler)
  const port = await listen(app)
  for (const url of ['/quiet', '/loud']) {
    const client = await RawClient.open(port, url)
    await client.destroy()
    await until(() => ends.includes(url), `the end of ${url}`)
  }
  await line(app.lines, 'request completed')
  t.equal(linesWith(app.lines, 'request completed').length, 1)
  t.equal(linesWith(app.lines, 'websocket closed').length, 1)
})

test('the log level of a route holds for its sockets', async t => {
  const app = createApp(t)
  const ended = deferred()
  app.get('/room', { ws: true, logLevel: 'error' }, socket => { socket.on('close', () => ended.resolve()) })
  const client = await RawClient.open(await listen(app), '/room')
  await client.destroy()
  await ended.promise
  t.same(linesWith(app.lines, 'websocket closed'), [])
})
