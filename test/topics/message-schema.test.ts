import { type Test, test } from 'tap'
import { createApp } from '../support/app.ts'
import { until } from '../support/until.ts'
import { errorOf, type Visitor, visitors } from './visitors.ts'

const SAID = { type: 'object', required: ['type', 'text'], properties: { type: { const: 'said' }, text: { type: 'string' }, tags: { type: 'array', items: { type: 'string' } } } }
const LEFT = { type: 'object', required: ['type'], properties: { type: { const: 'left' }, who: { type: 'integer' } } }

/** A topic, and a socket that is subscribed to it. */
async function subscribed (t: Test, message: unknown, shared?: object): Promise<Visitor & { topic: any, sent: (value: unknown) => Promise<string> }> {
  const app = createApp(t)
  const visit = visitors(app)
  const topic = app.topic('/news', { schema: { message } })
  if (shared !== undefined) app.addSchema(shared)
  const visitor = await visit()
  await visitor.socket.subscribe(topic)
  const { got } = visitor
  return {
    ...visitor,
    topic,
    sent: async value => {
      const { length } = got
      await topic.publish(value as any)
      await until(() => got.length > length)
      return got.at(-1)
    }
  }
}

/** Ways to write the same union. */
const WAYS: Array<[name: string, schema: object, shared?: object]> = [
  ['anyOf', { anyOf: [SAID, LEFT] }],
  ['oneOf', { oneOf: [SAID, LEFT] }],
  ['a $ref to what is shared after the topic', { $ref: 'news#' }, { $id: 'news', anyOf: [SAID, LEFT] }]
]

for (const [name, schema, shared] of WAYS) {
  test(`a union by ${name}: what does not fit is refused, which says where, and reaches nobody`, async t => {
    const { topic, got, sent } = await subscribed(t, schema, shared)
    const wrong: Array<[unknown, string]> = [
      [{ type: 'said', text: 5 }, 'message/text must be string'],
      [{ type: 'said' }, "message must have required property 'text'"],
      [{ type: 'said', text: 'a', tags: ['b', 5] }, 'message/tags/1 must be string'],
      [{ type: 'left', who: 'me' }, 'message/who must be integer'],
      [{ type: 'came' }, 'message/type must be one of "said", "left"'],
      [{}, `message must have required property 'type', one of "said", "left"`],
      [null, 'message must be object'],
      [undefined, 'message must be object'],
      ['text', 'message must be object'],
      [[], 'message must be object']
    ]
    for (const [value, said] of wrong) {
      const error = await errorOf(() => topic.publish(value))
      t.match(error, { code: 'FST_ERR_WS_INVALID_PUBLISH', statusCode: 500 })
      t.ok(error instanceof TypeError)
      t.equal(error.message, `the published value does not fit schema.message of its topic: ${said}`)
    }
    t.equal(await sent({ type: 'said', text: 'hello', secret: 1 }), '{"type":"said","text":"hello"}', 'only what is declared leaves')
    t.equal(await sent({ type: 'left', who: 5, text: 'x' }), '{"type":"left","who":5}')
    t.equal(got.length, 2)
  })
}

test('an object: what does not fit is refused, which says where; only what is declared leaves', async t => {
  const { topic, sent } = await subscribed(t, {
    type: 'object', required: ['n'], properties: { n: { type: 'integer' }, at: { type: 'string', format: 'date-time' }, deep: { type: 'object', required: ['a'], properties: { a: { type: 'string' } } } }
  })
  const wrong: Array<[unknown, RegExp]> = [
    [{}, /: message must have required property 'n' \("n" is required!\)$/],
    [{ n: 'x' }, /: message\/n must be integer/],
    [{ n: 1, deep: {} }, /: message\/deep must have required property 'a'/],
    [5, /: message must be object/]
  ]
  for (const [value, said] of wrong) t.match(await errorOf(() => topic.publish(value)), { code: 'FST_ERR_WS_INVALID_PUBLISH', message: said })
  t.equal(await sent({ n: 1, secret: 2, deep: { a: 'b', secret: 3 } }), '{"n":1,"deep":{"a":"b"}}')
  t.equal(await sent({ n: 1, at: new Date(0) }), '{"n":1,"at":"1970-01-01T00:00:00.000Z"}')
  t.equal(await sent({ toJSON: () => ({ n: 3 }) }), '{"n":3}')
  t.equal(await sent(new (class { get n () { return 4 } })()), '{"n":4}')
})

test('nothing is no message of an object', async t => {
  const { topic, sent } = await subscribed(t, { type: 'object', properties: { n: { type: 'integer' } } })
  t.match(await errorOf(() => topic.publish(undefined)), { code: 'FST_ERR_WS_INVALID_PUBLISH', message: /: message must be object$/ })
  t.equal(await sent({}), '{}')
})

test('a message need not be an object', async t => {
  const text = await subscribed(t, { type: 'string' })
  t.equal(await text.sent('hello "you"'), '"hello \\"you\\""')
  const list = await subscribed(t, { type: 'array', items: { type: 'integer' } })
  t.equal(await list.sent([1, 2]), '[1,2]')
  t.match(await errorOf(() => list.topic.publish([1, 'x'])), { code: 'FST_ERR_WS_INVALID_PUBLISH', message: /message\/1 must be integer/ })
})

test("its schema decides what leaves, whatever the subscribers' routes say of send()", async t => {
  const app = createApp(t)
  const raw = visitors(app)
  const strict = visitors(app, { schema: { send: { type: 'object', required: ['other'], properties: { other: { type: 'string' } } } } }, '/strict')
  const topic = app.topic('/news', { schema: { message: { type: 'object', properties: { n: { type: 'integer' } } } } })
  const all = [await raw(), await strict()]
  for (const { socket } of all) await socket.subscribe(topic)
  await topic.publish({ n: 1 })
  await until(() => all.every(({ got }) => got.length === 1))
  t.same(all.map(({ got }) => got[0]), ['{"n":1}', { n: 1 }])
})

test('what throws when it is read is thrown to whoever publishes it', async t => {
  const { topic, got } = await subscribed(t, { type: 'object', properties: { n: { type: 'integer' } } })
  const values = [
    { get n () { throw new Error('not to be read') } },
    new Proxy({}, { get () { throw new Error('not to be read') } }),
    { toJSON () { throw new Error('not to be read') } }
  ]
  for (const value of values) t.equal((await errorOf(() => topic.publish(value))).message, 'not to be read')
  t.strictSame(got, [])
})

test('without a schema each route encodes for itself: raw, or by its schema.send', async t => {
  const app = createApp(t)
  const object = (properties: object) => ({ schema: { send: { type: 'object', properties } } })
  const routes = [visitors(app, object({ a: { type: 'integer' } }), '/a'), visitors(app, object({ b: { type: 'integer' } }), '/b')]
  const topic = app.topic('/news')
  const [a, b] = [await routes[0]!(), await routes[1]!()]
  for (const { socket } of [a, b]) {
    await socket.subscribe(topic)
    await socket.subscribe('talk')
  }
  await topic.publish({ a: 1, b: 2, c: 3 })
  await app.sockets.publish('talk', { a: 4, b: 5, c: 6 })
  await until(() => a.got.length === 2 && b.got.length === 2)
  t.same([a.got, b.got], [[{ a: 1 }, { a: 4 }], [{ b: 2 }, { b: 5 }]])
})

test('what one of the subscribed routes cannot encode reaches nobody, and stands in no history', async t => {
  const app = createApp(t)
  const raw = visitors(app)
  const typed = visitors(app, { schema: { send: { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } } } }, '/typed')
  const topic = app.topic('/news', { history: { size: 5, ttl: 60_000 } })
  const [a, b] = [await raw(), await typed()]
  for (const { socket } of [a, b]) {
    await socket.subscribe(topic)
    await socket.subscribe('talk')
  }
  const rows: Array<[unknown, string]> = [
    ['text', 'FST_ERR_WS_INVALID_SEND'], [{ n: 1 }, 'FST_ERR_WS_SEND_TYPE'], [{ n: 'x' }, 'FST_ERR_WS_SEND_TYPE'], [5, 'FST_ERR_WS_SEND_TYPE'], [undefined, 'FST_ERR_WS_SEND_TYPE']
  ]
  for (const [value, code] of rows) {
    t.equal((await errorOf(() => topic.publish(value as any))).code, code)
    t.equal((await errorOf(() => app.sockets.publish('talk', value))).code, code)
  }
  t.strictSame(await topic.history(), [])
  t.ok(b.socket.unsubscribe(topic))
  t.ok(b.socket.unsubscribe('talk'))
  await topic.publish('text')
  await app.sockets.publish('talk', 'talk')
  await until(() => a.got.length === 2)
  t.same(a.got, ['text', 'talk'], 'now that only raw routes are subscribed')
  t.strictSame(b.got, [])
  t.match(app.sockets.stats().topics, { '/news': { published: 1 }, '': { published: 1 } })
})

test('bytes stay bytes, and are not changed by what the publisher does with its buffer', async t => {
  const app = createApp(t)
  const visit = visitors(app)
  const { socket, got } = await visit()
  await socket.subscribe('bytes')
  const buffer = Buffer.from([1, 2, 3])
  await app.sockets.publish('bytes', buffer)
  buffer.fill(9)
  await app.sockets.publish('bytes', new Uint8Array([4]).buffer)
  await app.sockets.publish('bytes', new DataView(new Uint8Array([5, 6]).buffer, 1))
  await app.sockets.publish('bytes', '')
  await until(() => got.length === 4)
  t.same(got, [Buffer.from([1, 2, 3]), Buffer.from([4]), Buffer.from([6]), ''])
})
