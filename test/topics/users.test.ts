import type { FastifyRequest } from 'fastify'
import type { PluginOptions, Socket } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { clientClosed, connect, createApp, listen } from '../support/app.ts'
import { lastResponse } from '../support/handshakes.ts'
import { handshake } from '../support/raw-client.ts'
import { codeOf } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'
import { identify } from './people.ts'

const NUMBER = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } }

/** Routes for raw messages and for JSON, of whatever user the URL names. */
async function serve (t: Test, options: PluginOptions = {}) {
  const app = createApp(t, { identify, ...options })
  const arrived: Array<Socket<any, any>> = []
  const handler = (socket: Socket<any, any>): void => { arrived.push(socket) }
  app.get('/raw', { ws: true }, handler)
  app.get('/json', { ws: true, schema: { send: NUMBER } } as any, handler as any)
  const port = await listen(app)

  async function visit (url: string) {
    const client = await connect(port, url)
    t.teardown(() => client.terminate())
    const got: string[] = []
    client.on('message', data => { got.push(data.toString()) })
    await until(() => arrived.length > 0)
    return { client, got, socket: arrived.shift()!, closed: clientClosed(client) }
  }

  return { app, port, visit }
}

test('a user has those sockets that identify says, for as long as they are there', async t => {
  const { app, visit } = await serve(t)
  const ada = app.sockets.user('ada')
  t.strictSame([ada.id, ada.size, [...ada]], ['ada', 0, []])
  const [one, two, other, nobody] = [
    await visit('/raw?user=ada'), await visit('/json?user=ada'), await visit('/raw?user=bob'), await visit('/raw')
  ]
  t.equal(ada.size, 2)
  t.same([...ada].map(({ id }) => id), [one.socket.id, two.socket.id])
  t.equal([...ada][0], one.socket, 'the very object that the handler has')
  t.same([...app.sockets.user('bob')].map(({ id }) => id), [other.socket.id])
  for (const id of ['', 'undefined', nobody.socket.id]) t.equal(app.sockets.user(id).size, 0)
  for (const socket of ada) socket.terminate()
  await until(() => ada.size === 0)
  t.same([...ada], [])
  t.equal(app.sockets.size, 2)
})

test('without identify, connections are nobody\'s', async t => {
  const { app, visit } = await serve(t, { identify: undefined } as PluginOptions)
  const { socket } = await visit('/raw?user=ada')
  for (const id of ['ada', 'undefined', socket.id]) t.equal(app.sockets.user(id).size, 0)
})

test('identify is called once for each handshake, when all hooks have passed', async t => {
  const seen: unknown[] = []
  const app = createApp(t, {
    identify: request => {
      seen.push(request)
      return (request as unknown as { owner: string }).owner
    }
  })
  app.decorateRequest('owner', '')
  let allowed = false
  const requests: FastifyRequest[] = []
  app.get('/', {
    ws: true,
    onRequest: async (_request, reply) => {
      if (!allowed) return reply.code(401).send()
    },
    preHandler: async request => { Object.assign(request, { owner: 'eve' }) }
  }, (_socket, request) => { requests.push(request) })
  app.get('/plain', async () => 'plain')
  const port = await listen(app)
  t.equal((await lastResponse(port, handshake('/'))).status, 401)
  t.equal((await app.inject('/plain')).statusCode, 200)
  t.same(seen, [])
  allowed = true
  const client = await connect(port, '/')
  t.teardown(() => client.terminate())
  await until(() => requests.length === 1)
  t.equal(seen.length, 1)
  t.equal(seen[0], requests[0])
  t.equal(app.sockets.user('eve').size, 1)
})

test('what identify throws refuses the handshake as what a hook throws does', async t => {
  const app = createApp(t, { identify: () => { throw Object.assign(new Error('who?'), { statusCode: 418 }) } })
  app.get('/', { ws: true }, () => { t.fail('called') })
  const answer = await lastResponse(await listen(app), handshake('/'))
  t.equal(answer.status, 418)
  t.equal(app.sockets.stats().refused, 1)
  t.equal(app.sockets.size, 0)
})

for (const [what, value] of Object.entries({
  'a number': 5, null: null, 'a promise': Promise.resolve('ada'), 'an object': { id: 'ada' }, false: false, 'a String': Object('ada')
})) {
  test(`a user is not ${what}: the handshake gets a 500`, async t => {
    const app = createApp(t, { identify: () => value as any })
    app.get('/', { ws: true }, () => { t.fail('called') })
    t.equal((await lastResponse(await listen(app), handshake('/'))).status, 500)
    const logged = app.lines.find(({ err }) => err?.code === 'FST_ERR_WS_IDENTIFY')
    t.match(logged?.err.message, /must return a string or undefined, not /)
  })
}

test('send() gives each of the user\'s sockets what its route makes of the message, and nobody else', async t => {
  const { app, visit } = await serve(t)
  const [one, two, other] = [await visit('/json?user=ada'), await visit('/json?user=ada'), await visit('/json?user=bob')]
  await app.sockets.user('ada').send({ n: 1, secret: 'x' })
  await app.sockets.user('nobody').send({ n: 2 })
  await app.sockets.user('bob').send({ n: 3 })
  await until(() => [one, two, other].every(({ got }) => got.length === 1))
  t.strictSame([one.got, two.got, other.got], [['{"n":1}'], ['{"n":1}'], ['{"n":3}']])
})

test('what does not fit one route is sent on the others, and send() rejects', async t => {
  const { app, visit } = await serve(t)
  const [json, raw] = [await visit('/json?user=ada'), await visit('/raw?user=ada')]
  const { send } = app.sockets.user('ada')
  t.equal(await codeOf(() => send('text')), 'FST_ERR_WS_INVALID_SEND')
  t.equal(await codeOf(() => send({ n: 1 })), 'FST_ERR_WS_SEND_TYPE')
  await until(() => json.got.length === 1 && raw.got.length === 1)
  t.strictSame([raw.got, json.got], [['text'], ['{"n":1}']])
})

test('a failure that nobody waits for is logged, once', async t => {
  const { app, visit } = await serve(t)
  await visit('/json?user=ada')
  void app.sockets.user('ada').send('text')
  const logged = () => app.lines.filter(({ err }) => err?.code === 'FST_ERR_WS_INVALID_SEND')
  await until(() => logged().length === 1)
  await app.sockets.user('ada').send('text').catch(() => {})
  await turn()
  await turn()
  t.equal(logged().length, 1)
})

test('close() closes all that are there: with a code and a reason, or 1000', async t => {
  const { app, visit } = await serve(t)
  const visits = [await visit('/raw?user=ada'), await visit('/json?user=ada')]
  const other = await visit('/raw?user=bob')
  await app.sockets.user('ada').close(4001, 'signed out')
  for (const { closed } of visits) t.strictSame(await closed, { code: 4001, reason: 'signed out' })
  await until(() => app.sockets.user('ada').size === 0)
  t.equal(other.socket.state, 'open')
  await app.sockets.user('bob').close()
  t.strictSame(await other.closed, { code: 1000, reason: '' })
  await app.sockets.user('bob').close()
  const late = await visit('/raw?user=ada')
  t.equal(late.socket.state, 'open', 'who comes later stays')
})

test('a code or a reason that cannot be sent closes nothing', async t => {
  const { app, visit } = await serve(t)
  const { socket } = await visit('/raw?user=ada')
  const { close } = app.sockets.user('ada')
  for (const code of [999, 1005, 1006, 5000, '4001', null]) t.equal(await codeOf(() => close(code as number)), 'FST_ERR_WS_CLOSE_CODE')
  for (const reason of [5, null]) t.equal(await codeOf(() => close(4001, reason as any)), 'FST_ERR_WS_CLOSE_REASON')
  t.equal(await codeOf(() => app.sockets.user('nobody').close(999)), 'FST_ERR_WS_CLOSE_CODE', 'also if there is nobody')
  t.equal(socket.state, 'open')
  void close(1006)
  await until(() => app.lines.some(({ err }) => err?.code === 'FST_ERR_WS_CLOSE_CODE'))
})
