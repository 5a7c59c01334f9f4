import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { basename } from 'node:path'
import { test } from 'tap'
import { ROOT } from '../support/handshakes.ts'
import { Client, refusal, RUNS_TYPESCRIPT, start } from './support.ts'

/** Here, in the files beside this one, and what needs servers in test/engines/. */
const TESTED = [
  'auth', 'broadcast', 'client', 'compression', 'dual-route', 'echo', 'graceful-shutdown', 'http2', 'opentelemetry', 'presence',
  'production', 'prometheus', 'ticker', 'two-nodes', 'typed-chat'
]

test('every example has its test', async t => {
  const files = await readdir(new URL('examples/', import.meta.resolve('fastify-sockets/package.json')))
  t.same(files.filter(file => file.endsWith('.ts')).map(file => basename(file, '.ts')).sort(), TESTED)
})

test('broadcast: what is posted goes to all who follow the match, and to nobody else; who comes later has the last score', async t => {
  const example = await start(t, 'broadcast')
  const post = async (match: string, body: object): Promise<{ at: string }> => {
    const response = await fetch(`${example.url}/matches/${match}`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body)
    })
    return await response.json() as any
  }
  for (const match of ['final', 'other']) await post(match, { home: 0, away: 0 })
  const followers = [await Client.open(example, '/matches/final'), await Client.open(example, '/matches/final')]
  const other = await Client.open(example, '/matches/other')
  for (const client of [...followers, other]) t.same(await client.nextJSON(), { home: 0, away: 0 })
  const { at } = await post('final', { home: 1, away: 0, secret: 'x' })
  t.type(at, 'string')
  for (const follower of followers) t.same(await follower.nextJSON(), { home: 1, away: 0 })
  await post('other', { home: 2, away: 2 })
  t.same(await other.nextJSON(), { home: 2, away: 2 })
  t.match(await post('final', { home: 'one' }), { statusCode: 400 })
})

test('compression: messages that resemble each other take a fraction of their bytes', async t => {
  const example = await start(t, 'compression')
  const client = await Client.open(example, '/prices')
  t.match(client.socket.extensions, /^permessage-deflate/)
  for (let i = 0; i < 5; i++) t.match(JSON.parse(await client.next()), [{ symbol: 'AAPL', price: Number }])
  client.socket.close()
  await client.closed
  const sizes = await (await fetch(`${example.url}/sizes`)).json() as { json: number, onTheWire: number }
  t.ok(sizes.json > 1500)
  t.ok(sizes.onTheWire < sizes.json / 2)
})

test('echo: text comes back as text and binary as binary', async t => {
  const { socket } = await Client.open(await start(t, 'echo'), '/echo')
  socket.send('héllo')
  const [text, textIsBinary] = await once(socket, 'message')
  t.equal(text.toString(), 'héllo')
  t.equal(textIsBinary, false)
  socket.send(Buffer.from([0, 255]))
  const [data, dataIsBinary] = await once(socket, 'message')
  t.same([...data], [0, 255])
  t.equal(dataIsBinary, true)
})

test('typed-chat: a page, rooms, and a schema that holds', async t => {
  const example = await start(t, 'typed-chat')

  await t.test('GET / is one HTML page that loads nothing of other hosts', async t => {
    const response = await fetch(example.url)
    t.equal(response.status, 200)
    t.match(response.headers.get('content-type'), 'text/html')
    const html = await response.text()
    t.match(html, /<title>fastify-sockets<\/title>/)
    t.notMatch(html, /\b(?:src|href)="(?!data:)/)
  })

  await t.test('but the client, by its import map', async t => {
    const html = await (await fetch(example.url)).text()
    const { imports } = JSON.parse(/<script type="importmap">(.+?)<\/script>/s.exec(html)![1]!)
    t.same(Object.keys(imports), ['fastify-sockets/client'])
    const response = await fetch(new URL(imports['fastify-sockets/client'], example.url))
    t.match(response.headers.get('content-type'), 'text/javascript')
    t.match(await response.text(), /export\{.*createClient/)
  })

  await t.test('the echo echoes', async t => {
    const client = await Client.open(example, '/echo')
    client.socket.send('hello')
    t.equal(await client.next(), 'hello')
  })

  await t.test('those in a room hear each other, and nobody else does', async t => {
    const ada = await Client.open(example, '/rooms/tea?name=Ada')
    const bob = await Client.open(example, '/rooms/tea?name=Bob')
    const eve = await Client.open(example, '/rooms/coffee')
    ada.sendJSON({ text: 'hello' })
    t.match(await ada.nextJSON(), { at: String, from: 'Ada', text: 'hello' })
    t.match(await bob.nextJSON(), { at: String, from: 'Ada', text: 'hello' })
    eve.sendJSON({ text: 'alone' })
    t.match(await eve.nextJSON(), { at: String, from: 'guest', text: 'alone' }, 'the first message that Eve sees is her own')
    bob.socket.close()
    await bob.closed
    ada.sendJSON({ text: 'still here' })
    t.match(await ada.nextJSON(), { at: String, from: 'Ada', text: 'still here' })
  })

  await t.test('who comes back gets what was missed, once', async t => {
    const ada = await Client.open(example, '/rooms/late?name=Ada')
    ada.sendJSON({ text: 'one' })
    const { at } = await ada.nextJSON() as { at: string }
    ada.sendJSON({ text: 'two' })
    const back = await Client.open(example, `/rooms/late?since=${at}`)
    t.match(await back.nextJSON(), { text: 'two' })
    ada.sendJSON({ text: 'three' })
    t.match(await back.nextJSON(), { text: 'three' })
  })

  await t.test('a message that breaks the schema ends its connection with 1008 and the reason', async t => {
    const ada = await Client.open(example, '/rooms/strict?name=Ada')
    for (const [message, reason] of [
      [{ text: '' }, 'message/text must NOT have fewer than 1 characters'],
      [{ text: 'x'.repeat(501) }, 'message/text must NOT have more than 500 characters'],
      [{ text: {} }, 'message/text must be string'],
      [{}, "message must have required property 'text'"]
    ] as const) {
      const bob = await Client.open(example, '/rooms/strict?name=Bob')
      bob.sendJSON(message)
      t.same(await bob.closed, { code: 1008, reason })
    }
    ada.sendJSON({ text: 5 })
    t.match(await ada.nextJSON(), { at: String, from: 'Ada', text: '5' }, 'Ada is still there, and a number was made a string')
  })

  await t.test('a name that is too long is refused with 400', async t => {
    t.equal(await refusal(example, `/rooms/tea?name=${'x'.repeat(31)}`), 400)
  })
})

test('auth: strangers get 401, users are known by bearer token or cookie', async t => {
  const example = await start(t, 'auth')
  t.equal(await refusal(example, '/me'), 401)
  t.equal(await refusal(example, '/me', { authorization: 'Bearer nonsense' }), 401)

  const ada = await Client.open(example, '/me', { authorization: 'Bearer ada-token' })
  t.equal(await ada.next(), 'Hello Ada')
  ada.socket.send('hi')
  t.equal(await ada.next(), 'Ada said: hi')

  const grace = await Client.open(example, '/me', { cookie: 'token=grace-token' })
  t.equal(await grace.next(), 'Hello Grace')
})

test('dual-route: GET answers with the state, a WebSocket gets it and every change', async t => {
  const example = await start(t, 'dual-route')
  const watcher = await Client.open(example, '/counter')
  t.same(await watcher.nextJSON(), { count: 0 })
  t.same(await (await fetch(`${example.url}/counter`)).json(), { count: 0 })
  t.same(await (await fetch(`${example.url}/counter`, { method: 'POST' })).json(), { count: 1 })
  t.same(await watcher.nextJSON(), { count: 1 })
  t.same(await (await fetch(`${example.url}/counter`)).json(), { count: 1 })
})

test('ticker: a client gets the prices of the symbols that it follows, and of no others', async t => {
  const example = await start(t, 'ticker')
  const client = await Client.open(example, '/prices')
  const next = async () => await client.nextJSON() as { symbol: string, price: number }
  client.sendJSON({ type: 'follow', symbol: 'SAP' })
  for (let i = 0; i < 5; i++) t.match(await next(), { symbol: 'SAP', price: Number })
  client.sendJSON({ type: 'follow', symbol: 'NVDA' })
  while ((await next()).symbol !== 'NVDA');
  t.match(await (await fetch(`${example.url}/figures`)).json(), { topics: 2, subscriptions: 2, dropped: 0 })
  client.sendJSON({ type: 'unfollow', symbol: 'SAP' })
  // What was published before that may still come.
  for (let rest = 0; rest < 5;) rest = (await next()).symbol === 'NVDA' ? rest + 1 : 0
  t.match(await (await fetch(`${example.url}/figures`)).json(), { topics: 1, subscriptions: 1 })
  client.sendJSON({ type: 'follow', symbol: 'NONE' })
  t.match(await client.closed, { code: 1008 })
})

test('presence: who is there, who comes and who goes; two windows are one member, and a page that is loaded again stays', async t => {
  const example = await start(t, 'presence', { GRACE: '2000' })
  const open = (user: string, name: string) => Client.open(example, `/documents/plan?user=${user}&name=${name}`)
  const ada = await open('u1', 'Ada')
  t.same(await ada.nextJSON(), { type: 'here', readers: [{ user: 'u1', name: 'Ada' }] })
  t.same(await ada.nextJSON(), { type: 'joined', name: 'Ada' })

  const bob = await open('u2', 'Bob')
  const both = [{ user: 'u1', name: 'Ada' }, { user: 'u2', name: 'Bob' }]
  t.same(await bob.nextJSON(), { type: 'here', readers: both })
  t.same(await bob.nextJSON(), { type: 'joined', name: 'Bob' })
  t.same(await ada.nextJSON(), { type: 'joined', name: 'Bob' })

  // A second window, and then the first is loaded again: nobody is told.
  const second = await open('u1', 'Ada')
  t.same(await second.nextJSON(), { type: 'here', readers: both })
  for (const window of [ada, second]) {
    window.socket.close()
    await window.closed
  }
  const again = await open('u1', 'Ada')
  t.same(await again.nextJSON(), { type: 'here', readers: both })
  t.same(await (await fetch(`${example.url}/documents/plan/readers`)).json(), both)

  again.socket.close()
  t.same(await bob.nextJSON(), { type: 'left', name: 'Ada' }, 'the first that Bob hears of it')
  t.same(await (await fetch(`${example.url}/documents/plan/readers`)).json(), [{ user: 'u2', name: 'Bob' }])
  t.equal(await refusal(example, '/documents/plan?user=u3'), 400)
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`graceful-shutdown: on ${signal} clients see 1001 and the process ends by itself`, async t => {
    const example = await start(t, 'graceful-shutdown')
    const client = await Client.open(example, '/clock')
    t.match(await client.next(), /^\d{4}-\d\d-\d\dT/)
    const exitCode = example.stop(signal)
    t.match(await client.closed, { code: 1001 })
    t.equal(await exitCode, 0)
  })
}

test('two-nodes: without a Redis it says where to get one', async t => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/examples/two-nodes.js'], {
    cwd: ROOT, encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '', PATH: '/nowhere' }
  })
  t.equal(status, 1)
  t.equal(stdout, '')
  for (const way of ['apt-get install redis-server', 'brew install redis', 'docker run', 'REDIS_URL=']) t.match(stderr, way)
})

// That of HTTP/2 needs a certificate, and two-nodes needs servers: see http2.test.ts and test/engines/two-nodes.long.ts.
/** The others need a certificate or other servers; and a client listens nowhere. */
const ALONE = TESTED.filter(name => !['client', 'http2', 'two-nodes'].includes(name))
for (const name of ALONE) {
  test(`${name}: the TypeScript source runs as it stands`, {
    skip: RUNS_TYPESCRIPT ? false : 'this version of Node does not run TypeScript'
  }, async t => {
    const example = await start(t, `examples/${name}.ts`, { NOTICE: '1' })
    t.equal((await fetch(`${example.url}/nowhere`)).status, 404)
  })
}
