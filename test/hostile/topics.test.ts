import type { PluginOptions } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { clientClosed, connect, createApp, listen } from '../support/app.ts'
import { codeOf } from '../support/serve.ts'
import { until } from '../support/until.ts'

/** What a client may ask for; a careless handler passes on whatever it is. */
interface Wish {
  subscribe?: any
  unsubscribe?: any
  room?: any
  since?: any
  publish?: any
}

/** An app whose handler does what clients say, and answers each wish with the code of its error, or with what came of it. */
async function obedient (t: Test, options: PluginOptions = {}) {
  const app = createApp(t, { heartbeat: false, ...options })
  const rooms = app.topic('/rooms/:room', { history: { size: 10, ttl: 60_000 } })
  app.get('/', { ws: true }, async socket => {
    for await (const text of socket) {
      const { subscribe, unsubscribe, room, since, publish }: Wish = JSON.parse(text as string)
      let result: unknown
      const code = await codeOf(async () => {
        if (subscribe !== undefined) result = await socket.subscribe(subscribe)
        if (unsubscribe !== undefined) result = socket.unsubscribe(unsubscribe)
        if (room !== undefined) result = await socket.subscribe(rooms, { room }, { since })
        if (publish !== undefined) result = await rooms.publish({ room: 'a' }, publish, { from: socket })
      })
      socket.send(JSON.stringify({ code: code ?? null, result }))
    }
  })
  const port = await listen(app)

  async function visit () {
    const client = await connect(port, '/')
    t.teardown(() => client.terminate())
    const answers: any[] = []
    const got: string[] = []
    client.on('message', data => {
      const text = data.toString()
      if (text.startsWith('{"code"')) answers.push(JSON.parse(text))
      else got.push(text)
    })
    const ask = async (wish: Wish): Promise<{ code: string | null, result: any }> => {
      client.send(JSON.stringify(wish))
      await until(() => answers.length > 0)
      return answers.shift()
    }
    return { client, got, ask, closed: clientClosed(client) }
  }

  return { app, rooms, visit, figures: () => app.sockets.stats().topics }
}

test('a client has its share of subscriptions: what is more is refused, and nothing is kept of it', async t => {
  const { app, visit, figures } = await obedient(t, { limits: { subscriptions: 3 } })
  const [greedy, modest] = [await visit(), await visit()]
  for (let i = 0; i < 3; i++) t.equal((await greedy.ask({ subscribe: `name ${i}` })).code, null)
  for (let i = 3; i < 20; i++) t.equal((await greedy.ask({ subscribe: `name ${i}` })).code, 'FST_ERR_WS_TOO_MANY_SUBSCRIPTIONS')
  t.equal((await greedy.ask({ subscribe: 'name 0' })).code, null, 'what it has is no more')
  t.match(figures()[''], { topics: 3, subscriptions: 3 })
  t.equal((await modest.ask({ subscribe: 'name 1' })).code, null, 'the others have their own')
  t.equal((await greedy.ask({ unsubscribe: 'name 0' })).result, true)
  t.equal((await greedy.ask({ subscribe: 'name 9' })).code, null)
  await app.sockets.publish('name 9', 'hello')
  await until(() => greedy.got.length === 1)
  greedy.client.terminate()
  await until(() => figures()['']!.subscriptions === 1)
  t.equal(figures()['']!.topics, 1, 'nothing is left of a client that has gone')
})

test('by default a client may have 1000', async t => {
  const { visit, figures } = await obedient(t)
  const { ask } = await visit()
  for (let i = 0; i < 1000; i++) await ask({ subscribe: String(i) })
  t.equal((await ask({ subscribe: 'one more' })).code, 'FST_ERR_WS_TOO_MANY_SUBSCRIPTIONS')
  t.equal(figures()['']!.topics, 1000)
})

test('a name that is none makes no topic, however a client writes it', async t => {
  const { visit, figures } = await obedient(t)
  const { client, ask } = await visit()
  for (const name of ['', '/rooms/a', '/', 'x'.repeat(256), 'x'.repeat(100_000), 5, true, null, [], ['news'], {}, { length: 4 }]) {
    t.equal((await ask({ subscribe: name })).code, 'FST_ERR_WS_TOPIC_NAME', JSON.stringify(name).slice(0, 20))
  }
  for (const [room, code] of [
    ['', 'FST_ERR_WS_TOPIC_PARAMS'], [null, 'FST_ERR_WS_TOPIC_PARAMS'], [['a'], 'FST_ERR_WS_TOPIC_PARAMS'], [{}, 'FST_ERR_WS_TOPIC_PARAMS'],
    ['\ud800', 'FST_ERR_WS_TOPIC_PARAMS'], ['x'.repeat(249), 'FST_ERR_WS_TOPIC_NAME'], ['é'.repeat(42), 'FST_ERR_WS_TOPIC_NAME'],
    ['x'.repeat(100_000), 'FST_ERR_WS_TOPIC_NAME']
  ] as const) {
    t.equal((await ask({ room })).code, code, JSON.stringify(room).slice(0, 20))
  }
  t.match(figures(), { '': { topics: 0 }, '/rooms/:room': { topics: 0 } })
  t.equal(client.readyState, client.OPEN)
})

test('different values are different topics, and none of them is a name of its own', async t => {
  const { rooms, visit, figures } = await obedient(t)
  const values = ['a', 'a/b', 'a%2Fb', 'a%252Fb', '..', '.', 'a b', 'a+b', 'é', 'e\u0301', '*', '#', '?', '__proto__', 'constructor', 'A']
  const { ask, got } = await visit()
  for (const room of values) t.equal((await ask({ room })).code, null)
  t.equal(figures()['/rooms/:room']!.topics, values.length)
  for (const room of values) await rooms.publish({ room }, `to ${room}`)
  await until(() => got.length === values.length)
  t.strictSame(got, values.map(room => `to ${room}`))
})

test('no value reaches over into the next segment', async t => {
  const app = createApp(t)
  const pairs = app.topic('/pairs/:one/:two', { presence: true })
  app.get('/', { ws: true }, async socket => {
    for await (const text of socket) {
      await socket.subscribe(pairs, JSON.parse(text as string))
      socket.send(socket.subscriptions.at(-1)!)
    }
  })
  const client = await connect(await listen(app), '/')
  t.teardown(() => client.terminate())
  const names: string[] = []
  client.on('message', data => { names.push(data.toString()) })
  const pair: Array<[string, string]> = [['a', 'b/c'], ['a/b', 'c'], ['a%2Fb', 'c'], ['..', 'c'], ['a', '../c']]
  for (const [one, two] of pair) client.send(JSON.stringify({ one, two }))
  await until(() => names.length === pair.length)
  t.strictSame(names, ['/pairs/a/b%2Fc', '/pairs/a%2Fb/c', '/pairs/a%252Fb/c', '/pairs/../c', '/pairs/a/..%2Fc'])
  for (const [one, two] of pair) t.equal(await pairs.count({ one, two }), 1)
})

test('a forged position, or one of another process, recovers nothing', async t => {
  const { rooms, visit, figures } = await obedient(t)
  const other = await obedient(t)
  const strange = (await other.rooms.publish({ room: 'a' }, 'elsewhere')).at
  const { at } = await rooms.publish({ room: 'a' }, 'first')
  const later = ['second', 'third']
  for (const message of later) await rooms.publish({ room: 'a' }, message)
  const [epoch] = at.split('-') as [string]
  const forged: unknown[] = [
    strange, ` ${at}`, `${at} `, `${at}.5`, `${at}\0`, `${epoch}-01`, `${epoch}--0`, `${at}-`, '', 'null', epoch, `${epoch}-`, `${epoch}-zzz`, `${epoch}-zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz`, `${epoch}--1`, `${epoch}-0x1`,
    `${epoch}-Infinity`, `${epoch.slice(1)}x-1`, '-1', '0', 'x'.repeat(100_000),
    5, true, null, [], [at], {}, { toString: 1 }
  ]
  for (const since of forged) {
    const { ask, got, client } = await visit()
    const { code, result } = await ask({ room: 'a', since })
    t.equal(code, null)
    t.equal(result.recovered, false, JSON.stringify(since)?.slice(0, 40))
    t.strictSame(got, [], 'and nothing comes of it')
    client.terminate()
  }
  t.equal(figures()['/rooms/:room']!.recovered, 0)

  const { ask, got } = await visit()
  t.equal((await ask({ room: 'a', since: at })).result.recovered, true, 'the true one does')
  await until(() => got.length === later.length)
  t.strictSame(got, later)
})

test('a client that makes the server publish without end is closed with 1013', async t => {
  const { visit, figures } = await obedient(t, { limits: { publishesPerSecond: 5 } })
  const [flooder, reader] = [await visit(), await visit()]
  await reader.ask({ room: 'a' })
  for (let i = 0; i < 100; i++) flooder.client.send(JSON.stringify({ publish: `${i}` }))
  t.match(await flooder.closed, { code: 1013 })
  // On a slow machine, more than one second's worth may have passed.
  t.ok(figures()['/rooms/:room']!.published < 50)
  t.equal((await reader.ask({ publish: 'mine' })).code, null, 'the others may go on')
  await until(() => reader.got.includes('mine'))
})
