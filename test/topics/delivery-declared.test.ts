import { test } from 'tap'
import { runScript } from '../support/handshakes.ts'
import { codeOf } from '../support/serve.ts'
import { stage, text, texts } from './stage.ts'

const SCHEMA = { message: { type: 'object', required: ['n'], properties: { n: { type: 'integer' }, at: { type: 'string' } } } } as any

test('a topic with a schema: the same bytes for every route, with the position in them, by which a client resumes', async t => {
  const { topics, open } = await stage(t, app => app.topic('/t', { schema: SCHEMA, history: { size: 100, ttl: 60_000, position: 'at' } }))
  const topic = topics as any
  const all = [await open(), await open('/values')]
  for (const { socket } of all) await socket.subscribe(topic)
  const published = []
  for (let n = 0; n < 3; n++) published.push(topic.publish({ n, other: 'left out by the schema' }))
  const positions = (await Promise.all(published)).map(({ at }) => at)
  for (const { client } of all) {
    t.strictSame((await texts(client, 3)).map(one => JSON.parse(one)), positions.map((at, n) => ({ n, at })))
  }
  t.equal(await codeOf(() => topic.publish({ n: 'none' })), 'FST_ERR_WS_INVALID_PUBLISH')
  const later = await open()
  t.match(await later.socket.subscribe(topic, { since: positions[0] }), { recovered: true })
  t.strictSame((await texts(later.client, 2)).map(one => JSON.parse(one).n), [1, 2])
})

test('what is published to a topic with a schema while begin runs counts as long as it is', async t => {
  const { topics, open } = await stage(t, app => app.topic('/t', { schema: SCHEMA, overflow: 'drop' }), { ws: { highWaterMark: 200 } })
  const topic = topics as any
  const { socket, client } = await open()
  await socket.subscribe(topic, {
    async begin () {
      for (let n = 0; n < 10; n++) await topic.publish({ n })
    }
  })
  t.strictSame(await texts(client, 2), ['{"n":0}', '{"n":1}'])
  t.equal(socket.dropped, 8)
  await topic.publish({ n: 10 })
  t.equal(await text(client), '{"n":10}')
})

const SCRIPT = `
  async function main () {
    const app = require('fastify')()
    await app.register(require('fastify-sockets'), { deflate: { threshold: 64 } })
    app.get('/', { ws: true }, async socket => {
      await socket.subscribe('a')
      await socket.subscribe('b')
      app.sockets.publish('a', 'secret')
      app.sockets.publish('b', 'secret'.repeat(20))
      setImmediate(() => { setImmediate(() => { socket.close() }) })
    })
    const client = await app.injectWS('/', { headers: { 'sec-websocket-extensions': 'permessage-deflate' } })
    client.on('message', () => {})
    await client.closed
    await app.close()
  }
  main()
`

test('NODE_DEBUG prints a line for each message of a topic, and nothing of what it says', async t => {
  const { code, stderr } = await runScript(SCRIPT, { NODE_DEBUG: 'fastify-sockets' })
  t.equal(code, 0, stderr)
  t.notMatch(stderr, /secret/)
  const ofServer = [...stderr.matchAll(/^FASTIFY-SOCKETS \d+: 1 > (.*)$/gm)].map(([, line]) => line!)
  t.equal(ofServer[0], 'TEXT 6 B fin')
  t.match(ofServer[1], /^TEXT \d+ B deflated fin$/)
  t.equal(ofServer[2], 'CLOSE 1000')
})
