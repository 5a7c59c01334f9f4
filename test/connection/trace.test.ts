import { test } from 'tap'
import { runScript } from '../support/handshakes.ts'

/** Each frame is masked with a key of zeros. */
const SCRIPT = `
  async function raw (url) {
    const { port, host } = new URL(url)
    const client = require('node:net').connect(Number(port), '127.0.0.1')
    const head = ['GET / HTTP/1.1', 'Host: ' + host, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
    client.write([...head, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', ''].join('\\r\\n'))
    for (const frame of ['0181 00000000 61', '8081 00000000 62', '8880 00000000']) client.write(Buffer.from(frame.replaceAll(' ', ''), 'hex'))
    client.resume()
    await require('node:events').once(client, 'close')
  }
  const sockets = require('fastify-sockets')
  const app = require('fastify')()
  app.register(sockets, { deflate: { threshold: 64 } })
  app.get('/', { ws: true }, socket => { socket.on('message', message => { socket.send(message) }) })
  app.ready().then(async () => {
    const headers = { 'sec-websocket-extensions': 'permessage-deflate' }
    const client = await app.injectWS('/', { headers })
    const messages = client[Symbol.asyncIterator]()
    for (const message of ['secret', Buffer.alloc(3), 'secret'.repeat(20)]) {
      client.send(message)
      await messages.next()
    }
    await client.ping()
    await client.close(4001, 'secret')
    const empty = await app.injectWS('/')
    empty.send('é'.repeat(40))
    await empty[Symbol.asyncIterator]().next()
    for (const length of [40, 200, 70000]) {
      for (const socket of app.sockets) socket.send(app.sockets.prepare('x'.repeat(length)))
    }
    await empty.close()
    await raw(await app.listen({ port: 0, host: '127.0.0.1' }))
    await app.close()
  })
`

test('NODE_DEBUG=fastify-sockets prints a line for each frame of both ends, and nothing of what they say', async t => {
  const { code, stderr } = await runScript(SCRIPT, { NODE_DEBUG: 'fastify-sockets' })
  t.equal(code, 0, stderr)
  t.notMatch(stderr, /secret/)
  const lines = stderr.split('\n').filter(line => line.startsWith('FASTIFY-SOCKETS')).map(line => line.replace(/^FASTIFY-SOCKETS \d+: /, ''))
  // The server's end is the first, and prints what the client's prints the other way round.
  const ofServer = lines.filter(line => line.startsWith('1 ')).map(line => line.slice(2))
  t.strictSame(ofServer, [
    '< TEXT 6 B fin', '> TEXT 6 B fin',
    '< BINARY 3 B fin', '> BINARY 3 B fin',
    '< TEXT 120 B fin', ofServer[5],
    '< PING 4 B fin', '> PONG 4 B fin',
    '< CLOSE 4001', '> CLOSE 4001'
  ])
  t.match(ofServer[5], /^> TEXT \d+ B deflated fin$/)
  const other = (line: string): string => line.replace(/^[<>]/, direction => direction === '<' ? '>' : '<')
  t.strictSame(lines.filter(line => line.startsWith('2 ')).map(line => other(line.slice(2))).sort(), [...ofServer].sort())
  t.ok(lines.some(line => line.endsWith('> TEXT 80 B fin')), 'bytes, not characters')
  t.strictSame(lines.filter(line => line.startsWith('5 ')).map(line => line.slice(2)), [
    '< TEXT 1 B', '< CONTINUATION 1 B fin', '< CLOSE without a code', '> CLOSE without a code'
  ])
})

test('without it nothing is printed', async t => {
  const { code, stderr } = await runScript(SCRIPT)
  t.strictSame([code, stderr], [0, ''])
})
