import { errors } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { createApp } from '../support/app.ts'
import { listenTo, pair } from '../support/serve.ts'

const CHAT = {
  type: 'object',
  required: ['type', 'text'],
  properties: {
    type: { type: 'string', const: 'chat' },
    text: { type: 'string', maxLength: 10 },
    to: { type: 'array', items: { $ref: '#/definitions/user' } },
    at: { type: 'string', format: 'date-time' },
    mood: { anyOf: [{ type: 'string' }, { type: 'null' }] },
    meta: { type: 'object', allOf: [{ type: 'object', required: ['a'], properties: { a: { type: 'integer' } } }] },
    kind: { const: 'public' },
    few: { type: 'array', items: { type: 'integer' }, maxItems: 1 },
    any: { type: 'array', maxItems: 1 }
  }
}
const MOVE = {
  type: 'object',
  required: ['type', 'x'],
  additionalProperties: false,
  properties: { type: { enum: ['move', 'step'] }, x: { type: 'integer' } }
}
const definitions = { user: { type: 'object', required: ['name'], properties: { name: { type: 'string' }, nick: { type: ['string', 'null'] } } } }

const HELLO = { type: 'chat', text: 'hello' }

/** Ways to write the same union. */
const WAYS: Array<[name: string, send: any, shared?: object]> = [
  ['anyOf', { definitions, anyOf: [CHAT, MOVE] }],
  ['oneOf', { definitions, oneOf: [CHAT, MOVE] }],
  ['that is shared', { $ref: 'sent#' }, { $id: 'sent', definitions, anyOf: [CHAT, MOVE] }],
  ['by $ref', { definitions: { ...definitions, chat: CHAT, move: MOVE }, anyOf: [{ $ref: '#/definitions/chat' }, { $ref: '#/definitions/move' }] }]
]

/** Both ends of a route with this schema. */
async function sending (t: Test, send: unknown, shared?: object, route: Record<string, unknown> = {}) {
  const app = createApp(t)
  let socket: any
  app.get('/', { ws: true, schema: { send }, ...route } as any, (one: any) => { socket = one })
  if (shared !== undefined) app.addSchema(shared)
  const client = await (await listenTo(t, app)).open()
  return {
    socket,
    sent: async (value: unknown) => {
      socket.send(value)
      return (await client.frame()).payload.toString()
    },
    refused: (value: unknown): any => {
      try {
        socket.send(value)
        return 'it was sent'
      } catch (error) {
        return error
      }
    }
  }
}

const WRONG: Array<[value: any, said: string]> = [
  [{ ...HELLO, text: 5 }, 'message/text must be string'],
  [{ ...HELLO, text: {} }, 'message/text must be string'],
  [{ ...HELLO, text: 'much too long' }, 'message/text must fit {"type":"string","maxLength":10}'],
  [{ type: 'chat' }, "message must have required property 'text'"],
  [{ ...HELLO, text: null }, 'message/text must be string'],
  [{ ...HELLO, to: {} }, 'message/to must be array'],
  [{ ...HELLO, to: new Date() }, 'message/to must be array'],
  [{ ...HELLO, to: [{ name: 'Ann' }, {}] }, "message/to/1 must have required property 'name'"],
  [{ ...HELLO, to: [{ name: 'Ann', nick: 1 }] }, 'message/to/0/nick must be string or null'],
  [{ ...HELLO, at: 'now' }, 'message/at must fit {"type":"string","format":"date-time"}'],
  [{ ...HELLO, mood: 1 }, 'message/mood must be string, or message/mood must be null'],
  [{ ...HELLO, meta: {} }, "message/meta must have required property 'a'"],
  [{ ...HELLO, meta: { a: 1.5 } }, 'message/meta/a must be integer'],
  [{ ...HELLO, kind: 'private' }, 'message/kind must be "public"'],
  [{ ...HELLO, few: [1, 2] }, 'message/few must fit {"type":"array","items":{"type":"integer"},"maxItems":1}'],
  [{ ...HELLO, any: [1, 2] }, 'message/any must fit {"type":"array","maxItems":1}'],
  [{ type: 'move', x: 'one' }, 'message/x must be integer'],
  [{ type: 'move', x: 1n }, 'message/x must be integer'],
  [{ type: 'step', x: 1, y: 2, z: 3 }, 'message must NOT have additional properties: "y"'],
  [{ type: 'jump', x: 1 }, 'message/type must be one of "chat", "move", "step"'],
  [{ type: null }, 'message/type must be one of "chat", "move", "step"'],
  [{ x: 1 }, `message must have required property 'type', one of "chat", "move", "step"`],
  [null, 'message must be object'],
  [[HELLO], 'message must be object'],
  ['chat', 'message must be object'],
  [undefined, 'message must be object']
]

for (const [name, send, shared] of WAYS) {
  test(`a union ${name}: what does not fit is named by its path, and nothing is sent`, async t => {
    const { sent, refused } = await sending(t, send, shared)
    for (const [value, said] of WRONG) {
      const error = refused(value)
      t.ok(error instanceof errors.FST_ERR_WS_INVALID_SEND, `${error}`)
      t.equal(error.message, `the value given to send() does not fit schema.send: ${said}`)
    }
    t.equal(await sent({ ...HELLO, secret: 'left out' }), '{"type":"chat","text":"hello"}')
    t.equal(await sent({ type: 'step', x: 1 }), '{"type":"step","x":1}')
    const all = { ...HELLO, to: [{ name: 'Ann', nick: null }], mood: null, meta: { a: 1 }, kind: 'public' }
    t.same(JSON.parse(await sent(all)), all)
    t.match(await sent({ ...HELLO, at: new Date(0) }), '"at":"1970-01-01T00:00:00.000Z"')
  })
}

test('what is meant is what JSON makes of a value', async t => {
  const { refused } = await sending(t, { definitions, anyOf: [CHAT, MOVE] })
  t.match(refused({ ...HELLO, text: 5, at: new Date() }).message, /: message\/text must be string$/)
})

test('of a union that is not told apart, or not always, each branch says what it misses', async t => {
  const a = { type: 'object', required: ['a'], properties: { a: { type: 'string' } } }
  const b = { type: 'object', required: ['b'], properties: { b: { type: 'integer' } } }
  const first = await sending(t, { anyOf: [a, b] })
  t.match(first.refused({ b: 'x' }).message, /: message must have required property 'a', or message\/b must be integer$/)
  t.equal(await first.sent({ a: 'x' }), '{"a":"x"}')
  const kind = (value: string) => ({ kind: { const: value } })
  const open = await sending(t, { oneOf: [{ ...a, properties: { ...a.properties, ...kind('a') } }, { ...b, properties: { ...b.properties, ...kind('b') } }] })
  t.equal(await open.sent({ a: 'x' }), '{"a":"x"}')
  t.match(open.refused({ kind: 'b', b: 'x' }).message, /: message\/b must be integer$/)
  t.match(open.refused({ b: 'x' }).message, /: message must have required property 'a', or message\/b must be integer$/)
})

test('a schema that is no union names the path as well, and what its serializer said', async t => {
  const { refused, sent } = await sending(t, {
    type: 'object', required: ['must'],
    properties: {
      must: { type: 'string' }, list: { type: 'array', items: { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } } },
      any: { anyOf: [{ type: 'integer' }, { type: 'boolean' }] }, same: { $ref: '#/definitions/n' }
    },
    definitions: { n: { type: 'number' } }
  })
  for (const [value, said] of [
    [{}, `message must have required property 'must' ("must" is required!)`],
    [{ must: 'x', list: [{ n: 1 }, { n: 'a' }] }, 'message/list/1/n must be integer (The value "a" cannot be converted to an integer.)'],
    [{ must: 'x', list: [{}] }, `message/list/0 must have required property 'n' ("n" is required!)`],
    [{ must: 'x', any: 'y' }, 'message/any must be integer, or message/any must be boolean'],
    [{ must: 'x', same: 'y' }, 'message/same must be number (The value "y" cannot be converted to a number.)']
  ] as Array<[unknown, string]>) {
    const error = refused(value)
    t.equal(error.message, `the value given to send() does not fit schema.send: ${said}`)
    t.ok(error instanceof TypeError)
  }
  t.equal(await sent({ must: 5 }), '{"must":"5"}', 'what fits is what it has been')
})

test('bigints are integers', async t => {
  const { refused, sent } = await sending(t, { type: 'object', properties: { n: { type: 'integer' }, m: { type: 'integer' } } })
  t.equal(await sent({ n: 2n ** 64n }), '{"n":18446744073709551616}')
  t.match(refused({ n: 1n, m: 'x' }).message, /: message\/m must be integer /)
})

test('errors of other kinds come through as they are', async t => {
  const { refused } = await sending(t, { anyOf: [{ ...CHAT, properties: { type: CHAT.properties.type, text: CHAT.properties.text } }, MOVE] })
  const own = new Error('own')
  t.equal(refused({ get type () { throw own } }), own)
  const thrown = { get message () { throw own } }
  t.equal(refused({ get type () { throw thrown } }), thrown)
  let asked = 0
  const fickle = { type: 'chat', get text () { return asked++ > 2 ? 'good' : 5 } }
  t.match(refused(fickle).message, /: message must fit /, 'what changes meanwhile is not found')
})

test('a value that fails in no part that can be named is told by the schema', async t => {
  const { refused } = await sending(t, {
    anyOf: [
      { type: 'object', required: ['type'], minProperties: 3, additionalProperties: false, properties: { type: { const: 'a' }, b: true, c: { $ref: '#/anyOf/1/properties/type' } } },
      { type: 'object', required: ['type'], properties: { type: { const: 'b' } } }
    ]
  })
  t.match(refused({ type: 'a', b: 1 }).message, /: message must fit \{"anyOf":\[/)
  const closed = await sending(t, { anyOf: [{ ...MOVE, maxProperties: 2, properties: { ...MOVE.properties, y: {} } }, CHAT], definitions })
  t.match(closed.refused({ type: 'move', x: 1, y: 2 }).message, /: message must fit \{"type":"object",.*"maxProperties":2/)
})

test('a part that cannot be compiled by itself is named with what it is in', async t => {
  const user = { type: 'object', properties: { 'a/b': { type: 'string' } } }
  const { refused } = await sending(t, { $ref: 'sent#' }, {
    $id: 'sent', anyOf: [{ ...MOVE, properties: { ...MOVE.properties, user } }, { ...MOVE, properties: { type: { const: 'x' } } }]
  })
  t.match(refused({ type: 'move', x: 1, user: { 'a/b': 1 } }).message, /: message\/user must fit \{"type":"object",/)
})

test('a $ref that is the eleventh of a row is not followed', async t => {
  const definitions = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`d${i}`, { $ref: `#/definitions/d${i + 1}` }]))
  const { refused } = await sending(t, { $ref: '#/definitions/d0', definitions: { ...definitions, d12: { anyOf: [CHAT.properties.kind, { type: 'null' }] } } })
  t.match(refused('private').message, /: message must fit \{"\$ref":"#\/definitions\/d0"/)
})

test('a serializerCompiler of the route makes a serializer of each branch, and its errors are its own', async t => {
  const asked: any[] = []
  const own = new Error('mine')
  const { sent, refused } = await sending(t, { anyOf: [CHAT, MOVE] }, undefined, {
    serializerCompiler: ({ schema }: any) => {
      asked.push(schema)
      return (value: any) => {
        if (value.type === 'move') throw own
        return `${schema.anyOf.length} ${value.type}`
      }
    }
  })
  t.equal(await sent(HELLO), '1 chat')
  t.equal(refused({ type: 'move' }), own)
  t.equal(await sent({ type: 'other' }), '2 other')
  t.same(asked, [{ anyOf: [CHAT, MOVE] }, { anyOf: [CHAT] }, { anyOf: [MOVE] }])
})

test('a handler that sends what does not fit closes with 1011, and the log names the path', async t => {
  const app = createApp(t)
  app.get('/', { ws: true, schema: { send: { anyOf: [{ ...CHAT, properties: { type: CHAT.properties.type } }, MOVE] } } }, (socket: any) => {
    socket.send({ type: 'move', x: 'one' })
  })
  const client = await (await listenTo(t, app)).open()
  t.equal((await client.close()).code, 1011)
  t.match(app.lines.filter(line => line.level >= 50), [{ err: { code: 'FST_ERR_WS_INVALID_SEND', message: /message\/x must be integer$/ } }])
})

test('a schema of another kind is serialized by its own compiler, untouched', async t => {
  const send = new Map()
  const { socket, client } = await pair(t, {}, { schema: { send }, serializerCompiler: ({ schema }: any) => () => `${schema === send}` })
  socket.send({})
  t.equal((await client.frame()).payload.toString(), 'true')
})
