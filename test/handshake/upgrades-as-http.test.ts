import type { Socket as NetSocket } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { h2c } from '../support/handshakes.ts'
import { get, RawClient } from '../support/raw-client.ts'

function declare (app: FastifyInstance): void {
  app.get('/plain', async ({ url }) => ({ url }))
  app.post('/post', async request => ({ got: request.body }))
}

/** An app with HTTP routes beside its ws route. */
function served (t: Test): FastifyInstance {
  const app = createApp(t)
  app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
  declare(app)
  return app
}

/** An app without the plugin, to compare with. */
async function plainPort (t: Test): Promise<number> {
  const app = Fastify()
  declare(app)
  t.teardown(() => app.close())
  return listen(app)
}

const JSON_BODY = { 'Content-Type': 'application/json', 'Content-Length': '14' }
const SECOND = 'GET /plain?2 HTTP/1.1\r\nHost: localhost\r\n\r\n'

for (const protocol of ['h2c', 'tcp', 'TLS/1.2, h2c']) {
  for (const connection of ['Upgrade', 'upgrade, HTTP2-Settings', 'keep-alive, Upgrade', 'Upgrade, close', 'close,,Upgrade']) {
    for (const [method, url, headers, body] of [['GET', '/plain', {}, ''], ['POST', '/post', JSON_BODY, '{"text":"one"}']] as const) {
      test(`${method} with 'Upgrade: ${protocol}', 'Connection: ${connection}' is answered as without the plugin`, async t => {
        const app = served(t)
        const bytes = h2c(method, url, { Upgrade: protocol, Connection: connection, ...headers }) + body
        const answers = []
        for (const port of [await plainPort(t), await listen(app)]) {
          const client = new RawClient(port)
          t.teardown(() => client.destroy())
          client.write(bytes)
          const { headers: { date: _date, ...others }, ...response } = await client.response()
          answers.push({ ...response, headers: others })
          if (connection.includes('close')) {
            await client.end()
          } else {
            client.write(SECOND)
            t.equal((await client.response()).body, '{"url":"/plain?2"}', 'the connection goes on')
          }
        }
        t.equal(answers[0]!.status, 200)
        t.same(answers[1], answers[0])
      })
    }
  }
}

test('what is pipelined behind an upgrade to something else is served behind it, in order', async t => {
  const app = served(t)
  const client = new RawClient(await listen(app))
  t.teardown(() => client.destroy())
  client.write(h2c('POST', '/post', { Connection: 'Upgrade', ...JSON_BODY }) + '{"text":"one"}' +
    SECOND + get('/plain?3'))
  t.equal((await client.response()).body, '{"got":{"text":"one"}}')
  // Node 24.9 and later, where a server may decline an upgrade, drops what has come in the same piece, as it does without the plugin.
  if ('shouldUpgradeCallback' in app.server) return
  for (const url of ['/plain?2', '/plain?3']) t.match(JSON.parse((await client.response()).body), { url })
  await client.end()
})

test('many such requests on one connection leave nothing on its socket', async t => {
  const app = served(t)
  const sockets: NetSocket[] = []
  app.server.once('connection', socket => { sockets.push(socket) })
  const client = new RawClient(await listen(app))
  t.teardown(() => client.destroy())
  const counts = []
  for (let i = 0; i < 20; i++) {
    client.write(h2c('GET', '/plain', { Connection: 'Upgrade' }))
    t.equal((await client.response()).status, 200)
    const [socket] = sockets
    counts.push(socket!.eventNames().map(event => socket!.listenerCount(event)).reduce((sum, count) => sum + count))
  }
  t.equal(counts.at(-1), counts[2])
})
