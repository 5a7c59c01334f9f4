import { Type } from 'typebox'
import { type Test, test } from 'tap'
import { createApp } from '../support/app.ts'
import { TEXT } from '../support/opcodes.ts'
import type { RawClient } from '../support/raw-client.ts'
import { listenTo, nextMessage, pair } from '../support/serve.ts'
import { until } from '../support/until.ts'

const CHAT = {
  type: 'object',
  required: ['type', 'text'],
  additionalProperties: false,
  properties: { type: { const: 'chat' }, text: { type: 'string', maxLength: 10 } }
}
const MOVE = {
  type: 'object',
  required: ['type', 'x'],
  additionalProperties: false,
  properties: { type: { type: 'string', enum: ['move'] }, x: { type: 'integer' }, fast: { type: 'boolean', default: false } }
}

/** Where Ajv compiles the whole union as well, it takes no default in a branch. */
const STEP = { ...MOVE, properties: { type: MOVE.properties.type, x: MOVE.properties.x, fast: { type: 'boolean' } } }

const LISTED = '"chat", "move"'

/** Every way to write the same union. */
const WAYS: Array<[name: string, message: any, shared?: object[]]> = [
  ['anyOf', { anyOf: [CHAT, MOVE] }],
  ['oneOf', { oneOf: [CHAT, MOVE] }],
  ['with its own $id, and words', { $id: 'union', title: 'What clients send', description: '…', anyOf: [CHAT, MOVE] }],
  ['with OpenAPI\'s discriminator', { type: 'object', discriminator: { propertyName: 'type' }, oneOf: [CHAT, MOVE] }],
  ['of which the union says a part', {
    type: 'object',
    required: ['type'],
    anyOf: [{ ...CHAT, type: undefined, required: ['text'] }, { ...MOVE, required: ['x'] }].map(one => JSON.parse(JSON.stringify(one)))
  }],
  ['by $ref to definitions', {
    definitions: { chat: CHAT, move: { $ref: '#/definitions/step' }, step: MOVE },
    anyOf: [{ $ref: '#/definitions/chat' }, { $ref: '#/definitions/move' }]
  }],
  ['by $ref to $defs, the union too', {
    $defs: { message: { oneOf: [{ $ref: '#/$defs/a~1b' }, MOVE] }, 'a/b': CHAT }, $ref: '#/$defs/message'
  }],
  ['by $ref to shared schemas', { anyOf: [{ $ref: 'chat#' }, { $ref: 'move' }] }, [
    { ...CHAT, $id: 'chat' }, { ...MOVE, $id: 'move', properties: { ...MOVE.properties, type: { $ref: '#/definitions/kind' } }, definitions: { kind: { const: 'move' } } }
  ]],
  ['that is shared', { $ref: 'messages#' }, [{ $id: 'messages', anyOf: [CHAT, STEP] }]],
  ['that is a part of what is shared', { $ref: 'all#/definitions/messages' }, [{
    $id: 'all', definitions: { messages: { anyOf: [{ $ref: '#/definitions/chat' }, MOVE] }, chat: CHAT }
  }]],
  ['with a union inside', { anyOf: [{ oneOf: [CHAT] }, { $ref: 'more#' }] }, [{ $id: 'more', description: '…', anyOf: [STEP] }]],
  ['with allOf in a branch', {
    anyOf: [CHAT, { type: 'object', allOf: [{ required: ['type'], properties: { type: { const: 'move' } } }, { required: ['x'], properties: { x: { type: 'integer' }, fast: { type: 'boolean', default: false } } }] }]
  }],
  ['of TypeBox', Type.Union([
    Type.Object({ type: Type.Literal('chat'), text: Type.String({ maxLength: 10 }) }, { additionalProperties: false }),
    Type.Object({ type: Type.Literal('move'), x: Type.Integer(), fast: Type.Boolean({ default: false }) }, { additionalProperties: false, required: ['type', 'x'] })
  ])],
  ['with another constant that all have', {
    anyOf: [CHAT, MOVE].map(one => ({ ...one, properties: { v: { const: 1 }, ...one.properties } }))
  }]
]

/** Both ends of a route that tells the client what is wrong with its messages. */
async function told (t: Test, message: unknown, shared: object[] = [], route: Record<string, unknown> = {}, ws: Record<string, unknown> = {}) {
  const app = createApp(t)
  const received: unknown[] = []
  app.get('/', {
    ws: { onInvalidMessage: (error: any, socket: any) => { socket.send(error.message) }, ...ws }, schema: { message }, ...route
  } as any, (socket: any) => {
    socket.on('message', (one: unknown) => {
      received.push(one)
      socket.send(JSON.stringify(one))
    })
  })
  // After the route: the order does not matter.
  for (const schema of shared) app.addSchema(schema)
  const client = await (await listenTo(t, app)).open()
  return { app, client, received, ask: (text: string) => ask(client, text) }
}

async function ask (client: RawClient, text: string): Promise<string> {
  client.send(TEXT, text)
  return (await client.frame()).payload.toString()
}

for (const [name, message, shared] of WAYS) {
  test(`a union ${name}: a message is judged by its own branch`, async t => {
    const { ask } = await told(t, message, shared)
    t.same(JSON.parse(await ask('{"type":"chat","text":"hello"}')), { type: 'chat', text: 'hello' })
    t.same(JSON.parse(await ask('{"type":"move","x":"1","fast":true}')), { type: 'move', x: 1, fast: true }, 'nothing is stripped')
    if (!name.includes('that is shared') && !name.includes('inside')) t.same(JSON.parse(await ask('{"type":"move","x":1}')), { type: 'move', x: 1, fast: false }, 'defaults are filled in')
    t.equal(await ask('{"type":"chat"}'), "message must have required property 'text'")
    t.equal(await ask('{"type":"chat","text":"much too long"}'), 'message/text must NOT have more than 10 characters')
    t.equal(await ask('{"type":"move","x":"one"}'), 'message/x must be integer')
    t.equal(await ask('{"type":"jump"}'), `message/type must be one of ${LISTED}`)
    t.equal(await ask('{"text":"hello"}'), `message must have required property 'type', one of ${LISTED}`)
  })
}

test('a shared union that contains itself is judged by branches at the top', async t => {
  const many = { type: 'object', required: ['type', 'of'], properties: { type: { const: 'many' }, of: { type: 'array', items: { $ref: '#' } } } }
  const { ask } = await told(t, { $ref: 'tree' }, [{ $id: 'tree', anyOf: [CHAT, many] }])
  const tree = '{"type":"many","of":[{"type":"chat","text":"a"},{"type":"many","of":[]}]}'
  t.equal(await ask(tree), tree)
  t.equal(await ask('{"type":"many"}'), "message must have required property 'of'")
  t.match(await ask('{"type":"many","of":[{"type":"chat"}]}'), /^message\/of\/0 must have required property 'text'/)
})

test('additional properties of a branch are removed as that branch says', async t => {
  const { ask } = await told(t, { anyOf: [CHAT, { ...MOVE, additionalProperties: { type: 'string' } }] })
  t.equal(await ask('{"type":"chat","text":"hi","x":1}'), '{"type":"chat","text":"hi"}')
  t.equal(await ask('{"type":"move","x":1,"text":"hi","fast":true}'), '{"type":"move","x":1,"text":"hi","fast":true}')
})

/** Values of the property that stand for nothing, and whatever has none. */
const HOSTILE: Array<[text: string, said: string]> = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '', 'Chat', 'chat ', 'chat\u0000', '0', 'null', '[object Object]', 'x'.repeat(10_000)]
    .map(value => [JSON.stringify({ type: value, text: 'x' }), `message/type must be one of ${LISTED}`] as [string, string]),
  ...['null', 'true', '0', '1.5', '[]', '["chat"]', '{}', '{"chat":1}', '{"toString":"chat"}', '[[["chat"]]]']
    .map(json => [`{"type":${json},"text":"x"}`, `message/type must be one of ${LISTED}`] as [string, string]),
  ...['null', '[]', '[{"type":"chat","text":"x"}]', '"chat"', '""', '0', 'true'].map(json => [json, 'message must be object'] as [string, string]),
  ['{}', `message must have required property 'type', one of ${LISTED}`],
  ['{"Type":"chat"}', `message must have required property 'type', one of ${LISTED}`],
  [`{"type":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, `message/type must be one of ${LISTED}`],
  ['{"type":"chat","type":"jump"}', `message/type must be one of ${LISTED}`]
]

test('whatever a hostile client puts in the place of the constant is refused by name, and nothing else happens', async t => {
  const { ask, app, received } = await told(t, { anyOf: [CHAT, MOVE] })
  for (const [text, said] of HOSTILE) t.equal(await ask(text), said, text.slice(0, 80))
  t.match(await ask('{"type":"chat","text":"x","__proto__":{"type":"move"}}'), /not acceptable JSON/)
  t.same(received, [])
  t.same(app.lines.filter(line => line.level > 30), [])
})

test('the default closes with 1008, and the reason names the property and what it may be', async t => {
  const { client, socket } = await pair(t, {}, { schema: { message: { anyOf: [CHAT, MOVE] } } })
  socket.on('message', () => {})
  client.send(TEXT, '{"type":"jump"}')
  t.strictSame(await client.close(), { code: 1008, reason: `message/type must be one of ${LISTED}` })
})

test('of very many constants as many are named as fit', async t => {
  const anyOf = Array.from({ length: 100 }, (_, i) => ({ type: 'object', required: ['a/b~c'], properties: { 'a/b~c': { const: `kind-${i}` } } }))
  const { ask } = await told(t, { anyOf })
  t.equal(await ask('{"a/b~c":"kind-99"}'), '{"a/b~c":"kind-99"}')
  const said = await ask('{"a/b~c":"kind-100"}')
  t.match(said, /^message\/a~1b~0c must be one of "kind-0", "kind-1", .*…$/)
  t.ok(said.length < 320, `${said.length}`)
})

test('constants are numbers, booleans, or several of one branch, and are coerced as Ajv does it', async t => {
  const branch = (op: object, name: string) => ({ type: 'object', required: ['op', name], properties: { op, [name]: { type: 'string' } } })
  const { ask } = await told(t, {
    anyOf: [
      branch({ type: 'integer', const: 1 }, 'one'), branch({ enum: [2, 3] }, 'some'), branch({ type: 'boolean', const: true }, 'yes'),
      branch({ anyOf: [{ const: 'a' }, { const: 'b' }] }, 'letter'), branch({ type: 'string', const: '7' }, 'seven'), branch({ const: null }, 'none'),
      branch({ const: '1.0' }, 'exact')
    ]
  })
  t.equal(await ask('{"op":1,"one":"x"}'), '{"op":1,"one":"x"}')
  t.equal(await ask('{"op":"1","one":"x"}'), '{"op":1,"one":"x"}', 'as a number')
  t.equal(await ask('{"op":3,"some":"x"}'), '{"op":3,"some":"x"}')
  t.equal(await ask('{"op":"3","some":"x"}'), 'message/op must be equal to one of the allowed values', 'no type, no coercion')
  t.equal(await ask('{"op":"true","yes":"x"}'), '{"op":true,"yes":"x"}')
  t.equal(await ask('{"op":7,"seven":"x"}'), '{"op":"7","seven":"x"}', 'as a text')
  for (const letter of ['a', 'b']) t.equal(await ask(`{"op":"${letter}","letter":"x"}`), `{"op":"${letter}","letter":"x"}`)
  t.equal(await ask('{"op":null,"none":"x"}'), '{"op":null,"none":"x"}')
  t.equal(await ask('{"op":2}'), "message must have required property 'some'")
  t.equal(await ask('{"op":4}'), 'message/op must be one of 1, 2, 3, true, "a", "b", "7", null, "1.0"')
  t.equal(await ask('{"op":"1.0","exact":"x"}'), '{"op":"1.0","exact":"x"}')
})

test('where a branch need not have the property, or need not be an object, what has no constant goes through the whole schema', async t => {
  const { ask } = await told(t, {
    anyOf: [
      { type: 'object', properties: { type: { const: 'chat' }, text: { type: 'string' } } },
      { properties: { type: { const: 'move' }, x: { type: 'integer' } }, required: ['type'] }
    ]
  })
  t.equal(await ask('{"text":"hello"}'), '{"text":"hello"}')
  t.equal(await ask('[1]'), '[1]', 'no object, and so without properties')
  t.equal(await ask('{"type":"move","x":"one"}'), 'message/x must be integer')
  t.equal(await ask('{"type":"jump"}'), 'message/type must be equal to constant, message/type must be equal to constant, message must match a schema in anyOf')
})

test('what the union says besides holds for every branch', async t => {
  const { ask } = await told(t, {
    type: 'object', required: ['id'], properties: { id: { type: 'integer' } }, definitions: { text: { type: 'string' } }, $defs: {},
    anyOf: [
      { required: ['type'], properties: { type: { const: 'a' }, text: { $ref: '#/definitions/text' } } },
      { required: ['type'], properties: { type: { const: 'b' } } }
    ]
  })
  t.equal(await ask('{"type":"a","id":"1","text":5}'), '{"type":"a","id":1,"text":"5"}')
  t.equal(await ask('{"type":"b"}'), "message must have required property 'id'")
  t.equal(await ask('{"type":"c","id":1}'), 'message/type must be one of "a", "b"')
})

/** What is no union, or none that can be taken apart: as Fastify compiles it. */
const OTHERS: Array<[name: string, message: any, text: string, said: string | RegExp]> = [
  ['without a constant', { anyOf: [{ type: 'object', required: ['a'] }, { type: 'object', required: ['b'] }] }, '{}', /must match a schema in anyOf$/],
  ['with the same constant twice', { anyOf: [CHAT, CHAT] }, '{"type":"chat"}', /must match a schema in anyOf$/],
  ['with a constant in one branch only', { oneOf: [CHAT, { type: 'object', required: ['x'] }] }, '{"type":"chat"}', /must match exactly one schema in oneOf$/],
  ['of one branch', { anyOf: [CHAT] }, '{"type":"chat"}', /must match a schema in anyOf$/],
  ['of anyOf and oneOf', { anyOf: [CHAT, STEP], oneOf: [CHAT, STEP] }, '{"type":"chat"}', /must match/],
  ['with a branch that takes all', { anyOf: [CHAT, true] }, '{"type":"chat"}', '{"type":"chat"}'],
  ['with a branch that refers to another place of the whole', {
    anyOf: [CHAT, { type: 'object', required: ['type'], properties: { type: { const: 'many' }, of: { type: 'array', items: { $ref: '#/anyOf/0' } } } }]
  }, '{"type":"jump"}', /must match a schema in anyOf$/],
  ['with a reference beside what the union says', {
    type: 'object', required: ['id'], properties: { id: { $ref: '#/definitions/id' } }, definitions: { id: { type: 'integer' } },
    anyOf: [{ required: ['type'], properties: { type: { const: 'a' } } }, { required: ['type'], properties: { type: { const: 'b' } } }]
  }, '{"type":"c","id":1}', /must match a schema in anyOf$/],
  ['whose only constant every object has', {
    anyOf: ['a', 'b'].map(value => ({ type: 'object', required: ['constructor'], properties: { constructor: { const: value } } }))
  }, '{"constructor":"c"}', /must match a schema in anyOf$/],
  ['with a constant that is an object', {
    anyOf: [{ a: 1 }, { b: 2 }].map(value => ({ type: 'object', required: ['type'], properties: { type: { const: value } } }))
  }, '{"type":{"c":3}}', /must match a schema in anyOf$/],
  ['with a nested union without constants', { anyOf: [CHAT, { anyOf: [{ type: 'object', required: ['a'] }, { type: 'object', required: ['b'] }] }] }, '{"type":"chat"}', /must match a schema in anyOf$/],
  ['with a branch that has a name only inside of it', { definitions: { move: { ...STEP, $id: 'step' } }, anyOf: [CHAT, { $ref: 'step' }] }, '{"type":"chat"}', /must match a schema in anyOf$/],
  ['with a union inside that takes all', { anyOf: [CHAT, { anyOf: [true, STEP] }] }, '{"type":"chat"}', '{"type":"chat"}'],
  ['with a part that has a name only inside of it', {
    definitions: { step: { ...STEP, $id: 'step' } },
    anyOf: [CHAT, { type: 'object', required: ['type'], properties: { type: { const: 'move' } }, allOf: [{ $ref: 'step' }] }]
  }, '{"type":"chat"}', /must match a schema in anyOf$/],
  ['with a constant that has a name only inside of it', {
    definitions: { kind: { $id: 'kind', const: 'move' } },
    anyOf: [CHAT, { type: 'object', required: ['type'], properties: { type: { $ref: 'kind' } } }]
  }, '{"type":"chat"}', /must match a schema in anyOf$/],
  ['with properties that are not schemas', { anyOf: [CHAT, { type: 'object', required: ['type'], properties: { type: true } }] }, '{"type":"chat"}', '{"type":"chat"}'],
  ['true', true, '{"type":"chat"}', '{"type":"chat"}']
]

for (const [name, message, text, said] of OTHERS) {
  test(`a schema ${name} is what Fastify makes of it`, async t => {
    const { ask } = await told(t, message)
    t.match(await ask(text), said)
    if (name.startsWith('with a branch that takes all')) t.equal(await ask('[]'), '[]')
  })
}

test('a $ref in a branch that leads nowhere, or round in a circle, fails at boot as it does without a union', async t => {
  for (const $ref of ['nowhere#', '#/definitions/nowhere', '#/definitions/circle', 'shared#name', 'shared#/a/b']) {
    const app = createApp(t)
    app.addSchema({ $id: 'shared', a: 'b' })
    const message = { definitions: { circle: { $ref: '#/definitions/circle' } }, anyOf: [CHAT, { $ref }] }
    app.get('/', { ws: true, schema: { message } }, () => {})
    await t.rejects(async () => { await app.ready() }, { code: 'FST_ERR_SCH_VALIDATION_BUILD' })
  }
})

test('attachValidation hands on what fits no branch, untouched, and what is wrong with it', async t => {
  const { client, socket } = await pair(t, {}, { attachValidation: true, schema: { message: { anyOf: [CHAT, MOVE] } } })
  const found: unknown[] = []
  socket.on('message', message => { found.push([message, (socket.validationError as any)?.message]) })
  for (const text of ['{"type":"jump","y":1}', '{"type":"chat","y":1}', '{"type":"chat","text":"x"}', 'null']) client.send(TEXT, text)
  await until(() => found.length === 4)
  t.strictSame(found, [
    [{ type: 'jump', y: 1 }, `message/type must be one of ${LISTED}`],
    [{ type: 'chat', y: 1 }, "message must have required property 'text'"],
    [{ type: 'chat', text: 'x' }, undefined],
    [null, 'message must be object']
  ])
})

test('schemaErrorFormatter words what fits no branch, from what Ajv would have reported', async t => {
  const errors: any[] = []
  const { ask } = await told(t, { anyOf: [CHAT, MOVE] }, [], {
    schemaErrorFormatter: (list: any[], dataVar: string) => {
      errors.push(...list)
      return new Error(`${dataVar}: ${list[0].keyword}`)
    }
  })
  t.equal(await ask('{"type":"jump"}'), 'message: enum')
  t.equal(await ask('{}'), 'message: required')
  t.equal(await ask('[]'), 'message: type')
  t.equal(await ask('{"type":"chat"}'), 'message: required')
  t.match(errors, [
    { instancePath: '/type', params: { allowedValues: ['chat', 'move'] } }, { instancePath: '', params: { missingProperty: 'type' } },
    { instancePath: '', params: { type: 'object' } }, { params: { missingProperty: 'text' } }
  ])
})

for (const place of ['route', 'scope']) {
  test(`a validatorCompiler of the ${place} compiles each branch`, async t => {
    const asked: any[] = []
    const validatorCompiler = (route: any) => {
      asked.push(route)
      const { text, x } = route.schema.properties
      return (value: any) => text ? { value: `chat ${value.text}` } : x && value.x > 1 ? { error: new Error('too far') } : { value }
    }
    const app = createApp(t)
    app.register(async scope => {
      if (place === 'scope') scope.setValidatorCompiler(validatorCompiler as any)
      scope.get('/', {
        ws: { onInvalidMessage: (error: any, socket: any) => { socket.send(error.message) } },
        schema: { message: { anyOf: [CHAT, MOVE] } },
        ...place === 'route' && { validatorCompiler }
      } as any, (socket: any) => {
        socket.on('message', (message: unknown) => socket.send(JSON.stringify(message)))
      })
    })
    const client = await (await listenTo(t, app)).open()
    t.equal(await ask(client, '{"type":"chat","text":"hi"}'), '"chat hi"')
    t.equal(await ask(client, '{"type":"move","x":2}'), 'too far')
    t.equal(await ask(client, '{"type":"jump"}'), `message/type must be one of ${LISTED}`)
    t.same(asked.map(({ schema }) => schema), [CHAT, MOVE])
  })
}

test('a schema of another kind is left to its own compiler', async t => {
  class Mine { anyOf = [CHAT, MOVE] }
  const message = new Mine()
  const asked: any[] = []
  const { ask } = await told(t, message, [], {
    validatorCompiler: ({ schema }: any) => {
      asked.push(schema)
      return () => ({ error: new Error('by itself') })
    }
  })
  t.equal(await ask('{"type":"jump"}'), 'by itself')
  t.equal(asked.length, 1)
  t.equal(asked[0], message)
})

test('a route with a union that also serves plain requests, with its HEAD twin, documents no body', async t => {
  const app = createApp(t)
  const schema = { message: { anyOf: [CHAT, MOVE] }, send: { anyOf: [CHAT, MOVE] } }
  app.route({ method: 'GET', url: '/', schema, handler: async () => 'http', ws: { handler: () => {} } } as any)
  await app.ready()
  t.equal((await app.inject('/')).body, 'http')
  t.equal((await app.inject({ method: 'HEAD', url: '/' })).statusCode, 200)
  t.notOk('body' in schema, 'the schema that was declared is left alone')
})

test('a message of the one branch leaves nothing behind for one of the other', async t => {
  const { client, socket } = await pair(t, {}, { schema: { message: { anyOf: [CHAT, MOVE] } } })
  client.send(TEXT, '{"type":"chat","text":"x"}')
  t.strictSame(await nextMessage(socket), { type: 'chat', text: 'x' })
  client.send(TEXT, '{"type":"move","x":1}')
  t.strictSame(await nextMessage(socket), { type: 'move', x: 1, fast: false })
})
