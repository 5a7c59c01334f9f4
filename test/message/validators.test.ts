import { runInNewContext } from 'node:vm'
import { type Test, test } from 'tap'
import type { Socket, SocketOptions } from 'fastify-sockets'
import { createApp } from '../support/app.ts'
import { TEXT } from '../support/opcodes.ts'
import type { RawClient } from '../support/raw-client.ts'
import { listenTo, nextMessage, pair } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

/** A route whose validator is this function, and whose handler listens. */
async function validated (
  t: Test, validator: (value: unknown) => unknown, ws: SocketOptions = {}, route: Record<string, unknown> = {}
): Promise<{ client: RawClient, socket: Socket<any, any>, app: ReturnType<typeof createApp> }> {
  const both = await pair(t, ws, { schema: { message: { custom: true } }, validatorCompiler: () => validator, ...route })
  both.socket.on('message', () => {})
  return both
}

test("the route's validatorCompiler is asked once, with schema.message", async t => {
  const asked: any[] = []
  const { client, socket } = await pair(t, {}, {
    schema: { message: { mine: 1 } },
    validatorCompiler: (route: unknown) => {
      asked.push(route)
      return () => true
    }
  })
  client.send(TEXT, '{"a":1}')
  t.strictSame(await nextMessage(socket), { a: 1 })
  client.send(TEXT, '{"a":2}')
  t.strictSame(await nextMessage(socket), { a: 2 })
  t.equal(asked.length, 1)
  t.strictSame(asked[0].schema, { mine: 1 })
})

test("the instance's setValidatorCompiler holds for schema.message", async t => {
  const app = createApp(t)
  app.setValidatorCompiler(() => value => ({ value: `by the instance: ${JSON.stringify(value)}` }) as any)
  app.get('/', { ws: true, schema: { message: {} } }, (socket: any) => {
    socket.on('message', (message: any) => socket.send(message))
  })
  const client = await (await listenTo(t, app)).open()
  client.send(TEXT, '1')
  t.equal((await client.frame()).payload.toString(), 'by the instance: 1')
})

for (const { answer, kind } of [
  { answer: true, kind: 'true' }, { answer: undefined, kind: 'nothing' }, { answer: null, kind: 'null' },
  { answer: {}, kind: 'an empty object' }, { answer: { error: undefined }, kind: 'no error' }
]) {
  test(`a validator that answers ${kind} accepts the message as it is`, async t => {
    const { client, socket } = await validated(t, () => answer)
    client.send(TEXT, '{"a":1}')
    t.strictSame(await nextMessage(socket), { a: 1 })
  })
}

for (const value of ['other', 0, '', null, undefined, { b: 2 }]) {
  test(`a validator that answers { value: ${JSON.stringify(value)} } replaces the message by it`, async t => {
    const { client, socket } = await validated(t, () => ({ value }))
    client.send(TEXT, '{"a":1}')
    t.strictSame(await nextMessage(socket), value)
  })
}

test('a validator that answers { error } refuses the message with its text, and the error is the cause', async t => {
  const cause = new Error('is not what I wanted')
  const errors: any[] = []
  const { client } = await validated(t, () => ({ error: cause, value: 'ignored' }), {
    onInvalidMessage: (error, socket) => {
      errors.push(error)
      socket.close(error.closeCode, error.message)
    }
  })
  client.send(TEXT, '1')
  t.strictSame(await client.close(), { code: 1008, reason: 'is not what I wanted' })
  t.equal(errors[0].cause, cause)
})

test('an { error } need not be an Error', async t => {
  const { client } = await validated(t, () => ({ error: 'just a text' }))
  client.send(TEXT, '1')
  t.strictSame(await client.close(), { code: 1008, reason: 'just a text' })
})

test('an { error } that is a list goes through the formatter', async t => {
  const { client } = await validated(t, () => ({
    error: [{ instancePath: '/a', message: 'is bad' }, { message: 'is worse' }]
  }))
  client.send(TEXT, '1')
  t.strictSame(await client.close(), { code: 1008, reason: 'message/a is bad, message is worse' })
})

test('a validator that answers false refuses with its errors', async t => {
  const validator = Object.assign(() => false, { errors: [{ instancePath: '/x', message: 'must be y' }] })
  const { client } = await validated(t, validator)
  client.send(TEXT, '1')
  t.strictSame(await client.close(), { code: 1008, reason: 'message/x must be y' })
})

test('a validator that answers false and says nothing more refuses with a text that says so', async t => {
  const { client } = await validated(t, () => false)
  client.send(TEXT, '1')
  const { code, reason } = await client.close()
  t.equal(code, 1008)
  t.notMatch(reason, /undefined|^$/)
})

test('a validator that throws is a failure of the server: onError, 1011', async t => {
  const { client, app } = await validated(t, () => { throw new Error('broken validator') })
  client.send(TEXT, '1')
  t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
  t.match(app.lines.filter(line => line.level >= 50), [{ err: { message: 'broken validator' } }])
})

for (const thrown of ['a text', null, undefined]) {
  test(`a validator that throws ${thrown} is a failure of the server too`, async t => {
    const errors: unknown[] = []
    const { client, socket } = await validated(t, value => {
      if (value === 1) throw thrown
      return true
    }, { onError: error => { errors.push(error) } })
    client.send(TEXT, '1')
    client.send(TEXT, '2')
    t.equal(await Promise.race([nextMessage(socket), socket.closed]), 2)
    t.strictSame(errors, [thrown])
  })
}

for (const { kind, answer } of [
  { kind: 'a promise', answer: async () => true },
  { kind: 'a promise that rejects', answer: async () => { throw new Error('later') } },
  { kind: 'a promise of another realm', answer: () => runInNewContext('Promise.resolve(true)') }
]) {
  test(`a validator that answers with ${kind} is refused: onError, 1011, and the message is not delivered`, async t => {
    const { client, socket, app } = await validated(t, answer)
    const found: unknown[] = []
    socket.on('message', message => { found.push(message) })
    client.send(TEXT, '1')
    t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
    t.match(app.lines.filter(line => line.level >= 50), [{ err: { code: 'FST_ERR_WS_ASYNC_VALIDATOR' } }])
    t.strictSame(found, [])
  })
}

test('with an onError of its own an asynchronous validator loses the message and not the connection', async t => {
  const errors: any[] = []
  const { client, socket } = await validated(t, async () => true, { onError: error => { errors.push(error) } })
  client.send(TEXT, '1')
  await until(() => errors.length === 1)
  t.equal(errors[0].code, 'FST_ERR_WS_ASYNC_VALIDATOR')
  await turn()
  t.equal(socket.state, 'open')
})

test('schemaErrorFormatter of the route words the refusal', async t => {
  const calls: any[] = []
  const { client, socket } = await pair(t, {}, {
    schema: { message: { type: 'object', required: ['a'] } },
    schemaErrorFormatter: (errors: any[], dataVar: string) => {
      calls.push([errors, dataVar])
      return new Error(`formatted ${errors[0].keyword}`)
    }
  })
  socket.on('message', () => {})
  client.send(TEXT, '{}')
  t.strictSame(await client.close(), { code: 1008, reason: 'formatted required' })
  t.equal(calls.length, 1)
  t.equal(calls[0][1], 'message')
})

test('a schemaErrorFormatter that throws is a failure of the server: onError, 1011', async t => {
  const { client, socket, app } = await pair(t, {}, {
    schema: { message: { type: 'object', required: ['a'] } },
    schemaErrorFormatter: () => { throw new Error('broken formatter') }
  })
  socket.on('message', () => {})
  client.send(TEXT, '{}')
  t.equal((await client.close()).code, 1011)
  t.match(app.lines.filter(line => line.level >= 50), [{ err: { message: 'broken formatter' } }])
})

test("the route's serializerCompiler makes what send() sends", async t => {
  const asked: any[] = []
  const { client, socket } = await pair(t, {}, {
    schema: { send: { mine: 1 } },
    serializerCompiler: (route: unknown) => {
      asked.push(route)
      return (value: unknown) => `<${value}>`
    }
  })
  socket.send('a')
  socket.send('b')
  t.equal((await client.frame()).payload.toString(), '<a>')
  t.equal((await client.frame()).payload.toString(), '<b>')
  t.equal(asked.length, 1)
  t.strictSame(asked[0].schema, { mine: 1 })
})

const SHARED = {
  $id: 'shared',
  type: 'object',
  properties: { kind: { const: 'shared' }, n: { type: 'integer' } },
  required: ['kind']
}

for (const { where, nested } of [
  { where: 'the same context', nested: false }, { where: 'the parent context', nested: true }
]) {
  test(`$ref finds a schema that addSchema put into ${where}, for schema.message and schema.send`, async t => {
    const app = createApp(t)
    app.addSchema(SHARED)
    const declare = (instance: any): void => {
      const schema = { message: { $ref: 'shared#' }, send: { $ref: 'shared#' } }
      instance.get('/', { ws: true, schema }, (socket: any) => {
        socket.on('message', (message: any) => { socket.send({ ...message, unknown: 'left out' }) })
      })
    }
    if (nested) app.register(async child => declare(child))
    else declare(app)
    const client = await (await listenTo(t, app)).open()
    client.send(TEXT, '{"kind":"shared","n":"3"}')
    t.equal((await client.frame()).payload.toString(), '{"kind":"shared","n":3}')
    client.send(TEXT, '{"kind":"other"}')
    t.equal((await client.close()).code, 1008)
  })
}

test('$ref to a schema that does not exist fails at boot', async t => {
  const app = createApp(t)
  app.get('/', { ws: true, schema: { message: { $ref: 'nowhere#' } } }, () => {})
  await t.rejects(async () => { await app.ready() }, { code: 'FST_ERR_SCH_VALIDATION_BUILD' })
})
