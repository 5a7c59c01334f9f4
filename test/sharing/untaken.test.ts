import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { type Test, test } from 'tap'
import { connectHeaders, openSession, openSocket, openStream, refusal, StreamClient } from '../http2/support.ts'
import { createApp, listen } from '../support/app.ts'
import { settledClock } from '../support/clock.ts'
import { connectionCount, deferred, errorBody, frameText, h2c, linesWith } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { uncaught } from '../support/uncaught.ts'
import { until } from '../support/until.ts'
import { waitingConstraint } from './waiting-constraint.ts'

const HTTP1 = { http2: false, https: null } as unknown as FastifyServerOptions

/** An app beside a listener that is only for `/theirs`. */
function appBeside (t: Test, server: object = HTTP1): ReturnType<typeof createApp> {
  const app = createApp(t, {}, server)
  app.server.on('upgrade', (request, socket) => {
    if (request.url === '/theirs') socket.end('HTTP/1.1 299 Theirs\r\n\r\n')
  })
  app.get('/ours', { ws: true }, socket => { socket.send('ours') })
  app.get('/plain', async ({ method }) => ({ method }))
  return app
}

/** Of an upgrade that has reached the other listener. */
async function held (app: FastifyInstance, bytes: string): Promise<{ client: RawClient, socket: Duplex }> {
  const client = new RawClient((app.server.address() as { port: number }).port)
  const arrived = once(app.server, 'upgrade')
  client.write(bytes)
  const [, socket] = await arrived
  return { client, socket }
}

for (const [what, bytes, status] of [
  ['for a URL that is not there', handshake('/nobody'), 404],
  ['for a URL that no route can have', handshake('/%zz'), 400],
  ['for an HTTP route, which serves it,', handshake('/plain'), 200],
  ['to another protocol', h2c('GET', '/nobody'), 404]
] as const) {
  test(`an upgrade ${what} that no other listener takes is answered by Fastify after a second`, async t => {
    const app = appBeside(t)
    await listen(app)
    const clock = await settledClock(t)
    const { client, socket } = await held(app, bytes)
    t.same(app.lines.filter(({ req }) => req !== undefined), [], 'nothing is logged')
    clock.tick(999)
    t.equal((socket as any).bytesWritten, 0)
    clock.tick(1)
    const response = await client.response()
    t.equal(response.status, status)
    await client.end()
    t.equal(linesWith(app.lines, 'incoming request').length, status === 400 ? 0 : 1)
    await until(async () => await connectionCount(app) === 0)
  })
}

for (const [how, take] of [
  ['has answered', (socket: Duplex) => { socket.write('HTTP/1.1 299 Theirs\r\n\r\n') }],
  ['reads', (socket: Duplex) => { socket.on('data', () => {}) }],
  ['reads and ignores', (socket: Duplex) => { socket.resume() }],
  ['listens to its errors', (socket: Duplex) => { socket.on('error', () => {}) }],
  ['has ended', (socket: Duplex) => { socket.end() }],
  ['has destroyed', (socket: Duplex) => { socket.destroy() }]
] as const) {
  test(`an upgrade that another listener ${how} is its own`, async t => {
    const app = createApp(t, {}, HTTP1)
    app.addHook('onRequest', async () => { t.fail('went through Fastify') })
    app.server.on('upgrade', (_request, socket) => { take(socket) })
    await listen(app)
    const clock = await settledClock(t)
    const { client, socket } = await held(app, handshake('/theirs'))
    clock.tick(5000)
    socket.destroy()
    await client.destroy()
  })
}

test('what another listener is not asked about does not wait for it', async t => {
  const app = appBeside(t)
  const port = await listen(app)
  await settledClock(t)
  const ours = await RawClient.open(port, '/ours')
  t.equal(await frameText(ours), 'ours')
  await ours.destroy()
  const theirs = new RawClient(port)
  theirs.write(handshake('/theirs'))
  t.equal((await theirs.response()).status, 299)
  await theirs.end()
})

test('a client that resets its connection before anybody has taken the upgrade ends nothing else', async t => {
  const found = uncaught(t)
  const app = createApp(t, {}, HTTP1)
  // As who looks at what comes, but not at errors.
  app.server.on('upgrade', (_request, socket) => { socket.resume() })
  await listen(app)
  const { client, socket } = await held(app, handshake('/theirs'))
  const closed = new Promise(resolve => { socket.on('close', resolve) })
  client.reset()
  await closed
  t.same(found, [])
})

test('app.close() ends an upgrade that nobody has taken', async t => {
  const app = appBeside(t)
  await listen(app)
  const clock = await settledClock(t)
  const { client } = await held(app, handshake('/nobody'))
  const closed = app.close()
  clock.tick(1000)
  // Fastify begins to close a little later.
  t.match(String((await client.response()).status), /^(404|503)$/)
  await client.end()
  clock.uninstall()
  await closed
})

test('over HTTP/2 a CONNECT that no other listener takes is answered after a second', async t => {
  const app = createApp(t, {}, { http2: true } as FastifyServerOptions)
  const seen: string[] = []
  app.server.on('connect' as 'upgrade', request => { seen.push(request.url!) })
  app.get('/ours', { ws: true }, socket => { socket.send('ours') })
  app.get('/plain', async () => 'http')
  const session = await openSession(t, await listen(app))
  t.equal(await (await openSocket(session, '/ours')).text(), 'ours')
  const clock = await settledClock(t)
  for (const [headers, status] of [
    [connectHeaders('/nobody'), 404], [connectHeaders('/plain'), 404], [connectHeaders('/nobody', { ':protocol': 'connect-udp' }), 501],
    [{ ':method': 'CONNECT', ':authority': 'example.org:443' }, 405]
  ] as const) {
    const before = seen.length
    const client = new StreamClient(session, headers)
    await until(() => seen.length > before)
    clock.tick(1000)
    t.equal((await refusal(client)).status, status)
  }
  t.same(seen.slice(0, 2), ['/nobody', '/plain'])
})

test('over HTTP/2 a CONNECT that another listener takes, or its client gives up, is not', async t => {
  const app = createApp(t, {}, { http2: true } as FastifyServerOptions)
  app.addHook('onRequest', async () => { t.fail('went through Fastify') })
  const arrived: Http2ServerRequest[] = []
  app.server.on('connect' as 'upgrade', (request: any, response: any) => {
    arrived.push(request)
    if (request.url === '/taken') request.on('data', () => {})
    if (request.url === '/answered') (response as Http2ServerResponse).writeHead(299)
  })
  const session = await openSession(t, await listen(app))
  const clock = await settledClock(t)
  for (const url of ['/taken', '/answered', '/gone']) {
    const client = openStream(session, url)
    await until(() => arrived.at(-1)?.url === url)
    if (url === '/gone') {
      client.stream.close(8)
      await once(arrived.at(-1)!.stream, 'close')
    }
    clock.tick(5000)
    client.stream.destroy()
  }
  t.equal(arrived.length, 3)
})

test('where a constraint takes its time, whose it is is known only then', async t => {
  const { asked, routerOptions } = waitingConstraint()
  const app = createApp(t, {}, { ...HTTP1, routerOptions } as unknown as FastifyServerOptions)
  const theirs: string[] = []
  app.server.on('upgrade', (request, socket) => {
    theirs.push(request.url!)
    socket.end('HTTP/1.1 299 Theirs\r\n\r\n')
  })
  app.get('/room', { ws: true, constraints: { secret: 'a' } }, socket => { socket.send('ours') })
  const port = await listen(app)
  for (const [value, says] of [['a', 'ours'], ['b', 299]] as const) {
    const client = new RawClient(port)
    client.write(handshake('/room'))
    await until(() => asked.length > 0)
    t.same(theirs, [])
    asked.pop()!(value)
    const response = await client.response()
    if (response.status === 101) t.equal(await frameText(client), says)
    else t.equal(response.status, says)
    await client.destroy()
  }
  t.same(theirs, ['/room'])
})

test('a constraint that says nothing for ten seconds leaves it to the others', async t => {
  const { asked, routerOptions } = waitingConstraint()
  const app = createApp(t, {}, { ...HTTP1, routerOptions } as unknown as FastifyServerOptions)
  app.server.on('upgrade', (_request, socket) => { socket.end('HTTP/1.1 299 Theirs\r\n\r\n') })
  app.get('/room', { ws: true, constraints: { secret: 'a' } }, () => { t.fail('the handler was called') })
  const port = await listen(app)
  const clock = await settledClock(t)
  const client = new RawClient(port)
  client.write(handshake('/room'))
  await until(() => asked.length > 0)
  clock.tick(10_000)
  t.equal((await client.response()).status, 299)
  asked.pop()!('a')
  await client.end()
})

const pipelined: Array<[what: string, isAlone: boolean, upgrade: string]> = [
  ['an upgrade', false, handshake('/ours')], ['an upgrade', true, handshake('/ours')]
]
// Later versions of Node ask first, and have it answered as any other request.
if (!('shouldUpgradeCallback' in createServer())) pipelined.push(['an upgrade to another protocol', true, h2c('GET', '/plain')])

for (const [what, isAlone, upgrade] of pipelined) {
  test(`${what} pipelined behind a request without an answer has its connection cut${isAlone ? '' : ', beside another listener as well'}`, async t => {
    const found = uncaught(t)
    const app = isAlone ? createApp(t, {}, HTTP1) : appBeside(t)
    const running = deferred()
    const answer = deferred()
    app.get('/slow', async () => {
      running.resolve()
      await answer.promise
      return 'late'
    })
    if (isAlone) app.get('/ours', { ws: true }, () => {})
    const client = new RawClient(await listen(app))
    client.write('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n' + upgrade)
    await running.promise
    await client.end()
    answer.resolve()
    t.same(found, [])
  })
}

test('the answer to an earlier request is not taken for one to an upgrade that was passed on', async t => {
  const app = appBeside(t)
  const passedOn = deferred()
  const answer = deferred()
  app.server.on('upgrade', () => { passedOn.resolve() })
  app.get('/slow', async () => {
    await answer.promise
    return 'late'
  })
  const client = new RawClient(await listen(app))
  const clock = await settledClock(t)
  client.write('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n' + handshake('/none'))
  await passedOn.promise
  answer.resolve()
  t.equal((await client.response()).body, 'late')
  clock.tick(1000)
  t.equal((await client.response()).status, 404)
  await client.end()
})

test('errors of hooks are as they would be without another listener', async t => {
  const app = appBeside(t)
  app.register(async child => {
    child.addHook('onRequest', async () => { throw Object.assign(new Error('on purpose'), { statusCode: 418 }) })
    child.get('/refused', { ws: true }, () => {})
  })
  const client = new RawClient(await listen(app))
  client.write(handshake('/refused'))
  const response = await client.response()
  t.equal(response.status, 418)
  t.equal(errorBody(response).message, 'on purpose')
  await client.end()
})

for (const [what, take, ends] of [
  ['answers and forgets', (socket: Duplex) => { socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n') }, true],
  ['reads', (socket: Duplex) => { socket.resume() }, false],
  ['reads by hand', (socket: Duplex) => { socket.on('readable', () => {}) }, false]
] as const) {
  test(`app.close() ${ends ? 'cuts' : 'leaves alone'} an upgrade that another listener ${what}`, async t => {
    const app = createApp(t, { drain: { timeout: 100 } }, HTTP1)
    app.server.on('upgrade', (_request, socket) => {
      socket.on('error', () => {})
      take(socket)
    })
    await listen(app)
    const { client, socket } = await held(app, handshake('/theirs'))
    const clock = await settledClock(t)
    const closed = app.close()
    await until(() => clock.countTimers() > 0)
    clock.tick(100)
    if (ends) await client.end()
    t.equal(socket.destroyed, ends)
    socket.destroy()
    clock.uninstall()
    await closed
  })
}
