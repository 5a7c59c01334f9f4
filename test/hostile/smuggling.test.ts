import type { FastifyReply } from 'fastify'
import { type Test, test } from 'tap'
import { connectionCount, deferred, h2c } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { besieged, type Besieged, type Siege, statusesIn } from './support.ts'

/** What the peer wants to get past whoever looks at requests in front of the server. */
const ADMIN = 'GET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n'
const SECOND: Array<[name: string, bytes: string]> = [
  ['a request', ADMIN],
  ['a handshake', handshake('/')],
  ['a request that asks for h2c', h2c('GET', '/admin')],
  ['many requests', ADMIN.repeat(1000)]
]

interface Smuggling extends Besieged {
  /** What a peer has smuggled in: requests for `/admin`, and sockets. */
  served: string[]
  /** Lets a handshake for `/later` be refused. */
  refuseNow: () => void
  /** A handshake for `/later` has come. */
  waiting: Promise<void>
}

async function siege (t: Test): Promise<Smuggling> {
  const served: string[] = []
  const gate = deferred()
  const waiting = deferred()
  const declare: Siege['declare'] = app => {
    app.get('/admin', async () => {
      served.push('a request')
      return 'secret'
    })
    app.get('/plain', async () => 'plain')
    app.post('/plain', async () => 'plain')
    const refuse = (reply: FastifyReply) => reply.code(401).send('who are you?')
    app.get('/now', { ws: true, onRequest: (_request, reply, _done) => { refuse(reply) } }, () => {})
    app.get('/later', {
      ws: true,
      onRequest: async (_request, reply) => {
        waiting.resolve()
        await gate.promise
        return refuse(reply)
      }
    }, () => {})
  }
  const besiegedApp = await besieged(t, () => { served.push('a socket') }, { declare })
  return { ...besiegedApp, served, refuseNow: gate.resolve, waiting: waiting.promise }
}

const BAD_KEY = { 'Sec-WebSocket-Key': 'short' }
const REFUSED: Array<[name: string, bytes: string, status: number]> = [
  ['is malformed', handshake('/', BAD_KEY), 400],
  ['has a version that there is not', handshake('/', { 'Sec-WebSocket-Version': '12' }), 426],
  ['comes from another page', handshake('/', { Origin: 'https://evil.example' }), 403],
  ['a hook refuses', handshake('/now'), 401],
  ['goes nowhere', handshake('/nowhere'), 404],
  ['goes to an HTTP route', handshake('/plain'), 200]
]

for (const [name, bytes, status] of REFUSED) {
  for (const [second, more] of SECOND) {
    test(`${second} behind a handshake that ${name} is never served`, async t => {
      const { port, served, isOver } = await siege(t)
      const client = new RawClient(port)
      client.write(bytes + more)
      await client.end()
      t.same(statusesIn(client.received), [status])
      await isOver()
      t.same(served, [])
    })

    test(`nor is ${second} that comes after the answer to a handshake that ${name}`, async t => {
      const { port, served, isOver } = await siege(t)
      const client = new RawClient(port, { allowHalfOpen: true })
      client.write(bytes)
      t.equal((await client.response()).status, status)
      client.socket.end(more)
      await client.end()
      t.equal(client.received.length, 0)
      await isOver()
      t.same(served, [])
    })
  }
}

test('nor is what comes while a hook decides', async t => {
  const { app, port, served, refuseNow, waiting, isOver } = await siege(t)
  const client = new RawClient(port)
  client.write(handshake('/later') + ADMIN)
  await waiting
  client.write(ADMIN)
  t.equal(await connectionCount(app), 2)
  refuseNow()
  await client.end()
  t.same(statusesIn(client.received), [401])
  await isOver()
  t.same(served, [])
})

const CHUNKED = `${ADMIN.length.toString(16)}\r\n${ADMIN}\r\n0\r\n\r\n`
const TWO_LENGTHS = `Content-Length: 3\r\nContent-Length: ${ADMIN.length}\r\n`
const BODIES: Array<[name: string, headers: Record<string, string>, body: string]> = [
  ['a body that is a request', { 'Content-Length': String(ADMIN.length) }, ADMIN],
  ['a body that is shorter than what follows', { 'Content-Length': '3' }, `abc${ADMIN}`],
  ['a body that does not come', { 'Content-Length': '100000' }, ADMIN],
  ['a body of no bytes', { 'Content-Length': '0' }, ADMIN],
  ['a body in chunks', { 'Transfer-Encoding': 'chunked' }, CHUNKED],
  ['a body of no chunks', { 'Transfer-Encoding': 'chunked' }, `0\r\n\r\n${ADMIN}`],
  ['chunks in an encoding that there is not', { 'Transfer-Encoding': 'xchunked' }, ADMIN],
  ['a length and chunks', { 'Content-Length': '3', 'Transfer-Encoding': 'chunked' }, `0\r\n\r\n${ADMIN}`]
]

for (const [name, headers, body] of BODIES) {
  test(`no request is served from behind a refused handshake with ${name}`, async t => {
    const { port, served, isOver } = await siege(t)
    const client = new RawClient(port)
    client.write(handshake('/', { ...BAD_KEY, ...headers }) + body)
    await client.end()
    t.same(statusesIn(client.received), [400])
    await isOver()
    t.same(served, [])
  })

  test(`nor from behind a request for another upgrade with ${name}`, async t => {
    const { port, served, isOver } = await siege(t)
    for (const method of ['GET', 'POST']) {
      const client = new RawClient(port, { allowHalfOpen: true })
      client.socket.end(h2c(method, '/plain', { 'Content-Type': 'text/plain', ...headers }) + body)
      await client.end()
      t.ok(statusesIn(client.received).length <= 1)
      t.notMatch(client.received.toString(), 'secret')
    }
    await isOver()
    t.same(served, [])
  })
}

for (const [name, headers] of [
  ['two lengths', TWO_LENGTHS],
  // Node drops the headers after the first thousand, and with them the length of this body.
  ['a length behind a thousand headers', `${'a:b\r\n'.repeat(1000)}Content-Length: ${ADMIN.length}\r\n`]
]) {
  test(`nor from behind a request for another upgrade with ${name}`, async t => {
    const { port, served, isOver } = await siege(t)
    const client = new RawClient(port)
    const begin = h2c('POST', '/plain', { 'Content-Type': 'text/plain' }).slice(0, -2)
    client.write(`${begin}${headers}\r\n${ADMIN}`)
    await client.end()
    t.ok(statusesIn(client.received).length <= 1)
    await isOver()
    t.same(served, [])
  })
}

for (const [second, bytes] of SECOND) {
  test(`${second} behind an accepted handshake is a frame, and a bad one`, async t => {
    const { port, served, isOver } = await siege(t)
    const client = new RawClient(port)
    client.write(handshake('/') + bytes)
    t.equal((await client.response()).status, 101)
    t.equal((await client.close()).code, 1002)
    await client.end()
    t.equal(client.received.length, 0)
    await isOver()
    t.same(served, ['a socket'])
  })
}
