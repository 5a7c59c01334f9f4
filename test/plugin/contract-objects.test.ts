import type { FastifyInstance } from 'fastify'
import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { ask } from '../support/handshakes.ts'

/** An object and all that it holds, frozen: whoever changes it throws. */
function frozen<Value extends object> (value: Value): Value {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) frozen(part)
  return Object.freeze(value)
}

const union = (name: string) => ({
  anyOf: ['a', 'b'].map(kind => ({ type: 'object', required: ['kind'], properties: { kind: { const: kind }, [name]: { type: 'integer', default: 1 } } }))
})
const SCHEMA = frozen({
  params: { type: 'object', properties: { room: { type: 'integer' } } },
  querystring: { type: 'object', properties: { since: { type: 'string' } } },
  headers: { type: 'object', properties: { 'X-Age': { type: 'integer' } } },
  message: union('n'),
  send: union('n')
})
const CONTRACT = frozen({ method: 'GET', url: '/rooms/:room', ws: true, schema: SCHEMA } as const)

function echo (socket: any): void {
  socket.on('message', (message: unknown) => { socket.send(message) })
}

/** Declares what the contract says. */
async function declare (app: FastifyInstance): Promise<void> {
  app.route({ ...CONTRACT, handler: echo } as any)
}

test('one contract, which nobody may change, is declared twice in an app and in several apps', async t => {
  const before = JSON.stringify(CONTRACT)
  const ports: number[] = []
  for (let i = 0; i < 2; i++) {
    const app = createApp(t)
    app.register(declare)
    for (const prefix of ['/v1', '/v2']) app.register(declare, { prefix })
    ports.push(await listen(app))
  }
  for (const port of ports) {
    for (const prefix of ['', '/v1', '/v2']) t.equal(await ask(port, `${prefix}/rooms/7`, '{"kind":"b"}'), '{"kind":"b","n":1}')
  }
  t.equal(JSON.stringify(CONTRACT), before)
  t.same(Object.getOwnPropertySymbols(SCHEMA), [])
})

test('its schema alone may be that of a route for both, and of routes without messages', async t => {
  const { message: _message, send: _send, ...others } = SCHEMA
  const app = createApp(t)
  app.get('/both', { schema: SCHEMA, ws: { handler: echo } }, async () => 'http')
  app.get('/raw', { schema: { ...others }, ws: true }, echo)
  const port = await listen(app)
  t.equal(await ask(port, '/both', '{"kind":"a"}'), '{"kind":"a","n":1}')
  t.equal(await ask(port, '/raw', 'raw'), 'raw')
})

test('a schema object that Fastify has already taken for another route still has its messages', async t => {
  const schema = { message: { type: 'integer' }, send: { type: 'integer' } } as any
  const first = createApp(t)
  first.get('/plain', { schema }, async () => 'http')
  await first.ready()
  t.equal(Object.getOwnPropertySymbols(schema).length, 1, 'Fastify has marked it')
  const app = createApp(t)
  app.get('/room', { ws: true, schema }, echo)
  t.equal(await ask(await listen(app), '/room', '7'), '7')
})

test('a frozen schema without messages serves a route for both', async t => {
  const app = createApp(t)
  const schema = frozen({ querystring: { type: 'object', properties: { n: { type: 'integer' } } } })
  app.get('/both', { schema, ws: { handler: echo } }, async request => request.query)
  const port = await listen(app)
  t.equal(await ask(port, '/both', 'raw'), 'raw')
  t.same((await app.inject('/both?n=7')).json(), { n: 7 })
})
