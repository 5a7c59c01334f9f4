import { type Test, test } from 'tap'
import type { FastifyServerOptions } from 'fastify'
import type { Socket } from 'fastify-sockets'
import { createApp } from '../support/app.ts'
import { TEXT } from '../support/opcodes.ts'
import type { RawClient } from '../support/raw-client.ts'
import { listenTo, nextMessage } from '../support/serve.ts'

const PROTO = '{"a":1,"__proto__":{"polluted":true}}'
const CONSTRUCTOR = '{"a":1,"constructor":{"prototype":{"polluted":true}}}'

async function poisoned (
  t: Test, server: FastifyServerOptions, text: string
): Promise<{ client: RawClient, socket: Socket<any, any> }> {
  const app = createApp(t, {}, server)
  app.get('/', { ws: true, schema: { message: { type: 'object' } } }, socket => { socket.on('message', () => {}) })
  const { open } = await listenTo(t, app)
  const client = await open()
  client.send(TEXT, text)
  return { client, socket: [...app.sockets][0]! }
}

for (const { name, text } of [
  { name: '__proto__', text: PROTO },
  { name: '__proto__ deeper down', text: '{"a":[{"__proto__":null}]}' },
  { name: '__proto__ written with an escape', text: '{"\\u005f_proto__":{}}' },
  { name: 'constructor.prototype', text: CONSTRUCTOR }
]) {
  test(`a message with the key ${name} closes with 1007`, async t => {
    const { client } = await poisoned(t, {}, text)
    const { code, reason } = await client.close()
    t.equal(code, 1007)
    t.match(reason, /forbidden prototype property/)
  })
}

test("Fastify's onProtoPoisoning 'remove' takes the key out", async t => {
  const { socket } = await poisoned(t, { onProtoPoisoning: 'remove' }, PROTO)
  const message: any = await nextMessage(socket)
  t.strictSame(Object.getOwnPropertyNames(message), ['a'])
  t.equal(message.polluted, undefined)
})

test("Fastify's onProtoPoisoning 'ignore' lets the key pass", async t => {
  const { socket } = await poisoned(t, { onProtoPoisoning: 'ignore' }, PROTO)
  const message: any = await nextMessage(socket)
  t.strictSame(Object.getOwnPropertyNames(message), ['a', '__proto__'])
})

test("Fastify's onConstructorPoisoning 'remove' takes the key out", async t => {
  const { socket } = await poisoned(t, { onConstructorPoisoning: 'remove' }, CONSTRUCTOR)
  const message: any = await nextMessage(socket)
  t.strictSame(Object.getOwnPropertyNames(message), ['a'])
})

test("Fastify's onConstructorPoisoning 'ignore' lets the key pass, and __proto__ is still refused", async t => {
  const { socket, client } = await poisoned(t, { onConstructorPoisoning: 'ignore' }, CONSTRUCTOR)
  const message: any = await nextMessage(socket)
  t.strictSame(Object.getOwnPropertyNames(message), ['a', 'constructor'])
  client.send(TEXT, PROTO)
  t.equal((await client.close()).code, 1007)
})

test('a message whose values only look like such keys is taken', async t => {
  const { socket } = await poisoned(t, {}, '{"a":"__proto__","constructor":"name","prototype":1}')
  t.strictSame(await nextMessage(socket), { a: '__proto__', constructor: 'name', prototype: 1 })
})
