import { type Test, test } from 'tap'
import { createApp } from '../support/app.ts'
import { until } from '../support/until.ts'
import { errorOf, type Visitor, visitors } from './visitors.ts'

const HISTORY = { size: 10, ttl: 60_000, position: 'at' }
const AT = { type: 'string' }
const LINE = { type: 'object', required: ['text'], properties: { text: { type: 'string' }, at: AT } }

/** A topic whose messages carry their position, and a socket that is subscribed to it. */
async function positioned (t: Test, message: unknown = LINE, shared?: object): Promise<Visitor & { topic: any, arrived: (value: unknown) => Promise<any> }> {
  const app = createApp(t)
  const visit = visitors(app)
  const topic = app.topic('/news', { schema: { message }, history: HISTORY } as any) as any
  if (shared !== undefined) app.addSchema(shared)
  const visitor = await visit()
  await visitor.socket.subscribe(topic)
  return {
    ...visitor,
    topic,
    arrived: async value => {
      const { length } = visitor.got
      const { at } = await topic.publish(value)
      await until(() => visitor.got.length > length)
      const message = JSON.parse(visitor.got.at(-1))
      t.equal(message.at, at, 'its own position')
      t.strictSame(await topic.history({ limit: 1 }), [{ message, at }], 'as the history has it')
      return message
    }
  }
}

test('each message carries its position, and never what its publisher put there', async t => {
  const { arrived } = await positioned(t)
  const seen = new Set<string>()
  for (const value of [{ text: 'a' }, { text: 'a', at: 'forged' }, { text: 'a', at: { toJSON: () => 'forged' } }, Object.freeze({ text: 'a', at: 5 })]) {
    const { at, ...rest } = await arrived(value)
    t.same(rest, { text: 'a' })
    t.type(at, 'string')
    t.notOk(seen.has(at))
    seen.add(at)
  }
})

test('a text that looks like a position is text', async t => {
  const { arrived } = await positioned(t)
  const { at } = await arrived({ text: 'a' })
  t.equal((await arrived({ text: at })).text, at)
  t.equal((await arrived({ text: 'position-' })).text, 'position-')
})

test('what is published is what JSON, or a serializer, would read: toJSON, classes, getters, private fields, a null prototype', async t => {
  class Base {
    #text: string
    constructor (text: string) { this.#text = text }
    get text (): string { return this.#text }
    method (): void {}
  }
  class Line extends Base {
    get at (): string { return 'forged' }
  }
  class Json {
    readonly #text = 'json'
    toJSON (): object { return { text: this.#text, at: 'forged' } }
  }
  const { arrived } = await positioned(t)
  t.equal((await arrived(new Base('getter'))).text, 'getter')
  t.equal((await arrived(new Line('derived'))).text, 'derived')
  t.equal((await arrived(new Json())).text, 'json')
  t.equal((await arrived(Object.assign(Object.create(null), { text: 'bare' }))).text, 'bare')
  t.equal((await arrived(new Proxy({ text: 'proxy' }, {}))).text, 'proxy')
  t.equal((await arrived(new Proxy(new Base('behind'), { get: (target, name) => Reflect.get(target, name, target) }))).text, 'behind')
  const given = { text: 'a' }
  await arrived(given)
  t.strictSame(given, { text: 'a' }, 'the value itself is left alone')
})

test('what is no object carries none, and is refused', async t => {
  const { topic, got } = await positioned(t, { type: 'object', properties: { at: AT } })
  for (const value of [undefined, null, 5, 'text', true, [], [1], Symbol('x'), () => {}, { toJSON: () => 5 }, { toJSON: () => null }]) {
    t.match(await errorOf(() => topic.publish(value)), { code: 'FST_ERR_WS_INVALID_PUBLISH', message: /: message must be object$/ })
  }
  t.strictSame(got, [])
  t.strictSame(await topic.history(), [])
})

test('what does not fit otherwise is refused as without a position', async t => {
  const { topic } = await positioned(t)
  t.match(await errorOf(() => topic.publish({})), { code: 'FST_ERR_WS_INVALID_PUBLISH', message: /message must have required property 'text'/ })
  t.equal((await errorOf(() => topic.publish({ get text () { throw new Error('not to be read') } }))).message, 'not to be read')
})

const a = { type: 'object', required: ['type'], properties: { type: { const: 'a' }, n: { type: 'integer' }, at: AT } }
const b = { type: 'object', required: ['type', 'at'], properties: { type: { const: 'b' }, s: { type: 'string' }, at: AT } }
const CARRYING: Array<[name: string, schema: object, shared?: object]> = [
  ['anyOf', { anyOf: [a, b] }],
  ['oneOf', { oneOf: [a, b] }],
  ['anyOf, with the property at the top', { type: 'object', properties: { at: AT, n: { type: 'integer' }, s: { type: 'string' }, type: { type: 'string' } }, anyOf: [{ type: 'object', required: ['n'] }, { type: 'object', required: ['s'] }] }],
  ['a $ref', { $ref: 'shared#' }, { $id: 'shared', anyOf: [a, b] }],
  ['a property that is a $ref', { type: 'object', properties: { type: { type: 'string' }, n: { type: 'integer' }, s: { type: 'string' }, at: { $ref: 'position#' } } }, { $id: 'position', type: 'string' }],
  ['allOf', { type: 'object', allOf: [{ type: 'object', properties: { type: { type: 'string' }, n: { type: 'integer' }, s: { type: 'string' } } }, { type: 'object', properties: { at: AT } }] }],
  ['anything', {}]
]

for (const [name, schema, shared] of CARRYING) {
  test(`a position in ${name}`, async t => {
    const { arrived } = await positioned(t, schema, shared)
    t.match(await arrived({ type: 'a', n: 1, at: 'forged' }), { type: 'a', n: 1 })
    t.match(await arrived({ type: 'b', s: 'x' }), { type: 'b', s: 'x' })
  })
}

const UNABLE: Array<[name: string, schema: unknown]> = [
  ['no schema', undefined],
  ['a text', { type: 'string' }],
  ['a list', { type: 'array', items: LINE }],
  ['an object without the property', { type: 'object', properties: { text: AT } }],
  ['properties without it', { properties: { text: AT } }],
  ['a property that is no string', { type: 'object', properties: { at: { type: 'integer' } } }],
  ['a property that may be null', { type: 'object', properties: { at: { type: ['string', 'null'] } } }],
  ['a union, one of whose branches does not have it', { anyOf: [a, { type: 'object', properties: { type: { const: 'c' } } }] }],
  ['allOf without it', { type: 'object', allOf: [{ properties: { text: AT } }] }]
]

test('what cannot carry a position is refused where the topic is declared, which says so', async t => {
  for (const [name, message] of UNABLE) {
    t.match(await errorOf(() => createApp(t).topic('/news', { schema: { message }, history: HISTORY } as any)), {
      code: 'FST_ERR_WS_POSITION',
      message: "the messages of the topic '/news' cannot carry a position: its schema.message must describe an object with the property 'at', a string"
    }, name)
  }
})

test('what loses the position is refused when it is published', async t => {
  const { topic, got } = await positioned(t, { $ref: 'shared#' }, { $id: 'shared', type: 'object', properties: { text: AT } })
  t.equal((await errorOf(() => topic.publish({ text: 'a' }))).code, 'FST_ERR_WS_POSITION')
  t.strictSame(got, [])
})
