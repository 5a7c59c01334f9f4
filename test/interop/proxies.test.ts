import { once } from 'node:events'
import { connect as connectHttp2, constants } from 'node:http2'
import type { Socket } from 'fastify-sockets'
import { test } from 'tap'
import type { WebSocket } from 'ws'
import { clientClosed, createApp, listen } from '../support/app.ts'
import { deferred, nextText } from '../support/handshakes.ts'
import { CHUNK } from '../support/serve.ts'
import { until } from '../support/until.ts'
import { inFront, type Way } from './in-front.ts'
import type { Change, ProxyName } from './proxy.ts'
import { runChecksWith } from './run.ts'
import { startServer } from './server.ts'
import { wsClient } from './ws-client.ts'

const WAYS: Way[] = [
  { name: 'nginx', proxy: 'nginx' },
  { name: 'HAProxy', proxy: 'haproxy' },
  { name: 'HAProxy, h2 to h1', proxy: 'haproxy', http2: true },
  { name: 'HAProxy, h1 to h2', proxy: 'haproxy', server: { http2: true } },
  { name: 'HAProxy, h2 to h2', proxy: 'haproxy', http2: true, server: { http2: true } }
]

/** The proxy's own address; nothing else of the loopback network is trusted. */
const TRUSTED = { trustProxy: '127.0.0.1' }

/** More than the kernel and a proxy hold between the two ends. */
const ENOUGH = 512 * CHUNK.length

const echo = (socket: Socket): void => { socket.on('message', message => socket.send(message)) }

/** The idle timeouts of both, shortened. */
const IMPATIENT: Record<ProxyName, Change[]> = {
  nginx: [['proxy_read_timeout 60s', 'proxy_read_timeout 1s']],
  haproxy: [['timeout tunnel 60s', 'timeout tunnel 1s']]
}

/** The status and the body with which a handshake is refused. */
async function refusal (client: WebSocket): Promise<{ status: number, body: string }> {
  const [, response] = await once(client, 'unexpected-response')
  const body = Buffer.concat(await response.toArray()).toString()
  client.terminate()
  return { status: response.statusCode, body }
}

/** Takes as long as some messages take to an echo and back. */
async function roundTrips (client: WebSocket): Promise<void> {
  for (let i = 0; i < 20; i++) {
    client.send('ping')
    await nextText(client)
  }
}

for (const way of WAYS) {
  test(`${way.name}: all that ws can do`, async t => {
    const server = await startServer(t, { ...way.server })
    const { url, lines } = await inFront(t, way, Number(new URL(server.url).port))
    await runChecksWith(t, wsClient({ rejectUnauthorized: false }), { ...server, url })
    await until(() => lines().some(line => line.startsWith(way.http2 ? 'HTTP/2.0 101' : 'HTTP/1.1 101')))
  })

  test(`${way.name}: the client's address and the host it asked for arrive, whatever it says`, async t => {
    const app = createApp(t, {}, { ...TRUSTED, ...way.server })
    app.get('/', { ws: true }, (socket, { ip, host, protocol, raw }) => {
      socket.send(JSON.stringify({ ip, host, protocol, version: raw.httpVersion }))
    })
    const front = await inFront(t, way, await listen(app))
    const client = front.start('/', {
      localAddress: '127.0.0.2',
      headers: { 'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'http' }
    })
    t.strictSame(JSON.parse(await nextText(client)), {
      ip: '127.0.0.2', host: front.host, protocol: 'https', version: way.server === undefined ? '1.1' : '2.0'
    })
  })

  test(`${way.name}: limits count by the client's address`, async t => {
    const app = createApp(t, { limits: { connectionsPerAddress: 1 } }, { ...TRUSTED, ...way.server })
    app.get('/', { ws: true }, () => {})
    const front = await inFront(t, way, await listen(app))
    await once(front.start('/', { localAddress: '127.0.0.2' }), 'open')
    t.match(await refusal(front.start('/', { localAddress: '127.0.0.2' })), { status: 429, body: /FST_ERR_WS/ })
    await once(front.start('/', { localAddress: '127.0.0.3' }), 'open')
  })

  for (const trust of [{}, TRUSTED]) {
    test(`${way.name}: a page of the same host is let in and others get 403, ${JSON.stringify(trust)}`, async t => {
      const app = createApp(t, {}, { ...trust, ...way.server })
      app.get('/', { ws: true }, () => {})
      const front = await inFront(t, way, await listen(app))
      await once(front.start('/', { origin: `https://${front.host}` }), 'open')
      for (const origin of ['https://127.0.0.1', 'https://evil.example']) {
        const { status, body } = await refusal(front.start('/', { origin }))
        t.equal(status, 403)
        t.match(JSON.parse(body), { code: 'FST_ERR_WS_ORIGIN' })
      }
    })
  }

  test(`${way.name}: app.close() reaches the clients as 1001`, async t => {
    const app = createApp(t, {
      drain: { batch: 1, interval: 1 }, onDrain: socket => { socket.send('bye') }
    }, way.server)
    app.get('/', { ws: true }, () => {})
    const front = await inFront(t, way, await listen(app))
    const clients = Array.from({ length: 3 }, () => front.start('/'))
    await until(() => app.sockets.size === 3)
    const ends = Promise.all(clients.map(client => Promise.all([nextText(client), clientClosed(client)])))
    await app.close()
    const end = ['bye', { code: 1001, reason: 'the server is shutting down' }]
    t.strictSame(await ends, [end, end, end])
  })

  test(`${way.name}: a client that is gone is noticed at once`, async t => {
    const app = createApp(t, {}, way.server)
    app.get('/', { ws: { heartbeat: false } }, socket => { socket.send('hello') })
    const front = await inFront(t, way, await listen(app))
    const client = front.start('/')
    await nextText(client)
    client.terminate()
    await until(() => app.sockets.size === 0)
    t.match(app.sockets.stats(), { opened: 1, closed: 1 })
  })

  test(`${way.name}: a client that does not read holds the handler back, and gets everything in the end`, async t => {
    const app = createApp(t, {}, way.server)
    let handled: Socket | undefined
    app.get('/', { ws: true }, socket => { handled = socket })
    app.get('/echo', { ws: true }, echo)
    const front = await inFront(t, way, await listen(app))
    const [client, other] = [front.start('/'), front.start('/echo')]
    await Promise.all([client, other].map(client => once(client, 'open')))
    await until(() => handled !== undefined)
    client.pause()
    let [sent, received] = [0, 0]
    do {
      for (let i = 0; i < 10; i++) handled!.send(CHUNK)
      sent += 10 * CHUNK.length
      await roundTrips(other)
    } while (sent < ENOUGH && handled!.bufferedAmount === 0)
    t.ok(sent < ENOUGH, `${sent} bytes were on their way`)
    client.on('message', (data: Buffer) => { received += data.length })
    client.resume()
    await until(() => received === sent)
  })

  test(`${way.name}: a handler that does not read holds its client back, and gets everything in the end`, async t => {
    const app = createApp(t, {}, way.server)
    const { promise: gate, resolve: letGo } = deferred()
    let received = 0
    app.get('/', { ws: true }, async socket => {
      for await (const message of socket) {
        await gate
        received += message.length
      }
    })
    app.get('/echo', { ws: true }, echo)
    const front = await inFront(t, way, await listen(app))
    const [client, other] = [front.start('/'), front.start('/echo')]
    await Promise.all([client, other].map(client => once(client, 'open')))
    for (let sent = 0; sent < ENOUGH; sent += CHUNK.length) client.send(CHUNK)
    await until(() => app.sockets.stats().paused === 1)
    await roundTrips(other)
    t.ok(client.bufferedAmount > 0, 'not all has found room on the way')
    letGo()
    await until(() => received >= ENOUGH)
  })

  test(`${way.name}: the heartbeat keeps an idle connection, which the proxy cuts otherwise`, async t => {
    const app = createApp(t, {}, way.server)
    app.get('/kept', { ws: { heartbeat: { interval: 300, timeout: 10_000 } } }, echo)
    const cut = new Promise(resolve => {
      app.get('/cut', { ws: { heartbeat: false } }, socket => { void socket.closed.then(resolve) })
    })
    const front = await inFront(t, way, await listen(app), IMPATIENT[way.proxy])
    const kept = front.start('/kept')
    await once(kept, 'open')
    // Later, so that by its end the other has been idle for longer.
    t.match(await clientClosed(front.start('/cut')), { code: 1006 })
    t.match(await cut, { code: 1006, initiator: 'remote' })
    kept.send('still here')
    t.equal(await nextText(kept), 'still here')
  })
}

test('nginx does not announce the extended CONNECT, HAProxy does', async t => {
  const app = createApp(t)
  app.get('/', { ws: true }, () => {})
  const port = await listen(app)
  for (const [proxy, isAnnounced, status] of [['nginx', false, 400], ['haproxy', true, 200]] as const) {
    const { host } = await inFront(t, { name: proxy, proxy }, port)
    const session = connectHttp2(`https://${host}`, { rejectUnauthorized: false })
    t.teardown(() => session.destroy())
    await once(session, 'remoteSettings')
    t.equal(session.remoteSettings.enableConnectProtocol, isAnnounced, proxy)
    const stream = session.request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', ':scheme': 'https', 'sec-websocket-version': '13'
    })
    const [headers] = await once(stream, 'response')
    t.equal(headers[':status'], status)
    stream.close(constants.NGHTTP2_CANCEL)
  }
})
