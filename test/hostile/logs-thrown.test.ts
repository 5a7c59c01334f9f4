import { inspect } from 'node:util'
import { test } from 'tap'
import type { Socket } from 'fastify-sockets'
import { closeBody } from '../support/frames.ts'
import { CLOSE, TEXT } from '../support/opcodes.ts'
import { areShort, CONTROL, logged, LONG } from './logged.ts'

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
  for (const text of [LONG.slice(0, 200_000), CONTROL.slice(0, 50_000)]) {
    test(`what a handler throws makes no long line of the log: ${name}, ${text.startsWith('x') ? 'long' : 'of control characters'}`, async t => {
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
      const failed = found.lines.filter(({ line }) => line.msg === 'websocket handler failed')
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
  const found = await logged(t, app => { app.get('/', { ws: true }, () => { throw error }) }, {}, serializers)
  const client = await found.open()
  await client.close()
  await found.line('websocket handler failed')
  t.equal(given[0], error)
})
