import { test } from 'tap'
import { masked } from '../support/frames.ts'
import { BINARY, TEXT } from '../support/opcodes.ts'
import { iterate, nextMessage, pair } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

const ROUTE = { attachValidation: true, schema: { message: { type: 'object', required: ['a'] } } }

/** Good and bad messages in one chunk. */
const MIXED = Buffer.concat(['{"a":1}', '{"b":2}', '{"a":3}', '{"b":4}', '{"b":5}'].map(text => masked(TEXT, text)))
const WANTED = [
  [{ a: 1 }, undefined], [{ b: 2 }, 1008], [{ a: 3 }, undefined], [{ b: 4 }, 1008], [{ b: 5 }, 1008]
]

test('with attachValidation a listener gets a bad message too, and validationError says what is wrong', async t => {
  const { client, socket } = await pair(t, {}, ROUTE)
  const found: unknown[] = []
  socket.on('message', message => { found.push([message, (socket.validationError as any)?.closeCode]) })
  await turn()
  client.write(MIXED)
  await until(() => found.length === 5)
  t.strictSame(found, WANTED)
  t.match(socket.validationError, {
    code: 'FST_ERR_WS_INVALID_MESSAGE',
    message: "message must have required property 'a'",
    validation: [{ keyword: 'required' }]
  })
  client.send(TEXT, '{"a":6}')
  await until(() => found.length === 6)
  t.equal(socket.validationError, null)
})

test('messages that waited for the listener come with their own validationError', async t => {
  const { client, socket, app } = await pair(t, {}, ROUTE)
  client.write(MIXED)
  await until(() => app.sockets.stats().messagesIn === 5)
  t.equal(socket.validationError, null, 'none is being delivered yet')
  const found: unknown[] = []
  socket.on('message', message => { found.push([message, (socket.validationError as any)?.closeCode]) })
  await turn()
  t.strictSame(found, WANTED)
})

test('a loop gets every message with its own validationError, however slow its body', async t => {
  const { client, socket, app } = await pair(t, {}, ROUTE)
  client.write(MIXED)
  const found: unknown[] = []
  for await (const message of socket) {
    const before = socket.validationError
    if (found.length === 0) await until(() => app.sockets.stats().messagesIn === 5)
    await turn()
    t.equal(socket.validationError, before, 'it stays until the next message is asked for')
    found.push([message, (socket.validationError as any)?.closeCode])
    if (found.length === 5) break
  }
  t.strictSame(found, WANTED)
})

test('a loop that waits for each message gets it with its own validationError', async t => {
  const { client, socket } = await pair(t, {}, ROUTE)
  const iterator = iterate(t, socket)
  for (const [message, closeCode] of WANTED) {
    const next = iterator.next()
    client.send(TEXT, JSON.stringify(message))
    t.strictSame((await next).value, message)
    t.equal((socket.validationError as any)?.closeCode, closeCode)
  }
})

test('connections to one route keep their validationErrors apart', async t => {
  const { client, socket, open, app } = await pair(t, {}, ROUTE)
  const second = await open()
  const other = [...app.sockets][1]!
  const first = new Promise(resolve => { socket.on('message', resolve) })
  client.send(TEXT, '{}')
  await first
  const good = new Promise(resolve => { other.on('message', resolve) })
  second.send(TEXT, '{"a":1}')
  await good
  t.ok(socket.validationError)
  t.equal(other.validationError, null)
})

test('attachValidation lets neither what is not JSON nor binary pass', async t => {
  const first = await pair(t, {}, ROUTE)
  first.socket.on('message', () => {})
  first.client.send(TEXT, 'rubbish')
  t.equal((await first.client.close()).code, 1007)
  const second = await pair(t, {}, ROUTE)
  second.socket.on('message', () => {})
  second.client.send(BINARY, '{}')
  t.equal((await second.client.close()).code, 1003)
})

test('with attachValidation onInvalidMessage is not called for what fails the schema', async t => {
  let calls = 0
  const { client, socket } = await pair(t, { onInvalidMessage: () => { calls++ } }, ROUTE)
  client.send(TEXT, '{}')
  t.strictSame(await nextMessage(socket), {})
  t.equal(calls, 0)
  socket.on('message', () => {})
  client.send(TEXT, 'rubbish')
  await until(() => calls === 1)
})

test('without attachValidation validationError stays null', async t => {
  const { client, socket } = await pair(t, { onInvalidMessage: () => {} }, { schema: ROUTE.schema })
  client.send(TEXT, '{}')
  client.send(TEXT, '{"a":1}')
  await nextMessage(socket)
  t.equal(socket.validationError, null)
})
