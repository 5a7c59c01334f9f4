import { test } from 'tap'
import type { Socket } from 'fastify-sockets'
import { createApp } from '../support/app.ts'
import { collectGarbage } from '../support/garbage.ts'
import { PING, TEXT } from '../support/opcodes.ts'
import { listenTo } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

const DEEP = `[{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}]`
const TREE = { $id: 'tree', definitions: { node: { anyOf: [{ type: 'array', items: { $ref: '#/definitions/node' } }, { type: 'null' }] } } }

/** The values that validators have been given, weakly. */
let seen: Array<WeakRef<object>> = []

/** Ajv with a keyword that notes what it is given, and errors that hold the values they are about. */
const AJV = {
  customOptions: {
    verbose: true,
    allErrors: true,
    strictTypes: false,
    keywords: [{
      keyword: 'note',
      validate: (_schema: unknown, data: unknown) => {
        if (typeof data === 'object' && data !== null && seen.length < 10) seen.push(new WeakRef(data))
        return true
      }
    }]
  }
}

/** Not closed: what has no constant that is known is validated by the whole. */
function unionOf (...types: string[]) {
  return { anyOf: types.map(type => ({ note: true, properties: { type: { const: type }, a: { type: 'object' } } })) }
}

function noting (validator: (value: object) => unknown) {
  return {
    schema: { message: {} },
    validatorCompiler: () => (value: object) => {
      seen.push(new WeakRef(value))
      return validator(value)
    }
  }
}

const CASES: Array<[name: string, text: string, route: Record<string, any>]> = [
  ['Ajv accepts it', '{"a":{}}', { schema: { message: { note: true } } }],
  ['Ajv accepts it, after a branch that did not fit', '{"a":{}}', {
    schema: {
      message: {
        note: true,
        definitions: { one: { required: ['b'], properties: { a: { $ref: '#/definitions/other' } } }, other: { required: ['c'], type: 'object', properties: { d: { $ref: '#/definitions/one' } } } },
        anyOf: [{ $ref: '#/definitions/one' }, { type: 'object' }]
      }
    }
  }],
  ['Ajv refuses it', '{"a":{}}', { schema: { message: { note: true, type: 'object', required: ['b'] } } }],
  ['Ajv refuses it by a schema that another refers to', '[{}]', {
    schema: { message: { ...TREE, $id: 'refers', note: true, items: { $ref: '#/definitions/node' } } }
  }],
  ['Ajv refuses it by a shared schema', '{"b":{}}', { schema: { message: { note: true, $ref: 'shared#' } } }],
  ['it is too deep for Ajv', DEEP, {
    schema: { message: { note: true, type: 'array', items: { properties: { a: { $ref: 'deep#' } } } } }
  }],
  ['a branch of a union accepts it', '{"a":{},"type":"x"}', { schema: { message: unionOf('x', 'y') } }],
  ['a branch of a union refuses it', '{"a":1,"type":"y"}', { schema: { message: unionOf('x', 'y') } }],
  ['it fits no branch of a union, and was validated by the whole', '{"a":{},"type":"z"}', { schema: { message: unionOf('x', 'y') } }],
  ['its errors cannot be worded', '{"a":{}}', {
    schema: { message: { note: true, required: ['b'] } }, schemaErrorFormatter: () => { throw new Error('broken') }
  }],
  ['a validator returns false', '{"a":{}}', noting(() => false)],
  ['a validator returns false, with errors of its own', '{"a":{}}', (() => {
    const validator: any = (value: object) => {
      seen.push(new WeakRef(value))
      validator.errors = [{ instancePath: '', message: 'is bad', data: value }]
      return false
    }
    return { schema: { message: {} }, validatorCompiler: () => validator }
  })()],
  ['a validator returns an error', '{"a":{}}', noting(value => ({ error: Object.assign(new Error('bad'), { value }) }))],
  ['a validator returns a value', '{"a":{}}', noting(value => ({ value: { value } }))],
  ['a validator throws', '{"a":{}}', noting(() => { throw new Error('broken') })],
  ['a validator throws the value', '{"a":{}}', noting(value => { throw value })],
  ['a validator is asynchronous', '{"a":{}}', noting(async () => true)]
]

async function isGone (of: Array<WeakRef<object>>): Promise<boolean> {
  for (let i = 0; i < 10; i++) {
    await turn()
    collectGarbage()
    if (of.every(ref => ref.deref() === undefined)) return true
  }
  return false
}

for (const [name, text, route] of CASES) {
  for (const attachValidation of [false, true]) {
    test(`nothing of a message is kept: ${name}${attachValidation ? ', with attachValidation' : ''}`, async t => {
      seen = []
      const app = createApp(t, {}, { ajv: AJV as any, logger: false })
      app.addSchema({ $id: 'shared', type: 'object', required: ['a'], properties: { b: { $ref: 'deep#' } } })
      app.addSchema({ $id: 'deep', type: 'array', items: { $ref: '#' } })
      const ws = { onInvalidMessage: () => {}, onError: () => {} }
      let received = 0
      app.get('/', { ws, ...route, attachValidation } as any, (socket: Socket<any, any>) => {
        socket.on('message', () => { received++ })
      })
      const client = await (await listenTo(t, app)).open()
      client.send(TEXT, text)
      client.send(PING)
      await client.frame()
      t.ok(seen.length > 0, 'it was validated')
      // What is wrong with the message being delivered stays on the socket until the next.
      if (attachValidation && received > 0) {
        await client.destroy()
        await until(() => app.sockets.size === 0)
      }
      t.ok(await isGone(seen), 'and is gone, though no other message has come')
    })
  }
}
