import type { FastifyInstance } from 'fastify'
import sockets, { type Socket } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { connect, createApp, listen } from '../support/app.ts'
import { codeOf } from '../support/serve.ts'
import { until } from '../support/until.ts'
import { identify } from './people.ts'

const NUMBER = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } }

async function client (t: Test, app: FastifyInstance, url: string): Promise<string[]> {
  const { port } = app.server.address() as { port: number }
  const { opened } = app.sockets.stats()
  const own = await connect(port, url)
  t.teardown(() => own.terminate())
  const got: string[] = []
  own.on('message', data => { got.push(data.toString()) })
  await until(() => app.sockets.stats().opened >= opened)
  return got
}

test('broadcast() reaches everybody of a scope, on whatever route, and nobody of a sibling scope', async t => {
  const app = createApp(t, { identify })
  const handled: Array<Socket<any, any>> = []
  const handler = (socket: Socket<any, any>): void => { handled.push(socket) }
  app.get('/here', { ws: true }, handler)
  app.register(async below => { below.get('/below', { ws: true }, handler) })
  let sibling: FastifyInstance
  app.register(async scope => {
    sibling = scope
    scope.register(sockets, { identify })
    scope.get('/sibling', { ws: true }, handler)
  })
  await listen(app)
  const here = await client(t, app, '/here?user=ada')
  const below = await client(t, app, '/below')
  const apart = await client(t, app, '/sibling?user=ada')
  await until(() => handled.length === 3)
  await app.sockets.broadcast('to all')
  await sibling!.sockets.broadcast('to the sibling')
  await until(() => [here, below, apart].every(got => got.length === 1))
  t.strictSame([here, below, apart], [['to all'], ['to all'], ['to the sibling']])

  t.equal(app.sockets.user('ada').size, 1, 'users are of a scope, too')
  await app.sockets.user('ada').send('to ada')
  await until(() => here.length === 2)
  await sibling!.sockets.user('ada').send('to the other ada')
  await until(() => apart.length === 2)
  t.strictSame([here, below, apart].map(got => got[1]), ['to ada', undefined, 'to the other ada'])
})

test('a value that some routes cannot send goes to the others, and broadcast() rejects', async t => {
  const app = createApp(t)
  let handled = 0
  app.get('/raw', { ws: true }, () => { handled++ })
  app.get('/json', { ws: true, schema: { send: NUMBER } } as any, (() => { handled++ }) as any)
  await listen(app)
  const json = [await client(t, app, '/json'), await client(t, app, '/json')]
  const raw = await client(t, app, '/raw')
  await until(() => handled === 3)
  t.equal(await codeOf(() => app.sockets.broadcast({ n: 1, secret: 'x' })), 'FST_ERR_WS_SEND_TYPE')
  t.equal(await codeOf(() => app.sockets.broadcast('text')), 'FST_ERR_WS_INVALID_SEND')
  await until(() => raw.length === 1 && json.every(got => got.length === 1))
  t.strictSame([raw, ...json], [['text'], ['{"n":1}'], ['{"n":1}']])
  void app.sockets.broadcast('text')
  await until(() => app.lines.some(({ level, err }) => level === 50 && err?.code === 'FST_ERR_WS_INVALID_SEND'))
})

test('broadcast() to nobody resolves, and a connection that is closing is passed over', async t => {
  const app = createApp(t)
  const arrived: Array<Socket<any, any>> = []
  app.get('/', { ws: true }, socket => { arrived.push(socket) })
  await listen(app)
  await app.sockets.broadcast('to nobody')
  const [leaving, staying] = [await client(t, app, '/'), await client(t, app, '/')]
  await until(() => arrived.length === 2)
  void arrived[0]!.close()
  await app.sockets.broadcast('to who is left')
  await until(() => staying.length === 1 && arrived[0]!.state === 'closed')
  t.strictSame([leaving, staying], [[], ['to who is left']])
})

test('a message from prepare() may be broadcast, sent to a user, and published to a name', async t => {
  const app = createApp(t, { identify })
  const arrived: Array<Socket<any, any>> = []
  app.get('/', { ws: true, schema: { send: NUMBER } } as any, ((socket: Socket<any, any>) => { arrived.push(socket) }) as any)
  await listen(app)
  const got = await client(t, app, '/?user=ada')
  await until(() => arrived.length === 1)
  await arrived[0]!.subscribe('news')
  let read = 0
  const value = { get n () { return ++read } }
  for (const message of [app.sockets.prepare(value), app.sockets.prepare(app.sockets.prepare(value))]) {
    const first = read + 1
    await app.sockets.broadcast(message)
    await app.sockets.user('ada').send(message)
    await app.sockets.publish('news', message)
    await until(() => got.length === 3)
    const texts = new Set(got.splice(0))
    t.equal(texts.size, 1, 'serialized once')
    t.ok(JSON.parse([...texts][0]!).n >= first)
  }
})
