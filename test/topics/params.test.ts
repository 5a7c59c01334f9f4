import type { SingleTopic, Topic } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { createApp } from '../support/app.ts'
import { codeOf } from '../support/serve.ts'
import { errorOf, type Visitor, visitors } from './visitors.ts'

const ROOM = { type: 'object', required: ['room'], properties: { room: { type: 'string' } } }

/** A topic, and a socket that subscribes. */
async function withTopic (t: Test, url: string, params?: object, ajv: object = {}): Promise<Visitor & { topic: Topic<any> }> {
  const app = createApp(t, { limits: { subscriptions: false } }, { ajv })
  const visit = visitors(app)
  const topic = app.topic(url, params === undefined ? {} : { schema: { params } } as any) as Topic<any>
  return { ...await visit(), topic }
}

/** The name that parameters lead to. */
async function nameOf ({ socket, topic }: Visitor & { topic: Topic<any> }, params: unknown): Promise<string> {
  await socket.subscribe(topic, params)
  const name = socket.subscriptions[0]!
  socket.unsubscribe(topic, params)
  return name
}

test('different values never make one name', async t => {
  const at = await withTopic(t, '/a/:x/b/:y')
  const values = [
    'a', 'A', 'ä', 'a\u0308', 'a/b', 'a%2Fb', '%', '%25', '.', '..', ' ', '\t', '\n', '\0', '?', '#', '&', '+', '%20', ':x', '*', '~', "'", '"', '\\',
    'null', 'undefined', '[object Object]', '😀', '\u{10FFFF}', '\uFFFD', '日本', '0', '00', '-1', '1e3', 'true', '__proto__', 'constructor', 'b', 'a/b/b/c'
  ]
  const names = new Set<string>()
  for (const x of values) {
    for (const y of ['b', x]) {
      const name = await nameOf(at, { x, y })
      t.match(name, /^\/a\/[^/]+\/b\/[^/]+$/, name)
      names.add(name)
    }
  }
  t.equal(names.size, values.length * 2 - 1, "each has a name of its own; that of ('b', 'b') came twice")
  t.equal(await nameOf(at, { x: 'ä/b', y: '%' }), '/a/%C3%A4%2Fb/b/%25')
})

test('numbers, bigints and booleans are taken as their text, as clients write them in a URL', async t => {
  const at = await withTopic(t, '/a/:x')
  const rows: Array<[unknown, string]> = [[5, '5'], [-0, '0'], [1.5, '1.5'], [1e21, '1e%2B21'], [10n, '10'], [true, 'true'], [false, 'false'], ['5', '5']]
  for (const [x, text] of rows) t.equal(await nameOf(at, { x }), `/a/${text}`)
})

test('what has no text of its own is refused when subscribing, unsubscribing, publishing and reading', async t => {
  const { socket, topic } = await withTopic(t, '/a/:x')
  for (const x of ['', null, undefined, {}, [], ['a'], () => {}, Symbol('x'), new Date(), Object('a')]) {
    for (const call of [
      () => socket.subscribe(topic, { x }), () => socket.unsubscribe(topic, { x }), () => topic.publish({ x }, 'm'),
      () => topic.history({ x }), () => topic.members({ x }), () => topic.count({ x })
    ]) {
      const error = await errorOf(call)
      t.equal(error.code, 'FST_ERR_WS_TOPIC_PARAMS')
      t.match(error, { statusCode: 400, message: 'these are no parameters of the topic: params/x must be a string that is not empty' })
    }
  }
  t.strictSame(socket.subscriptions, [])
})

test('half a surrogate pair is refused, and a whole one is not', async t => {
  const at = await withTopic(t, '/a/:x')
  for (const x of ['\uD83D', 'a\uDE00', '\uDE00\uD83D', `${'\uD83D'}b`]) {
    t.match(await errorOf(() => at.topic.publish({ x }, 'm')), {
      code: 'FST_ERR_WS_TOPIC_PARAMS', message: 'these are no parameters of the topic: params/x is not well-formed text', cause: URIError
    })
  }
  t.equal(await nameOf(at, { x: '\uD83D\uDE00' }), '/a/%F0%9F%98%80')
})

test('a name has at most 255 characters, as it is encoded', async t => {
  const at = await withTopic(t, '/a/:x')
  t.equal((await nameOf(at, { x: 'x'.repeat(252) })).length, 255)
  t.equal((await nameOf(at, { x: 'ä'.repeat(42) })).length, 255)
  for (const x of ['x'.repeat(253), 'ä'.repeat(43), 'x'.repeat(256), 'x'.repeat(1e7)]) {
    const error = await errorOf(() => at.topic.publish({ x }, 'm'))
    t.equal(error.code, 'FST_ERR_WS_TOPIC_NAME')
    t.match(error.message, 'the name of a topic has 1 to 255 characters')
  }
})

test('parameters that are missing or no object are refused; others are ignored', async t => {
  const at = await withTopic(t, '/a/:x/:y')
  for (const params of [undefined, null, 'x', 5, true, Symbol('x')]) {
    t.match(await errorOf(() => at.topic.publish(params as any, 'm')), { message: 'these are no parameters of the topic: params must be object' })
    t.equal(await codeOf(() => at.socket.subscribe(at.topic, params as any)), 'FST_ERR_WS_TOPIC_PARAMS')
  }
  for (const params of [{}, { x: 'a' }, [], () => ({ x: 'a', y: 'b' })]) {
    t.equal(await codeOf(() => at.topic.publish(params as any, 'm')), 'FST_ERR_WS_TOPIC_PARAMS')
  }
  t.equal(await nameOf(at, { z: 'z', y: 'b', x: 'a' }), '/a/a/b')
})

test('names that objects inherit are parameters like others, and are missing where they are only inherited', async t => {
  for (const name of ['__proto__', 'constructor', 'toString']) {
    const at = await withTopic(t, `/a/:${name}`)
    const schema = { type: 'object', required: [name], properties: JSON.parse(`{ "${name}": { "type": "string" } }`) }
    t.equal(await codeOf(() => at.topic.publish({}, 'm')), 'FST_ERR_WS_TOPIC_PARAMS', name)
    t.equal(await nameOf(at, JSON.parse(`{ "${name}": "b" }`)), '/a/b')
    const strict = await withTopic(t, `/a/:${name}`, schema)
    t.equal(await nameOf(strict, JSON.parse(`{ "${name}": "b" }`)), '/a/b')
    t.equal(await codeOf(() => strict.topic.publish({}, 'm')), 'FST_ERR_WS_TOPIC_PARAMS', name)
  }
  t.equal(({} as any).b, undefined)
})

test('a schema validates and coerces as it does for a route, whoever asks, and changes nothing of the caller', async t => {
  const params = { type: 'object', required: ['id'], additionalProperties: false, properties: { id: { type: 'integer', minimum: 1 }, kind: { enum: ['a', 'b'], default: 'a' } } }
  const at = await withTopic(t, '/:kind/:id', params)
  t.equal(await nameOf(at, { id: '5' }), '/a/5')
  t.equal(await nameOf(at, { id: '05' }), '/a/5', 'one topic, however it is written')
  t.equal(await nameOf(at, { id: 5, kind: 'b', more: 1 }), '/b/5')
  const given = Object.freeze({ id: '7', more: 1 })
  t.equal(await nameOf(at, given), '/a/7')
  t.strictSame(given, { id: '7', more: 1 })
  const wrong: Array<[unknown, string]> = [
    [{}, "params must have required property 'id'"],
    [{ id: 'x' }, 'params/id must be integer'],
    [{ id: 0 }, 'params/id must be >= 1'],
    [{ id: 1, kind: 'c' }, 'params/kind must be equal to one of the allowed values']
  ]
  for (const [one, said] of wrong) {
    for (const call of [() => at.socket.subscribe(at.topic, one), () => at.topic.publish(one, 'm'), () => at.socket.unsubscribe(at.topic, one)]) {
      t.match(await errorOf(call), { code: 'FST_ERR_WS_TOPIC_PARAMS', message: `these are no parameters of the topic: ${said}` })
    }
  }
})

test('all violations are told where Ajv reports all, and no text is longer than 1 KiB', async t => {
  const at = await withTopic(t, '/:a/:b', {
    type: 'object', properties: { a: { type: 'integer' }, b: { enum: ['x'] } }, required: ['c'.repeat(2000)]
  }, { customOptions: { allErrors: true } })
  const { message } = await errorOf(() => at.topic.publish({ a: 'x', b: 'y' }, 'm'))
  t.match(message, /^these are no parameters of the topic: params must have required property 'c+…$/)
  t.ok(message.length < 1100)
})

test("the instance's schemaErrorFormatter words what is wrong, that of the nearest scope", async t => {
  const app = createApp(t, {}, { schemaErrorFormatter: (errors, dataVar) => new Error(`root ${dataVar} ${errors[0]!.instancePath}`) })
  const topics: Array<Topic<any>> = [app.topic('/a/:room', { schema: { params: ROOM } })]
  app.register(async child => {
    child.register(async inner => { topics.push(inner.topic('/b/:room', { schema: { params: ROOM } })) })
    topics.push(child.topic('/c/:room', { schema: { params: ROOM } }))
    child.setSchemaErrorFormatter((errors, dataVar) => new Error(`child ${dataVar} ${errors[0]!.keyword}`))
  })
  app.register(async child => {
    child.setSchemaErrorFormatter((() => Promise.reject(new Error('too late'))) as any)
    topics.push(child.topic('/d/:room', { schema: { params: ROOM } }))
  })
  await app.ready()
  const said: string[] = []
  for (const topic of topics) said.push((await errorOf(() => topic.publish({ room: {} }, 'm'))).message)
  t.same(said.map(text => text.replace('these are no parameters of the topic: ', '')).sort(), [
    'child params type', 'child params type', 'root params /room', 'schemaErrorFormatter must return an error, not a promise'
  ])
})

test('a schema that cannot be compiled fails the boot, and the error names the topic', async t => {
  for (const schema of [{ params: { type: 'nothing' } }, { message: { $ref: 'missing#' } }]) {
    const app = createApp(t)
    app.register(async child => { child.topic('/rooms/:room', { schema }) }, { prefix: '/a' })
    const { code, message } = await errorOf(() => app.ready())
    t.match(code, /^FST_ERR_SCH_(?:VALIDATION|SERIALIZATION)_BUILD$/)
    t.match(message, '/rooms/:room')
  }
})

test('shared schemas may be added after the topic', async t => {
  const app = createApp(t)
  const visit = visitors(app)
  const topic = app.topic('/rooms/:room', { schema: { params: { $ref: 'room#' } } }) as Topic<any>
  app.register(async child => { child.addSchema({ $id: 'other', type: 'object' }) })
  app.addSchema({ $id: 'room', ...ROOM, properties: { room: { type: 'integer' } } })
  const { socket } = await visit()
  await socket.subscribe(topic, { room: '07' })
  t.strictSame(socket.subscriptions, ['/rooms/7'])
})

test('a topic without parameters takes none', async t => {
  const at = await withTopic(t, '/news')
  const news = at.topic as unknown as SingleTopic<any>
  await at.socket.subscribe(news)
  t.strictSame(at.socket.subscriptions, ['/news'])
  await news.publish('hello')
  t.ok(at.socket.unsubscribe(news))
})
