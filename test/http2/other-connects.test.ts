import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { type Test, test } from 'tap'
import { listen } from '../support/app.ts'
import { connectHeaders, http2App, openSession, openSocket, openStream, refusal, StreamClient } from './support.ts'

/** A CONNECT as a client of a proxy sends it. */
const PLAIN = { ':method': 'CONNECT', ':authority': 'example.org:443' }

for (const [protocol, status] of [['connect-udp', 501], ['webtransport', 501], ['websockets', 501], ['WebSocket', 200]] as const) {
  test(`an extended CONNECT for ${protocol} gets ${status}`, async t => {
    const app = http2App(t)
    app.addHook('onRequest', async request => {
      if (request.headers[':protocol'] !== 'WebSocket') t.fail('went through Fastify')
    })
    app.get('/room', { ws: true }, () => {})
    const session = await openSession(t, await listen(app))
    const client = openStream(session, '/room', { ':protocol': protocol })
    t.equal(await client.status(), status)
    if (status === 501) t.same((await refusal(client)).body, '')
    t.equal(app.sockets.stats().refused, 0)
  })
}

test('a CONNECT without a protocol is answered as by a server without the plugin', async t => {
  const app = http2App(t)
  app.addHook('onRequest', async () => { t.fail('went through Fastify') })
  app.get('/room', { ws: true }, () => {})
  const session = await openSession(t, await listen(app))
  const client = new StreamClient(session, PLAIN)
  t.equal(await client.status(), 405)
  t.equal((await refusal(client)).body, '')
})

/** An app with another listener for CONNECT, before ours or behind it, which answers whatever is not ours. */
async function withListener (t: Test, where: 'before' | 'behind', isOurs: (request: Http2ServerRequest) => boolean) {
  const app = http2App(t)
  const foreign: string[] = []
  app.get('/rooms/:room', { ws: true }, socket => { socket.send('ours') })
  app.get('/plain', async () => 'http')
  if (where === 'behind') await app.ready()
  app.server.on('connect', (request: any, response: any) => {
    if (isOurs(request)) return
    const { stream, headers } = request as Http2ServerRequest
    t.equal(headers[':method'], 'CONNECT')
    t.same(['data', 'end'].map(event => stream.listenerCount(event)).slice(0, 1), [0], 'nobody reads')
    t.equal(stream.headersSent, false)
    foreign.push(`${headers[':protocol']} ${headers[':path']}`)
    const answer = response as Http2ServerResponse
    answer.writeHead(299, { 'x-who': 'foreign' })
    answer.end('foreign')
  })
  return { app, foreign, session: await openSession(t, await listen(app)) }
}

for (const where of ['before', 'behind'] as const) {
  test(`with a 'connect' listener ${where} ours, ws routes are ours and all else is left to it, untouched`, async t => {
    const { app, foreign, session } = await withListener(t, where, ({ headers, url }) => {
      return headers[':protocol'] === 'websocket' && /^\/rooms\/[^/]+$/.test(url)
    })
    for (const path of ['/rooms/7', '/rooms/7?lang=en', '/rooms/a%20b']) {
      t.equal(await (await openSocket(session, path)).text(), 'ours', path)
    }
    for (const headers of [
      connectHeaders('/none'), connectHeaders('/rooms/7/more'), connectHeaders('/plain'),
      connectHeaders('/rooms/7', { ':protocol': 'connect-udp' }), PLAIN
    ]) {
      const response = await refusal(new StreamClient(session, headers))
      t.match([response.status, response.body, response.headers['x-who']], [299, 'foreign', 'foreign'])
    }
    t.same(foreign, [
      'websocket /none', 'websocket /rooms/7/more', 'websocket /plain', 'connect-udp /rooms/7', 'undefined undefined'
    ])
    t.match(app.sockets.stats(), { opened: 3, refused: 0 })
  })
}

test("beside another 'connect' listener a bad handshake for a ws route is still refused by us", async t => {
  const { app, foreign, session } = await withListener(t, 'behind', ({ url }) => url === '/rooms/7')
  const response = await refusal(openStream(session, '/rooms/7', { 'sec-websocket-version': '8' }))
  t.equal(response.status, 426)
  t.same(foreign, [])
  t.equal(app.sockets.stats().refused, 1)
})

test('a stream that is destroyed before it gets here is left alone', async t => {
  const app = http2App(t)
  app.addHook('onRequest', async () => { t.fail('went through Fastify') })
  app.get('/room', { ws: true }, () => {})
  app.server.prependListener('stream' as 'connect', (stream: any) => { stream.destroy() })
  const client = openStream(await openSession(t, await listen(app)), '/room')
  await client.rst()
  t.equal(client.headers, null)
  t.match(app.sockets.stats(), { opened: 0, refused: 0 })
})
