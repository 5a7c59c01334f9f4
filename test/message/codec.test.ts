import { test } from 'tap'
import type { InvalidMessageError } from 'fastify-sockets'
import { createApp } from '../support/app.ts'
import { masked } from '../support/frames.ts'
import { BINARY, TEXT } from '../support/opcodes.ts'
import { listenTo, nextMessage, pair } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

const NAME = {
  type: 'object',
  required: ['name'],
  properties: { name: { type: 'string', maxLength: 5 }, age: { type: 'integer', default: 18 } },
  additionalProperties: false
}

test('with schema.message a text is JSON and arrives as a value', async t => {
  const { client, socket } = await pair(t, {}, { schema: { message: NAME } })
  client.send(TEXT, '{"name":"Ann","age":30}')
  client.send(TEXT, ' {"name":"Änn"} ')
  const found = []
  for await (const message of socket) {
    found.push(message)
    if (found.length === 2) break
  }
  t.strictSame(found, [{ name: 'Ann', age: 30 }, { name: 'Änn', age: 18 }], 'with the default of the schema')
})

test('without schema.message a text that looks like JSON stays a text, and bytes stay bytes', async t => {
  const { client, socket } = await pair(t)
  const found: unknown[] = []
  socket.on('message', message => { found.push(message) })
  client.send(TEXT, '{"a":1}')
  client.send(BINARY, 'bytes')
  await until(() => found.length === 2)
  t.equal(found[0], '{"a":1}')
  t.equal(Buffer.isBuffer(found[1]), true)
  t.equal(String(found[1]), 'bytes')
})

for (const { kind, json, reason } of [
  { kind: 'a required property that is missing', json: '{}', reason: "message must have required property 'name'" },
  {
    kind: 'a property that breaks a limit',
    json: '{"name":"Leopold"}',
    reason: 'message/name must NOT have more than 5 characters'
  },
  { kind: 'a value of the wrong type', json: '["Ann"]', reason: 'message must be object' }
]) {
  test(`${kind} closes with 1008 and the text of the validator`, async t => {
    const { client, socket, app } = await pair(t, {}, { schema: { message: NAME } })
    const found: unknown[] = []
    socket.on('message', message => { found.push(message) })
    client.send(TEXT, json)
    t.strictSame(await client.close(), { code: 1008, reason })
    t.strictSame(found, [], 'the message is left out')
    t.match(app.lines.find(line => line.msg === 'websocket message refused'), {
      level: 30, err: { code: 'FST_ERR_WS_INVALID_MESSAGE', message: reason }
    })
  })
}

test('the text of the validator is cut to what a close frame holds, not through a character', async t => {
  const property = 'ü'.repeat(100)
  const { client, socket } = await pair(t, {}, { schema: { message: { type: 'object', required: [property] } } })
  socket.on('message', () => {})
  client.send(TEXT, '{}')
  const { code, reason } = await client.close()
  t.equal(code, 1008)
  t.ok(Buffer.byteLength(reason) > 121 && Buffer.byteLength(reason) <= 123)
  t.match(reason, /^message must have required property 'ü+$/)
})

for (const text of [' ', '{', 'hello', "{'a':1}", '{"name":"Ann"} x']) {
  test(`${JSON.stringify(text)} is not JSON and closes with 1007`, async t => {
    const { client, socket, app } = await pair(t, {}, { schema: { message: NAME } })
    socket.on('message', () => {})
    client.send(TEXT, text)
    const { code, reason } = await client.close()
    t.equal(code, 1007)
    t.match(reason, /^the message is not acceptable JSON: ./)
    t.match(app.lines.find(line => line.msg === 'websocket message refused'), {
      err: { code: 'FST_ERR_WS_INVALID_JSON' }
    })
  })
}

test('a binary message on a JSON route closes with 1003', async t => {
  const { client, socket, app } = await pair(t, {}, { schema: { message: NAME } })
  socket.on('message', () => {})
  client.send(BINARY, '{"name":"Ann"}')
  const { code, reason } = await client.close()
  t.equal(code, 1003)
  t.match(reason, /not binary/)
  t.match(app.lines.find(line => line.msg === 'websocket message refused'), {
    err: { code: 'FST_ERR_WS_UNSUPPORTED_DATA' }
  })
})

test('the bad message in the middle of a chunk ends the connection; those before it are delivered', async t => {
  const { client, socket } = await pair(t, {}, { schema: { message: { type: 'integer' } } })
  client.socket.cork()
  for (const text of ['1', '2', '"x"', '4']) client.send(TEXT, text)
  client.socket.uncork()
  const found: unknown[] = []
  socket.on('message', message => { found.push(message) })
  t.equal((await client.close()).code, 1008)
  client.send(8)
  await socket.closed
  t.strictSame(found, [1, 2])
})

test('with schema.send a value goes as JSON, as the schema says', async t => {
  const { client, socket } = await pair(t, {}, {
    schema: { send: { type: 'object', properties: { shown: { type: 'string' } } } }
  })
  t.equal(socket.send({ shown: 'yes', secret: 'no' }), true)
  const { opcode, payload } = await client.frame()
  t.equal(opcode, TEXT)
  t.equal(payload.toString(), '{"shown":"yes"}')
})

test('a value that the serializer of schema.send refuses throws, and nothing is sent', async t => {
  const { client, socket } = await pair(t, {}, {
    schema: { send: { type: 'object', required: ['must'], properties: { must: { type: 'string' } } } }
  })
  t.throws(() => socket.send({}), /"must" is required/)
  socket.send({ must: 'be' })
  t.equal((await client.frame()).payload.toString(), '{"must":"be"}')
})

test('on a closed connection send() does not serialize', async t => {
  let calls = 0
  const { client, socket } = await pair(t, {}, {
    schema: { send: { type: 'object' } }, serializerCompiler: () => () => `${++calls}`
  })
  client.send(8)
  await socket.closed
  t.equal(socket.send({}), false)
  t.equal(calls, 0)
})

test('schema.send alone leaves the incoming side raw, and schema.message alone the outgoing side', async t => {
  const first = await pair(t, {}, { schema: { send: { type: 'string' } } })
  first.client.send(TEXT, 'raw')
  t.equal(await nextMessage(first.socket), 'raw')
  first.socket.send('quoted')
  t.equal((await first.client.frame()).payload.toString(), '"quoted"')

  const second = await pair(t, {}, { schema: { message: { type: 'string' } } })
  second.client.send(TEXT, '"quoted"')
  t.equal(await nextMessage(second.socket), 'quoted')
  second.socket.send('raw')
  t.equal((await second.client.frame()).payload.toString(), 'raw')
})

for (const consumer of ['a loop', 'listeners']) {
  test(`a message is validated when it is its turn: ${consumer} gets what came before a bad one, and then it is refused`, async t => {
    const { client, socket, app } = await pair(t, {}, { schema: { message: { type: 'integer' } } })
    client.write(Buffer.concat([masked(TEXT, '1'), masked(TEXT, '2'), masked(TEXT, '{}'), masked(TEXT, '3')]))
    await until(() => app.sockets.stats().messagesIn === 4)
    await turn()
    t.equal(socket.state, 'open', 'nobody has been reached by it yet')
    const found: unknown[] = []
    if (consumer === 'listeners') {
      socket.on('message', message => { found.push(message) })
    } else {
      for await (const message of socket) {
        found.push(message)
        await turn()
      }
    }
    t.equal((await client.close()).code, 1008)
    t.strictSame(found, [1, 2])
  })
}

test('onInvalidMessage answers instead and keeps the connection', async t => {
  const errors: InvalidMessageError[] = []
  const { client, socket } = await pair(t, {
    onInvalidMessage: (error, socket, request) => {
      errors.push(error)
      t.equal(socket.request, request)
      socket.send(error.message)
    }
  }, { schema: { message: NAME } })
  socket.on('message', () => {})
  client.send(TEXT, '{}')
  t.equal((await client.frame()).payload.toString(), "message must have required property 'name'")
  client.send(TEXT, 'rubbish')
  t.match((await client.frame()).payload.toString(), /not acceptable JSON/)
  client.send(BINARY, 'x')
  t.match((await client.frame()).payload.toString(), /not binary/)
  client.send(TEXT, '{"name":"Ann"}')
  t.strictSame(await nextMessage(socket), { name: 'Ann', age: 18 }, 'the bad ones are left out')
  t.strictSame(errors.map(({ code, closeCode }) => ({ code, closeCode })), [
    { code: 'FST_ERR_WS_INVALID_MESSAGE', closeCode: 1008 },
    { code: 'FST_ERR_WS_INVALID_JSON', closeCode: 1007 },
    { code: 'FST_ERR_WS_UNSUPPORTED_DATA', closeCode: 1003 }
  ])
  t.match(errors[0]!.validation, [{ keyword: 'required' }])
})

for (const { kind, fail } of [
  { kind: 'throws', fail: () => { throw new Error('itself') } },
  { kind: 'rejects', fail: async () => { throw new Error('itself') } }
]) {
  test(`an onInvalidMessage that ${kind} is logged and closes with 1011`, async t => {
    const { client, socket, app } = await pair(t, { onInvalidMessage: fail }, { schema: { message: NAME } })
    socket.on('message', () => {})
    client.send(TEXT, '{}')
    t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
    t.match(app.lines.filter(line => line.level >= 50), [{ err: { message: 'itself' } }])
  })
}

for (const { schema, text, value } of [
  { schema: { type: 'integer' }, text: '"42"', value: 42 },
  { schema: { type: 'boolean' }, text: '"true"', value: true },
  { schema: { type: 'string' }, text: '7', value: '7' },
  { schema: { type: 'array', items: { type: 'number' } }, text: '["1","2"]', value: [1, 2] },
  { schema: { type: 'null' }, text: '""', value: null }
]) {
  test(`Ajv as Fastify sets it up turns ${text} into ${JSON.stringify(value)}`, async t => {
    const { client, socket } = await pair(t, {}, { schema: { message: schema } })
    client.send(TEXT, text)
    t.strictSame(await nextMessage(socket), value)
  })
}

test('a value that was changed by one message does not show in the next', async t => {
  const { client, socket } = await pair(t, {}, { schema: { message: { type: 'integer' } } })
  const found: unknown[] = []
  socket.on('message', message => { found.push(message) })
  client.send(TEXT, '"1"')
  client.send(TEXT, '2')
  await until(() => found.length === 2)
  t.strictSame(found, [1, 2])
})

test('connections to one route do not mix their messages', async t => {
  const app = createApp(t)
  app.get('/', { ws: true, schema: { message: NAME, send: { type: 'string' } } }, (socket: any) => {
    socket.on('message', ({ name }: any) => socket.send(name))
  })
  const { open } = await listenTo(t, app)
  const clients = [await open(), await open(), await open()]
  clients.forEach((client, i) => client.send(TEXT, `{"name":"n${i}"}`))
  for (const [i, client] of clients.entries()) t.equal((await client.frame()).payload.toString(), `"n${i}"`)
})
