import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { masked } from '../support/frames.ts'
import { connectionCount, frameText, waitingOnSend } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

test('headers that an onSend hook sets cannot spoil the handshake', async t => {
  const app = createApp(t)
  app.addHook('onSend', async (_request, reply) => {
    reply.headers({
      connection: 'close',
      upgrade: 'h2c',
      'sec-websocket-accept': 'forged',
      'sec-websocket-protocol': 'forged',
      'content-type': 'text/html',
      'transfer-encoding': 'chunked'
    })
  })
  app.get('/room', { ws: true }, socket => { socket.send('hello') })
  const client = new RawClient(await listen(app))
  client.write(handshake('/room'))
  const { status, headers } = await client.response()
  t.equal(status, 101)
  t.same(headers.connection, ['Upgrade'])
  t.same(headers.upgrade, ['websocket'])
  t.same(headers['sec-websocket-accept'], ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo='])
  t.same(Object.keys(headers).sort(), ['connection', 'date', 'sec-websocket-accept', 'upgrade'])
  t.equal(await frameText(client), 'hello')
  await client.destroy()
})

test('a status that an onSend hook sets does not open a socket behind a response that is no 101', async t => {
  const app = createApp(t)
  app.addHook('onSend', async (_request, reply) => { reply.code(418) })
  app.get('/room', { ws: true }, socket => { socket.send('hello') })
  const client = new RawClient(await listen(app))
  client.write(handshake('/room'))
  const { status } = await client.response()
  await until(() => app.sockets.stats().opened === 1 || client.ended)
  t.equal(app.sockets.stats().opened, status === 101 ? 1 : 0, `status ${status}`)
  await client.destroy()
})

for (const [what, name, value] of [['value', 'x-bad', 'one\r\ntwo'], ['name', 'x bad', 'one']] as const) {
  for (const hook of ['preHandler', 'onSend'] as const) {
    test(`a header with a ${what} that HTTP cannot carry, set in ${hook}, ends in a whole error`, async t => {
      const app = createApp(t)
      let calls = 0
      app.addHook(hook as 'preHandler', async (_request, reply) => {
        if (calls++ === 0) reply.header(name, value)
      })
      app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
      const client = new RawClient(await listen(app))
      client.write(handshake('/room'))
      await client.end()
      t.match(client.received.toString(), /^HTTP\/1\.1 500 Internal Server Error\r\n/)
      t.match(client.received.toString(), /\r\n\r\n\{.*"code":"ERR_(INVALID_CHAR|INVALID_HTTP_TOKEN)"/)
      t.equal(app.sockets.stats().opened, 0)
    })
  }
}

test('frames that come while an asynchronous onSend hook runs are the first messages', async t => {
  const app = createApp(t)
  const { running, gate } = waitingOnSend(app)
  app.get('/room', { ws: true }, socket => { socket.on('message', message => { socket.send(message) }) })
  const client = new RawClient(await listen(app))
  client.write(Buffer.concat([Buffer.from(handshake('/room')), masked(1, 'one')]))
  await running.promise
  client.write(masked(1, 'two'))
  gate.resolve()
  t.equal((await client.response()).status, 101)
  t.equal(await frameText(client), 'one')
  t.equal(await frameText(client), 'two')
  await client.destroy()
})

test('a client that leaves while an asynchronous onSend hook runs leaves nothing behind', async t => {
  const app = createApp(t)
  const { running, gate } = waitingOnSend(app)
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  const client = new RawClient(await listen(app))
  client.write(handshake('/room'))
  const signal = await running.promise
  client.reset()
  await until(() => signal.aborted)
  gate.resolve()
  await until(async () => await connectionCount(app) === 0)
  await new Promise(setImmediate)
  t.equal(app.sockets.stats().opened, 0)
})

test('app.close() ends though an asynchronous onSend hook is about to open a socket', { timeout: 5000 }, async t => {
  const app = createApp(t)
  const { running, gate } = waitingOnSend(app)
  app.get('/room', { ws: true }, () => {})
  const client = new RawClient(await listen(app))
  t.teardown(() => client.destroy())
  client.write(handshake('/room'))
  await running.promise
  const closed = app.close()
  await until(() => !app.server.listening)
  gate.resolve()
  const { status } = await client.response()
  if (status === 101) {
    t.equal((await client.close()).code, 1001)
    client.send(8, Buffer.from([3, 233]))
  } else {
    t.equal(status, 503)
  }
  await client.end()
  await closed
  await until(() => app.sockets.size === 0)
})
