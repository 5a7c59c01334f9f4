import cookie from '@fastify/cookie'
import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { errorBody } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { accepted } from '../support/transport.ts'

test('onSend hooks run for the 101 and see it as it will be', async t => {
  const app = createApp(t)
  const seen: unknown[] = []
  app.addHook('onSend', async (_request, reply, payload) => {
    seen.push(reply.statusCode, payload)
    reply.header('x-sent', 'yes')
  })
  app.get('/room', { ws: true }, () => {})
  const client = new RawClient(await listen(app))
  client.write(handshake('/room'))
  const { status, headers } = await client.response()
  t.equal(status, 101)
  t.same(headers['x-sent'], ['yes'])
  t.same(seen, [accepted, undefined])
  await client.destroy()
})

test('cookies that are written by an onSend hook are on the 101', async t => {
  const app = createApp(t)
  app.register(cookie)
  app.get('/room', { ws: true, preHandler: async (_request, reply) => { reply.setCookie('a', '1').setCookie('b', '2') } }, () => {})
  const client = new RawClient(await listen(app))
  client.write(handshake('/room'))
  const { status, headers } = await client.response()
  t.equal(status, 101)
  t.same(headers['set-cookie']!.map(value => value.split(';')[0]), ['a=1', 'b=2'])
  await client.destroy()
})

test('a payload that an onSend hook makes up does not reach the frames', async t => {
  const app = createApp(t)
  app.addHook('onSend', async () => 'not for a 101')
  app.get('/room', { ws: true }, socket => { socket.send('first') })
  const client = new RawClient(await listen(app))
  client.write(handshake('/room'))
  const { status, headers } = await client.response()
  t.equal(status, 101)
  t.equal(headers['content-length'], undefined)
  t.equal((await client.frame()).payload.toString(), 'first')
  await client.destroy()
})

for (const [how, hook] of [
  ['throws', async () => { throw new Error('too late') }],
  ['throws an error with a status of its own', async () => { throw Object.assign(new Error('too late'), { statusCode: 503 }) }]
] as Array<[string, () => Promise<never>]>) {
  test(`an onSend hook that ${how} refuses the upgrade after all`, async t => {
    const app = createApp(t)
    let runs = 0
    app.addHook('onSend', async () => { if (runs++ === 0) await hook() })
    app.get('/room', { ws: true }, () => { t.fail('the handler was called') })
    const client = new RawClient(await listen(app))
    client.write(handshake('/room', { 'Sec-WebSocket-Protocol': 'chat' }))
    const response = await client.response()
    t.equal(response.status, how === 'throws' ? 500 : 503)
    t.match(errorBody(response), { message: 'too late' })
    t.same(response.headers.connection, ['close'])
    t.equal(response.headers.upgrade, undefined)
    t.equal(response.headers['sec-websocket-accept'], undefined)
    await client.end()
    t.equal(app.sockets.size, 0)
  })
}

test("the route's own onError hooks run, for a refusal before the 101 too", async t => {
  const app = createApp(t)
  const seen: string[] = []
  app.get('/room', {
    ws: true,
    onError: async (_request, _reply, error) => { seen.push(error.message) },
    preHandler: async () => { throw new Error('no') }
  }, () => {})
  const client = new RawClient(await listen(app))
  client.write(handshake('/room'))
  t.equal((await client.response()).status, 500)
  t.same(seen, ['no'])
})
