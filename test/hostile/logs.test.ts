import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { closeBody } from '../support/frames.ts'
import { CLOSE, TEXT } from '../support/opcodes.ts'
import { get, handshake, RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'
import { areShort, CONTROL, listening, logged, LONG } from './logged.ts'
import { KIB, MIB } from './support.ts'

const CLOSED = { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false }
const MANY = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`key ${i}`, i]))

const REFUSED: Array<[name: string, text: string, route: Record<string, any>, server?: object]> = [
  ['a property that may not be', JSON.stringify({ [LONG]: 1 }), { schema: { message: CLOSED } }],
  ['the same with all errors', JSON.stringify(MANY), { schema: { message: CLOSED } }, { allErrors: true, verbose: true }],
  ['a path', JSON.stringify({ [LONG]: 1 }), { schema: { message: { type: 'object', additionalProperties: { type: 'null' } } } }],
  ['many errors below a long path', JSON.stringify({ [LONG.slice(0, MIB / 2)]: Array(100_000).fill(1) }), {
    schema: { message: { type: 'object', additionalProperties: { type: 'array', items: { type: 'null' } } } }
  }, { allErrors: true }],
  ['control characters', JSON.stringify({ [CONTROL]: 1 }), { schema: { message: { type: 'object', additionalProperties: { type: 'null' } } } }],
  ['a value in the error', JSON.stringify({ a: { b: LONG } }), { schema: { message: { properties: { a: { type: 'string' } } } } }, { verbose: true }],
  ['many values in the error', JSON.stringify(Object.values(MANY)), { schema: { message: { type: 'object' } } }, { verbose: true }],
  ['deep values in the error', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, {
    schema: { message: { properties: { a: { type: 'string' } } } }
  }, { verbose: true }],
  ['what is not JSON', LONG, { schema: { message: {} } }],
  ['what is not JSON, of control characters', CONTROL, { schema: { message: {} } }],
  ['the text of a formatter', JSON.stringify([LONG]), {
    schema: { message: { type: 'object' } }, schemaErrorFormatter: (errors: any[]) => new Error(`bad: ${errors[0].keyword} ${LONG}`)
  }],
  ['an error of another validator', JSON.stringify([LONG]), {
    schema: { message: {} },
    validatorCompiler: () => (value: string[]) => ({
      error: Object.assign(new Error(`bad: ${value[0]}`), { details: [{ message: value[0], path: [value[0]], context: { value } }], _original: value })
    })
  }],
  ['an error of another validator, in a text', JSON.stringify([CONTROL]), {
    schema: { message: {} }, validatorCompiler: () => (value: string[]) => ({ error: value[0] })
  }],
  ['an error with a close code of its own', JSON.stringify([LONG]), {
    schema: { message: {} },
    validatorCompiler: () => (value: string[]) => { throw Object.assign(new Error(value[0]), { closeCode: 4000, value }) }
  }]
]

for (const [name, text, route, ajv] of REFUSED) {
  // Where it differs: with errors of Ajv, and with another's.
  for (const serializer of ['a path', 'deep values in the error', 'an error of another validator'].includes(name) ? [false, true] : [false]) {
    test(`a message that is refused makes no long line of the log: ${name}${serializer ? ', by a serializer of the app' : ''}`, async t => {
      const serializers: Record<string, (error: any) => unknown> = serializer
        ? { err: (error: any) => ({ code: error.code, text: error.message, stack: error.stack, first: error.validation?.[0], all: error.validation }) }
        : {}
      const server = { ajv: { customOptions: { removeAdditional: false, strictTypes: false, ...ajv } } }
      const found = await logged(t, app => { app.get('/', { ws: true, ...route }, listening) }, server, serializers)
      const client = await found.open()
      client.send(TEXT, text)
      const { code, reason } = await client.close()
      t.ok([1007, 1008, 4000].includes(code), `${code}`)
      t.ok(Buffer.byteLength(reason) > 20)
      client.send(CLOSE, closeBody(code))
      const line = await found.line('websocket message refused')
      await found.line('websocket closed')
      areShort(t, found)
      t.match(line.err.stack, /\n {4}at .*\n {4}at /, 'with places in the code')
      if (name !== 'an error with a close code of its own') t.match(line.err.code, /^FST_ERR_WS_INVALID_/)
    })
  }
}

for (const { name, closeCode, message } of [
  { name: 'a code that cannot be sent', closeCode: [1000, 1005], message: 'bad' }, { name: 'a text that is none', closeCode: [1000], message: null }
]) {
  test(`an error of a validator with ${name} closes with 1011, and nothing is thrown further`, async t => {
    let asked = 0
    const error = Object.defineProperties(new Error('bad'), {
      closeCode: { get: () => closeCode[Math.min(asked++, closeCode.length - 1)] }, message: { value: message }
    })
    const found = await logged(t, app => {
      app.get('/', { ws: true, schema: { message: {} }, validatorCompiler: () => () => { throw error } }, listening)
    })
    const client = await found.open()
    client.send(TEXT, '1')
    t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
    await found.line('websocket message refused')
  })
}

test('the reason of a close frame makes no long line', async t => {
  const found = await logged(t, app => { app.get('/', { ws: true }, () => {}) })
  const client = await found.open()
  client.send(CLOSE, closeBody(4000, '\u0001'.repeat(123)))
  const { ws } = await found.line('websocket closed')
  t.equal(ws.reason.length, 123)
  areShort(t, found)
})

/** All that Node takes in a head. */
const HEADER = 'y'.repeat(15_000)

for (const { name, head, msg, server = {}, ws = true } of [
  { name: 'an origin', head: handshake('/', { Origin: `https://${HEADER}.example` }), msg: /^the origin is not allowed/ },
  { name: 'a host', head: handshake('/', { Host: HEADER, Origin: 'https://a.example' }), msg: /^the origin is not allowed/ },
  { name: 'an address that a proxy tells', head: handshake('/', { 'X-Forwarded-For': HEADER }), msg: /^too many/, server: { trustProxy: true }, ws: { limits: { connections: 1 } } },
  { name: 'no address', head: handshake('/'), msg: /^too many/, server: { trustProxy: true }, ws: { limits: { connections: 1 } } },
  { name: 'a URL', head: get(`/?${HEADER}`), msg: /is a WebSocket route/ }
] as Array<{ name: string, head: string, msg: RegExp, server?: object, ws?: any }>) {
  test(`what stands in the head of a request makes no long line of this package, nor a long error: ${name}`, async t => {
    const found = await logged(t, app => { app.get('/', { ws }, () => {}) }, server)
    if (ws !== true) await found.open()
    const client = new RawClient(found.port)
    t.teardown(() => client.destroy())
    client.write(head)
    const { status, body } = await client.response()
    t.ok(status >= 400)
    t.ok(body.length < KIB)
    await until(() => found.lines.some(({ line }) => msg.test(line.msg) || msg.test(line.err?.message)), `a log line ${msg}`)
    for (const { line, length } of found.lines) {
      if (msg.test(line.msg) && line.err === undefined) t.ok(length < KIB, `${length} bytes`)
      // The rest of these lines is Fastify's, which has the request in them.
      if (line.err !== undefined) t.ok(JSON.stringify(line.err).length < 4 * KIB, line.msg)
    }
  })
}

test('the same in the file of a log', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-sockets-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'log')
  // pino opens it in its own time.
  writeFileSync(file, '')
  const app = createApp(t, {}, { logger: { level: 'info', file }, ajv: { customOptions: { removeAdditional: false } } })
  app.get('/', { ws: true, schema: { message: CLOSED } }, listening)
  const client = await RawClient.open(await listen(app), '/')
  t.teardown(() => client.destroy())
  client.send(TEXT, JSON.stringify({ [LONG]: 1 }))
  client.send(CLOSE)
  await until(() => readFileSync(file, 'utf8').includes('websocket closed'))
  const lines = readFileSync(file, 'utf8').split('\n')
  t.ok(lines.some(line => line.includes('websocket message refused')))
  for (const line of lines) t.ok(Buffer.byteLength(line) < 8 * KIB, line.slice(0, 100))
})
