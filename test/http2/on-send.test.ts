import { Readable } from 'node:stream'
import cookie from '@fastify/cookie'
import { test } from 'tap'
import { listen } from '../support/app.ts'
import { masked } from '../support/frames.ts'
import { deferred, errorBody, waitingOnSend } from '../support/handshakes.ts'
import { turn, until } from '../support/until.ts'
import { CANCEL, http2App, openSession, openSocket, openStream, refusingApp } from './support.ts'

const PAYLOADS: Array<[name: string, make: () => unknown]> = [
  ['a string', () => 'not for a 200 that opens'],
  ['a long string', () => 'x'.repeat(200_000)],
  ['a Buffer', () => Buffer.from('not for a 200 that opens')],
  ['a stream', () => Readable.from(['not for ', 'a 200 ', 'that opens'])]
]

for (const [name, make] of PAYLOADS) {
  test(`no byte of ${name} that an onSend hook makes up reaches the frames`, async t => {
    const app = http2App(t)
    app.addHook('onSend', async () => make())
    app.get('/room', { ws: true }, socket => {
      socket.send('first')
      socket.on('message', message => { socket.send(message) })
    })
    const client = await openSocket(await openSession(t, await listen(app)), '/room')
    t.same(Object.keys(client.headers!).sort(), [':status', 'date'])
    t.equal(await client.text(), 'first')
    for (let i = 0; i < 5; i++) await turn()
    client.send(1, 'second')
    t.equal(await client.text(), 'second')
    t.equal(client.received.length, 0)
  })
}

for (const [how, error, status] of [
  ['throws', new Error('too late'), 500],
  ['throws an error with a status of its own', Object.assign(new Error('too late'), { statusCode: 503 }), 503]
] as const) {
  test(`an onSend hook that ${how} refuses after all`, async t => {
    let runs = 0
    const { knock } = await refusingApp(t, app => {
      app.addHook('onSend', async () => { if (runs++ === 0) throw error })
    })
    const response = await knock('/room', { 'sec-websocket-protocol': 'chat' })
    t.equal(response.status, status)
    t.match(errorBody(response), { message: 'too late' })
  })
}

for (const [what, name, value] of [['value', 'x-bad', 'one\r\ntwo'], ['name', 'x bad', 'one']] as const) {
  for (const hook of ['preHandler', 'onSend'] as const) {
    test(`a header with a ${what} that HTTP cannot carry, set in ${hook}, ends in a whole error`, async t => {
      let runs = 0
      const { knock } = await refusingApp(t, app => {
        app.addHook(hook as 'preHandler', async (_request, reply) => { if (runs++ === 0) reply.header(name, value) })
      })
      const response = await knock()
      t.equal(response.status, 500)
      t.match(errorBody(response), { code: /^ERR_(INVALID_CHAR|INVALID_HTTP_TOKEN)$/ })
    })
  }
}

test('a header that every answer has and HTTP cannot carry crashes nothing', async t => {
  const { knock } = await refusingApp(t, app => {
    app.addHook('onSend', async (_request, reply) => { reply.header('x-bad', 'one\r\ntwo') })
  })
  t.equal((await knock()).status, 500)
})

test('a status that an onSend hook sets refuses, and a 2xx is none to refuse with', async t => {
  for (const [set, status] of [[418, 418], [201, 403]] as const) {
    const { knock } = await refusingApp(t, app => {
      app.addHook('onSend', async (_request, reply) => { reply.code(set) })
    })
    t.equal((await knock()).status, status)
  }
})

test('cookies that are written by an onSend hook are on the 200', async t => {
  const app = http2App(t)
  app.register(cookie)
  app.get('/room', { ws: true, preHandler: async (_request, reply) => { reply.setCookie('a', '1').setCookie('b', '2') } }, () => {})
  const { headers } = await openSocket(await openSession(t, await listen(app)), '/room')
  t.same(headers!['set-cookie']!.map(value => value.split(';')[0]), ['a=1', 'b=2'])
})

test('frames that come ahead of the 200, in pieces, are the first messages', async t => {
  const app = http2App(t)
  const running = deferred()
  const gate = deferred()
  const frames = [masked(1, 'one'), masked(1, 'two'), masked(1, 'three')]
  const bytes = Buffer.concat(frames)
  let came = 0
  app.addHook('preHandler', async request => {
    ;(request.raw as any).stream.on('data', (chunk: Buffer) => { came += chunk.length })
    running.resolve()
    await gate.promise
  })
  app.get('/room', { ws: true }, socket => { socket.on('message', message => { socket.send(message) }) })
  const client = openStream(await openSession(t, await listen(app)), '/room')
  client.write(bytes.subarray(0, 9))
  await running.promise
  client.write(bytes.subarray(9, 20))
  await until(() => came === 20)
  gate.resolve()
  t.equal(await client.status(), 200)
  client.write(bytes.subarray(20))
  for (const text of ['one', 'two', 'three']) t.equal(await client.text(), text)
})

test('frames right behind a handshake that is answered at once are the first messages', async t => {
  const app = http2App(t)
  app.get('/room', { ws: true }, socket => { socket.on('message', message => { socket.send(message) }) })
  const client = openStream(await openSession(t, await listen(app)), '/room')
  for (const text of ['one', 'two', 'three']) client.send(1, text)
  for (const text of ['one', 'two', 'three']) t.equal(await client.text(), text)
})

test('64 KiB may come ahead of the answer', async t => {
  const app = http2App(t)
  const gate = deferred()
  let came = 0
  app.addHook('preHandler', async request => {
    ;(request.raw as any).stream.on('data', (chunk: Buffer) => { came += chunk.length })
    await gate.promise
  })
  app.get('/room', { ws: true }, socket => { socket.on('message', message => { socket.send(`${message.length}`) }) })
  const client = openStream(await openSession(t, await listen(app)), '/room')
  const bytes = masked(2, Buffer.alloc(64 * 1024 - 8))
  t.equal(bytes.length, 64 * 1024)
  client.write(bytes)
  await until(() => came === bytes.length)
  gate.resolve()
  t.equal(await client.text(), `${64 * 1024 - 8}`)
})

test('a client that sends more without waiting for the answer is cut, and its session is not', async t => {
  const app = http2App(t)
  app.addHook('preHandler', async request => {
    if (request.headers['x-wait'] !== undefined) await new Promise(() => {})
  })
  app.get('/room', { ws: true }, socket => { socket.send('hello') })
  const session = await openSession(t, await listen(app))
  const client = openStream(session, '/room', { 'x-wait': '1' })
  client.write(Buffer.alloc(64 * 1024 + 1))
  t.equal(await client.rst(), CANCEL)
  t.equal(client.headers, null)
  t.equal(await (await openSocket(session, '/room')).text(), 'hello')
  t.match(app.sockets.stats(), { opened: 1, refused: 1 })
})

test('a client that leaves while an asynchronous onSend hook runs leaves nothing behind', async t => {
  const app = http2App(t)
  const { running, gate } = waitingOnSend(app)
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  const client = openStream(await openSession(t, await listen(app)), '/room')
  const signal = await running.promise
  client.stream.close(CANCEL)
  await until(() => signal.aborted)
  gate.resolve()
  for (let i = 0; i < 5; i++) await turn()
  t.match(app.sockets.stats(), { opened: 0, refused: 1 })
})

test('an app that begins to close while an onSend hook of the 200 runs tells the socket so', async t => {
  const app = http2App(t)
  const { running, gate } = waitingOnSend(app)
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  const client = openStream(await openSession(t, await listen(app)), '/room')
  await running.promise
  const closed = app.close()
  await turn()
  gate.resolve()
  t.equal(await client.status(), 200)
  t.equal((await client.close()).code, 1001)
  client.send(8)
  await client.end()
  client.stream.end()
  await closed
})
