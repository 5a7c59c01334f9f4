import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { type Test, test } from 'tap'
import type { FastifyInstance } from 'fastify'
import type { Socket } from 'fastify-sockets'
import { createApp, listen, type LogLine } from '../support/app.ts'
import { closeBody } from '../support/frames.ts'
import { get, handshake, RawClient } from '../support/raw-client.ts'
import { until } from '../plugin/support.ts'
import { CLOSE, KIB, MIB, TEXT } from './support.ts'

/** What a line of this package may take, in bytes, with Fastify's own request id and all. */
const MOST = 8 * KIB

/** Nearly as much as a message may hold. */
const LONG = 'x'.repeat(MIB - 100)
/** The worst for JSON, which makes six characters of each. */
const CONTROL = '\u0001'.repeat(170_000)

interface Logged {
  app: FastifyInstance
  port: number
  open (): Promise<RawClient>
  /** Waits for a line with this message. */
  line (msg: string): Promise<LogLine>
  /** All lines with their lengths in bytes. */
  lines (): Array<{ line: LogLine, length: number }>
}

/** An app that logs to a file, as pino does it. */
async function logged (t: Test, declare: (app: FastifyInstance) => void, server: object = {}, logger: object = {}): Promise<Logged> {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-sockets-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'log')
  // pino opens it in its own time.
  writeFileSync(file, '')
  const app = createApp(t, {}, { logger: { level: 'info', file, ...logger }, ...server } as any)
  declare(app)
  const port = await listen(app)
  const lines: Logged['lines'] = () => readFileSync(file, 'utf8').split('\n').slice(0, -1).map(text => {
    return { line: JSON.parse(text), length: Buffer.byteLength(text) }
  })
  return {
    app,
    port,
    lines,
    open: async () => {
      const client = await RawClient.open(port, '/')
      t.teardown(() => client.destroy())
      return client
    },
    line: async msg => {
      let found
      await until(() => (found = lines().find(({ line }) => line.msg === msg)) !== undefined)
      return found!.line
    }
  }
}

/** No line is long. */
function areShort (t: Test, { lines }: Logged): void {
  for (const { line, length } of lines()) t.ok(length <= MOST, `${length} bytes: ${line.msg}`)
}

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
  for (const serializer of [false, true]) {
    test(`a message that is refused makes no long line of the log: ${name}${serializer ? ', by a serializer of the app' : ''}`, async t => {
      const serializers = serializer
        ? { err: (error: any) => ({ code: error.code, text: error.message, stack: error.stack, first: error.validation?.[0], all: error.validation }) }
        : {}
      const server = { ajv: { customOptions: { removeAdditional: false, ...ajv } } }
      const found = await logged(t, app => { app.get('/', { ws: true, ...route }, () => {}) }, server, { serializers })
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

class OwnError extends Error {
  override name = 'OwnError'
  get secret (): string {
    throw new Error('unreadable')
  }
}

/** Ways in which the code of the user may put a client's text into what it throws. */
const THROWN: Array<[name: string, make: (text: string) => unknown]> = [
  ['an error', text => new Error(text)],
  ['an error with frames that the client has written', text => new Error(`${text.slice(0, 100)}\n    at x\n    at y`.repeat(1000))],
  ['an error whose message has been changed', text => Object.assign(new Error(text), { message: `changed: ${text}` })],
  ['an error with another stack', text => Object.assign(new Error(text), { stack: text })],
  ['an error with a stack that is no text', text => Object.assign(new Error(text), { stack: [text, { text }] })],
  ['an error of a class', text => Object.assign(new OwnError(text), { text, texts: Array(100).fill(text) })],
  ['an error with everything', text => Object.assign(new Error('all'), {
    bytes: Buffer.from(text), words: new Uint16Array(100_000), memory: new ArrayBuffer(100_000), big: BigInt(`0x${'f'.repeat(100_000)}`), boxed: Object(text),
    date: new Date(0), json: { toJSON: () => text }, itself: { toJSON () { return this } }, list: new Set([text]), map: new Map([[text, text]]), nothing: null,
    many: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`${i} ${text.slice(0, 100)}`, i]))
  })],
  ['a cause', text => new Error('outer', { cause: new Error(text, { cause: new Error(text) }) })],
  ['a cause that is no error', text => new Error('outer', { cause: { text } })],
  ['causes without end', text => {
    let error = new Error(text)
    for (let i = 0; i < 20_000; i++) error = new Error(`${i} ${text.slice(0, 50)}`, { cause: error })
    return error
  }],
  ['a cause of itself', text => {
    const error = new Error(text)
    error.cause = error
    return error
  }],
  ['many errors', text => new AggregateError(Array.from({ length: 10_000 }, (_, i) => new Error(`${i} ${text.slice(0, 1000)}`)), text)],
  ['many errors in each', text => {
    let errors: Error[] = [new Error(text)]
    for (let i = 0; i < 30; i++) errors = [new AggregateError(errors), new AggregateError(errors)]
    return errors[0]
  }],
  ['properties on a prototype', text => Object.assign(Object.create(Object.assign(new Error('below'), { text })), { message: text })],
  ['getters that throw', text => Object.defineProperties(new Error(text), {
    bad: { enumerable: true, get () { throw new Error(text) } }, message: { get () { throw new Error(text) } }
  })],
  ['a getter that is never at its end', text => Object.defineProperty(new Error('endless'), 'more', {
    enumerable: true, get: function more () { return Object.defineProperty({ text }, 'more', { enumerable: true, get: more }) }
  })],
  ['a Proxy', text => new Proxy(new Error(text), {})],
  ['a Proxy with traps that throw', text => new Proxy(new Error(text), { get () { throw new Error(text) }, getPrototypeOf () { throw new Error(text) } })],
  ['a Proxy with keys without end', text => new Proxy(new Error('keys'), {
    ownKeys: () => Array.from({ length: 100_000 }, (_, i) => `${i}`), getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true, value: text }),
    get: (target, key) => /^\d/.test(String(key)) ? text : Reflect.get(target, key)
  })],
  ['a revoked Proxy', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  }],
  ['an error that is frozen', text => Object.freeze(new Error(text))],
  ['what can only be inspected', text => Object.freeze(new Error('short', { cause: text.slice(0, 500) }))],
  ['what cannot be inspected either', text => Object.freeze(Object.assign(new Error('short'), {
    [inspect.custom] () { throw new Error(text) }
  }))],
  ['a text', text => text],
  ['a number of many digits', () => BigInt(`0x${'f'.repeat(100_000)}`)],
  ['a number', () => 42n],
  ['an object', text => ({ text, deep: JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`) })],
  ['an object of long names', text => ({ [text]: { [text]: text } })],
  ['a list', text => Array(10_000).fill(text)],
  ['bytes', text => Buffer.from(text)],
  ['a symbol', text => Symbol(text)],
  ['a function', () => () => {}]
]

for (const [name, make] of THROWN) {
  for (const text of [LONG, CONTROL]) {
    test(`what a handler throws makes no long line of the log: ${name}, ${text === LONG ? 'long' : 'of control characters'}`, async t => {
      const found = await logged(t, app => {
        app.get('/', { ws: true }, (socket: Socket<any, any>) => {
          socket.on('message', message => { throw make(message) })
        })
      })
      const client = await found.open()
      client.send(TEXT, text)
      t.strictSame(await client.close(), { code: 1011, reason: 'internal error' })
      client.send(CLOSE, closeBody(1011))
      await found.line('websocket closed')
      const failed = found.lines().filter(({ line }) => line.msg === 'websocket handler failed')
      t.equal(failed.length, name === 'what cannot be inspected either' ? 0 : 1)
      areShort(t, found)
    })
  }
}

test('of a long error its class, its own properties and the places in the code are logged, and where it was cut', async t => {
  const found = await logged(t, app => {
    app.get('/', { ws: true }, (socket: Socket<any, any>) => {
      socket.on('message', message => {
        const properties = { code: 'OWN', status: 7, info: { a: message }, cause: new TypeError('why') }
        throw Object.assign(new OwnError(`cannot use ${message}`), properties)
      })
    })
  })
  const client = await found.open()
  client.send(TEXT, LONG)
  await client.close()
  const { err } = await found.line('websocket handler failed')
  t.match(err, { type: 'OwnError', name: 'OwnError', code: 'OWN', status: 7, info: { a: /^x{500,}…$/ } })
  t.match(err.message, /^cannot use x{500,}…: why$/)
  t.match(err.stack, /^OwnError: cannot use x{500,}…\n {4}at .*\n {4}at /)
  t.match(err.stack, /caused by: TypeError: why\n {4}at /)
})

test('a short error is logged as it is: serializers get the error itself', async t => {
  const given: unknown[] = []
  const error = Object.assign(new OwnError('short'), { cause: new Error('why'), list: [1, { a: new Date(0) }], self: null as unknown })
  error.self = error
  const serializers = { err: (value: unknown) => given.push(value) }
  const found = await logged(t, app => { app.get('/', { ws: true }, () => { throw error }) }, {}, { serializers })
  const client = await found.open()
  await client.close()
  await found.line('websocket handler failed')
  t.equal(given[0], error)
})

for (const { name, closeCode, message } of [
  { name: 'a code that cannot be sent', closeCode: [1000, 1005], message: 'bad' }, { name: 'a text that is none', closeCode: [1000], message: null }
]) {
  test(`an error of a validator with ${name} closes with 1011, and nothing is thrown further`, async t => {
    let asked = 0
    const error = Object.defineProperties(new Error('bad'), {
      closeCode: { get: () => closeCode[Math.min(asked++, closeCode.length - 1)] }, message: { value: message }
    })
    const found = await logged(t, app => {
      app.get('/', { ws: true, schema: { message: {} }, validatorCompiler: () => () => { throw error } }, () => {})
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
    const found = await logged(t, app => { app.get('/', { ws }, () => {}) }, { disableRequestLogging: false, ...server })
    if (ws !== true) await found.open()
    const client = new RawClient(found.port)
    t.teardown(() => client.destroy())
    client.write(head)
    const { status, body } = await client.response()
    t.ok(status >= 400)
    t.ok(body.length < KIB)
    await until(() => found.lines().some(({ line }) => msg.test(line.msg) || msg.test(line.err?.message)))
    for (const { line, length } of found.lines()) {
      if (msg.test(line.msg) && line.err === undefined) t.ok(length < KIB, `${length} bytes`)
      // The rest of these lines is Fastify's, which has the request in them.
      if (line.err !== undefined) t.ok(JSON.stringify(line.err).length < 4 * KIB, line.msg)
    }
  })
}
