import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { Type as Type1 } from 'typebox'
import { createApp } from '../support/app.ts'
import { uncaught } from '../support/uncaught.ts'
import { turn, until } from '../support/until.ts'
import { errorOf, type Visitor, visitors } from './visitors.ts'

/** A topic `/rooms/:room` of an instance with compilers of its own, and a socket. */
async function room (t: Test, schema: object, change: (app: FastifyInstance) => void, options: object = {}): Promise<Visitor & { topic: any }> {
  const app = createApp(t)
  const visit = visitors(app)
  let topic: any
  app.register(async child => {
    // Declared before the compilers are set, as a route may be.
    topic = child.topic('/rooms/:room', { schema, ...options } as any)
    change(child)
  })
  return { ...await visit(), topic }
}

/** What a validator may answer, and what becomes of it. */
const ANSWERS: Array<[name: string, answer: (params: any) => unknown, name: string | RegExp]> = [
  ['true', () => true, '/rooms/a'],
  ['undefined', () => undefined, '/rooms/a'],
  ['{ value }', () => ({ value: { room: 'b' } }), '/rooms/b'],
  ['{ value } that is no object', () => ({ value: 'b' }), /params must be object/],
  ['{}', () => ({}), '/rooms/a'],
  ['{ error: undefined }', () => ({ error: undefined }), '/rooms/a'],
  ['a change of what it was given', params => { params.room = 'c' }, '/rooms/c'],
  ['{ error }', () => ({ error: new Error('not this room') }), /: not this room$/],
  ['{ error } that is a text', () => ({ error: 'not this text' }), /: not this text$/],
  ['{ error } that is a list', () => ({ error: [{ instancePath: '/room', message: 'must be nice' }, { message: 'must be other' }] }), /: params\/room must be nice, params must be other$/],
  ['false', () => false, /: the params does not fit the schema$/],
  ['a promise', async () => ({ value: { room: 'b' } }), /^schema\.params has an asynchronous validator, but parameters are validated synchronously/],
  ['a promise that rejects', async () => { throw new Error('late') }, /^schema\.params has an asynchronous validator/]
]

for (const [name, answer, result] of ANSWERS) {
  test(`a validator of the instance's own compiler answers ${name}`, async t => {
    const found = uncaught(t)
    const asked: any[] = []
    const { socket, topic } = await room(t, { params: { its: 'own' } }, child => {
      child.setValidatorCompiler(route => {
        asked.push(route)
        return answer as any
      })
    })
    t.match(asked.at(-1), { schema: { its: 'own' }, httpPart: 'params', url: '/rooms/:room' })
    const given = { room: 'a' }
    if (typeof result === 'string') {
      await socket.subscribe(topic, given)
      t.strictSame(socket.subscriptions, [result])
    } else {
      t.match(await errorOf(() => socket.subscribe(topic, given)), { message: result })
      t.match(await errorOf(() => topic.publish(given, 'm')), { message: result })
    }
    t.same(given, { room: 'a' })
    await turn()
    t.strictSame(found, [])
  })
}

/** Schemas that are objects of a class, as those of Zod are. */
class Kind {
  readonly #check: (value: any) => string | null

  constructor (check: (value: any) => string | null) {
    this.#check = check
  }

  safeParse (data: any) {
    const fault = this.#check(data)
    return fault === null ? { success: true, data: { ...data, parsed: true } } : { success: false, error: fault }
  }
}

/** Compilers that know no other schemas, and say so when they compile, as those for Zod do. */
function setKindCompilers (app: FastifyInstance): void {
  const known = (schema: unknown): Kind => {
    if (schema instanceof Kind) return schema
    throw new Error(`${JSON.stringify(schema)} is no schema of ours`)
  }
  app.setValidatorCompiler(({ schema }) => {
    const kind = known(schema)
    return data => {
      const { success, data: value, error } = kind.safeParse(data)
      return success ? { value } : { error: [{ instancePath: '/room', message: error, keyword: 'kind', params: {}, schemaPath: '' }] as any }
    }
  })
  app.setSerializerCompiler(({ schema }) => {
    const kind = known(schema)
    return data => {
      const { success, data: value, error } = kind.safeParse(data)
      if (!success) throw new Error(`no such message: ${error}`)
      return JSON.stringify(value)
    }
  })
}

test('schemas like those of Zod, whose compilers refuse all others', async t => {
  const params = new Kind(({ room }) => room === 'a' ? null : 'must be a')
  const message = new Kind(({ text }) => typeof text === 'string' ? null : 'must have text')
  const { socket, got, topic } = await room(t, { params, message }, setKindCompilers)
  await socket.subscribe(topic, { room: 'a' })
  await topic.publish({ room: 'a' }, { text: 'hello' })
  await until(() => got.length === 1)
  t.equal(got[0], '{"text":"hello","parsed":true}')
  t.equal((await errorOf(() => topic.publish({ room: 'b' }, { text: 'hello' }))).message, 'these are no parameters of the topic: params/room must be a')
  t.equal((await errorOf(() => topic.publish({ room: 'a' }, {}))).message, 'no such message: must have text')
})

test('with such a compiler a topic needs no schema, or one of the two', async t => {
  const kind = new Kind(() => null)
  for (const schema of [{}, { params: kind }, { message: kind }]) {
    const { socket, got, topic } = await room(t, schema, setKindCompilers)
    await socket.subscribe(topic, { room: 'a' })
    await topic.publish({ room: 'a' }, 'message' in schema ? {} : 'raw')
    await until(() => got.length === 1)
    t.equal(got[0], 'message' in schema ? '{"parsed":true}' : 'raw')
  }
})

test('they carry a position, or are found not to', async t => {
  const kind = new Kind(() => null)
  const history = { size: 5, ttl: 60_000, position: 'at' }
  const good = await room(t, { message: kind }, setKindCompilers, { history })
  await good.socket.subscribe(good.topic, { room: 'a' })
  const { at } = await good.topic.publish({ room: 'a' }, { text: 'hello' })
  await until(() => good.got.length === 1)
  t.same(JSON.parse(good.got[0]), { text: 'hello', at, parsed: true })
  for (const serialize of [() => '{}', (value: any) => JSON.stringify([value.at, value.at]), (value: any) => JSON.stringify({ at: value.at.toUpperCase() })]) {
    const bad = await room(t, { message: kind }, child => { child.setSerializerCompiler(() => serialize) }, { history })
    t.match(await errorOf(() => bad.topic.publish({ room: 'a' }, { text: 'hello' })), {
      code: 'FST_ERR_WS_POSITION', message: "the messages of the topic '/rooms/:room' cannot carry a position"
    })
    t.strictSame(await bad.topic.history({ room: 'a' }), [], 'nothing was published')
  }
})

test('a serializer that returns no text is refused, with a position and without', async t => {
  const rows: Array<[unknown, string]> = [[undefined, 'undefined'], [null, 'null'], [5, 'a number'], [Buffer.from('{}'), 'Buffer'], [Promise.resolve('{}'), 'Promise']]
  for (const history of [undefined, { size: 5, ttl: 60_000, position: 'at' }]) {
    for (const [result] of rows) {
      const { socket, got, topic } = await room(t, { message: new Kind(() => null) }, child => {
        child.setSerializerCompiler((() => () => result) as any)
      }, { history })
      await socket.subscribe(topic, { room: 'a' })
      const error = await errorOf(() => topic.publish({ room: 'a' }, {}))
      t.equal(error.code, 'FST_ERR_WS_SERIALIZER')
      t.match(error.message, /^the serializer of schema\.message must return a string, not /)
      t.strictSame(got, [])
    }
  }
})

test('a serializer gets each message once, however many subscribe', async t => {
  const asked: any[] = []
  let calls = 0
  const { socket, topic } = await room(t, { message: { any: 'thing' } }, child => {
    child.setSerializerCompiler(route => {
      asked.push(route)
      return value => {
        calls++
        return JSON.stringify(value)
      }
    })
  })
  t.match(asked.at(-1), { schema: { any: 'thing' }, httpStatus: '101', url: '/rooms/:room' })
  await socket.subscribe(topic, { room: 'a' })
  await topic.publish({ room: 'a' }, { n: 1 })
  t.equal(calls, 1)
})

test('schemas of TypeBox, of either generation', async t => {
  for (const T of [Type, Type1 as unknown as typeof Type]) {
    const schema = {
      params: T.Object({ room: T.Integer() }),
      message: T.Union([
        T.Object({ type: T.Literal('said'), text: T.String(), at: T.String() }),
        T.Intersect([T.Object({ type: T.Literal('left'), who: T.Integer() }), T.Object({ at: T.String() })])
      ])
    }
    const { socket, got, topic } = await room(t, schema, () => {}, { history: { size: 5, ttl: 60_000, position: 'at' } })
    await socket.subscribe(topic, { room: '05' })
    t.strictSame(socket.subscriptions, ['/rooms/5'])
    const said = await topic.publish({ room: 5 }, { type: 'said', text: 'hello', secret: 1 })
    const left = await topic.publish({ room: '5' }, { type: 'left', who: 7 })
    await until(() => got.length === 2)
    t.same(got.map(text => JSON.parse(text)), [{ type: 'said', text: 'hello', at: said.at }, { type: 'left', who: 7, at: left.at }])
    t.match(await errorOf(() => topic.publish({ room: 5 }, { type: 'left', who: 'x' })), {
      code: 'FST_ERR_WS_INVALID_PUBLISH', message: 'the published value does not fit schema.message of its topic: message/who must be integer'
    })
  }
})
