import { test } from 'tap'
import { masked } from '../support/frames.ts'
import { TEXT } from '../support/opcodes.ts'
import { codeOf, nextMessage, pair, serve } from '../support/serve.ts'
import { until } from '../support/until.ts'

const DEPTH = 100_000

/** Text that is parsed, and that nothing can walk through which calls itself. */
const DEEP = '['.repeat(DEPTH) + ']'.repeat(DEPTH)
const DEEP_OBJECT = `${'{"a":'.repeat(DEPTH)}1${'}'.repeat(DEPTH)}`

const TREE = { $id: 'tree', type: 'array', items: { $ref: '#' } }
const OBJECTS = { $id: 'objects', type: 'object', properties: { a: { anyOf: [{ $ref: '#' }, { type: 'number' }] } } }
const CHAIN = {
  $id: 'chain',
  definitions: { link: { type: 'array', items: { $ref: '#/definitions/link' } } },
  $ref: '#/definitions/link'
}

/** A validator that calls itself for each level, as those of other libraries do. */
function walk (value: unknown): boolean {
  return !Array.isArray(value) || value.every(walk)
}

const VALIDATORS: Array<[name: string, text: string, route: Record<string, unknown>]> = [
  ['Ajv, arrays', DEEP, { schema: { message: TREE } }],
  ['Ajv, objects', DEEP_OBJECT, { schema: { message: OBJECTS } }],
  ['Ajv, a definition', DEEP, { schema: { message: CHAIN } }],
  ['a validator that calls itself', DEEP, { schema: { message: {} }, validatorCompiler: () => walk }],
  ['one that answers with what it caught', DEEP, {
    schema: { message: {} },
    validatorCompiler: () => (value: unknown) => {
      try {
        return { value: walk(value) }
      } catch (error) {
        return { error }
      }
    }
  }],
  ['one whose errors cannot be worded', DEEP, {
    schema: { message: { type: 'object' } },
    schemaErrorFormatter: () => {
      walk(JSON.parse(DEEP))
      return new Error('worded')
    }
  }]
]

for (const [name, text, route] of VALIDATORS) {
  test(`what is nested too deeply to be validated is an invalid message: ${name}`, async t => {
    const { client, socket, app } = await pair(t, {}, route)
    socket.on('message', () => {})
    client.send(TEXT, text)
    t.strictSame(await client.close(), { code: 1008, reason: 'the message is nested too deeply to be validated' })
    t.match(app.lines.filter(line => line.msg === 'websocket message refused'), [{
      level: 30, err: { code: 'FST_ERR_WS_INVALID_MESSAGE' }
    }])
    t.strictSame(app.lines.filter(line => line.level > 30), [])
  })

  test(`onInvalidMessage is called for it, and the connection goes on: ${name}`, async t => {
    const errors: any[] = []
    const { client, socket } = await pair(t, { onInvalidMessage: error => { errors.push(error) } }, route)
    client.write(Buffer.concat([masked(TEXT, text), masked(TEXT, name.endsWith('worded') ? '{}' : name.includes('objects') ? '{"a":1}' : '[]')]))
    await nextMessage(socket)
    t.match(errors, [{ code: 'FST_ERR_WS_INVALID_MESSAGE', closeCode: 1008, message: /nested too deeply/ }])
    t.equal(errors.length, 1)
    t.equal(errors[0].cause.name, 'RangeError')
    t.equal(socket.state, 'open')
  })

  test(`with attachValidation it is handed on, with what is wrong: ${name}`, async t => {
    const { client, socket } = await pair(t, {}, { ...route, attachValidation: true })
    client.send(TEXT, text)
    const message = await nextMessage(socket)
    t.type(message, 'object')
    t.match(socket.validationError, { code: 'FST_ERR_WS_INVALID_MESSAGE', message: /nested too deeply/ })
    t.equal(socket.state, 'open')
  })
}

for (const { name, thrown } of [
  { name: 'a RangeError of another kind', thrown: new RangeError('out of range') },
  { name: 'another error with the same words', thrown: new Error('Maximum call stack size exceeded') },
  { name: 'what only looks like one', thrown: { name: 'RangeError', message: 'Maximum call stack size exceeded' } }
]) {
  test(`${name}, thrown by a validator, is a failure of the server`, async t => {
    const { client, socket } = await pair(t, {}, {
      schema: { message: {} }, validatorCompiler: () => () => { throw thrown }
    })
    socket.on('message', () => {})
    client.send(TEXT, '1')
    t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
  })
}

for (const { name, text } of [
  { name: 'arrays', text: '['.repeat(300_000) }, { name: 'objects', text: '{"a":'.repeat(150_000) },
  { name: 'a key that would poison a prototype, deep down', text: `${'{"a":'.repeat(DEPTH)}{"__proto__":1}${'}'.repeat(DEPTH)}` },
  { name: 'another', text: `${'{"constructor":'.repeat(50_000)}{"prototype":1}${'}'.repeat(50_000)}` }
]) {
  test(`deep text that is not acceptable JSON is refused as any other: ${name}`, async t => {
    const { client, socket } = await pair(t, {}, { schema: { message: TREE } })
    socket.on('message', () => {})
    client.send(TEXT, text)
    const { code, reason } = await client.close()
    t.equal(code, 1007)
    t.match(reason, /^the message is not acceptable JSON/)
  })
}

/*
 * A value that the schema lets through is the handler's. Only it knows whether what it sends is a client's: the error
 * is thrown by send(), where it can be caught.
 */
test('an echo of what is too deep to be serialized fails where send() is called', async t => {
  const { client, socket } = await pair(t, {}, { schema: { message: {}, send: TREE } })
  client.send(TEXT, DEEP)
  const message = await nextMessage(socket)
  await t.rejects(async () => socket.send(message), { name: 'RangeError' })
  t.equal(await codeOf(() => socket.send([[]])), undefined)
  t.equal((await client.frame()).payload.toString(), '[[]]', 'and leaves the connection as it was')
})

test('where it is not caught it is a failure of the handler, once', async t => {
  const { open, app } = await serve(t, socket => {
    socket.on('message', message => { socket.send(message) })
  }, {}, { schema: { message: {}, send: TREE } })
  const client = await open()
  client.write(Buffer.concat([masked(TEXT, DEEP), masked(TEXT, DEEP)]))
  t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
  await until(() => app.lines.some(line => line.msg === 'websocket handler failed'))
  t.equal(app.lines.filter(line => line.level > 30).length, 1)
})
