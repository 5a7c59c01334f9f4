import { type Test, test } from 'tap'
import type { SocketOptions } from 'fastify-sockets'
import { createApp, listen } from '../support/app.ts'
import { selfSigned } from '../support/certificate.ts'
import { until } from '../support/until.ts'
import { dialer, messages } from './support.ts'

const { key, cert } = await selfSigned()

interface Way {
  name: string
  scheme: 'ws' | 'wss'
  server: Record<string, unknown>
  httpVersion: string
}

const WAYS: Way[] = [
  { name: 'HTTP/1.1', scheme: 'ws', server: {}, httpVersion: '1.1' },
  { name: 'TLS', scheme: 'wss', server: { https: { key, cert } }, httpVersion: '1.1' },
  { name: 'HTTP/2', scheme: 'wss', server: { http2: true, https: { key, cert } }, httpVersion: '2.0' }
]

for (const { name, scheme, server, httpVersion } of WAYS) {
  async function served (t: Test, ws: SocketOptions = {}) {
    const app = createApp(t, {}, server)
    app.get('/echo', { ws: { maxPayload: 1e7, maxBuffered: 1e7, ...ws } }, socket => {
      socket.on('message', (message: any) => { socket.send(message) })
    })
    const port = await listen(app)
    return { app, url: `${scheme}://localhost:${port}` }
  }

  test(`${name}: a line carries text, bytes and pongs both ways, and closes`, async t => {
    const { app, url } = await served(t)
    const dialled = dialer(t, { tls: { ca: cert } })(`${url}/echo?a=1`)
    await dialled.opened
    await until(() => app.sockets.size === 1)
    const [socket] = app.sockets
    t.equal(socket!.request.raw.httpVersion, httpVersion)
    t.equal(socket!.request.url, '/echo?a=1')
    dialled.line.send('text')
    dialled.line.send(Buffer.from([1, 2]))
    dialled.line.send('')
    dialled.line.ping!()
    t.same(await messages(dialled, 3), ['text', Buffer.from([1, 2]), ''])
    await until(() => dialled.heard.includes('pong'))
    dialled.line.close(4000, 'enough')
    t.same(await dialled.ended, {
      code: 4000, reason: 'enough', wasClean: true, initiator: 'local', status: 0, body: '', retryAfter: 0, error: null
    })
    t.equal(dialled.heard[0], 'open')
    t.equal(dialled.heard.at(-1), 'end')
  })
}
