import { test } from 'tap'
import { masked } from '../support/frames.ts'
import { BINARY, CLOSE, TEXT } from '../support/opcodes.ts'
import { codeOf, pair, serve } from '../support/serve.ts'
import { turn } from '../support/until.ts'

test('a string goes as text, in UTF-8', async t => {
  const { client, socket } = await pair(t)
  t.equal(socket.send('grüße 👋'), true)
  const { opcode, fin, masked, payload } = await client.frame()
  t.strictSame({ opcode, fin, masked }, { opcode: TEXT, fin: true, masked: false })
  t.equal(payload.toString(), 'grüße 👋')
})

test('an empty string goes as an empty text message', async t => {
  const { client, socket } = await pair(t)
  socket.send('')
  t.match(await client.frame(), { opcode: TEXT, payload: Buffer.alloc(0) })
})

const bytes = Uint8Array.from({ length: 100 }, (_, i) => i)
const large = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251)

for (const { name, all } of [{ name: 'small', all: bytes }, { name: 'large', all: large }]) {
  for (const { kind, data, wanted } of [
    { kind: 'Buffer', data: Buffer.from(all), wanted: all },
    { kind: 'Uint8Array', data: Uint8Array.from(all), wanted: all },
    { kind: 'ArrayBuffer', data: Uint8Array.from(all).buffer, wanted: all },
    { kind: 'Uint8Array on a part of memory', data: all.subarray(10, -10), wanted: all.slice(10, -10) },
    { kind: 'Buffer on a part of memory', data: Buffer.from(all.buffer, 7, all.length - 9), wanted: all.slice(7, -2) }
  ]) {
    test(`a ${name} ${kind} goes as binary`, async t => {
      const { client, socket } = await pair(t)
      const before = Buffer.from(data as Uint8Array)
      socket.send(data)
      const { opcode, payload } = await client.frame()
      t.equal(opcode, BINARY)
      t.equal(payload.equals(wanted), true)
      t.equal(before.equals(Buffer.from(data as Uint8Array)), true, 'and is left as it was')
    })
  }
}

test('a large text arrives whole, characters of several bytes included', async t => {
  const { client, socket } = await pair(t)
  const text = 'äöü€👋'.repeat(20_000)
  socket.send(text)
  const { opcode, payload } = await client.frame()
  t.equal(opcode, TEXT)
  t.equal(payload.toString() === text, true)
})

for (const { value, named } of [
  { value: 42, named: 'number' }, { value: null, named: 'null' }, { value: undefined, named: 'undefined' },
  { value: { a: 1 }, named: 'object' }, { value: [1, 2], named: 'object' },
  { value: true, named: 'boolean' }
]) {
  test(`send() refuses ${String(value)} and says what it was`, async t => {
    const { client, socket } = await pair(t)
    try {
      socket.send(value)
      t.fail('it was to throw')
    } catch (error) {
      t.ok(error instanceof TypeError)
      t.match(error, { code: 'FST_ERR_WS_SEND_TYPE', message: `not ${named};` })
    }
    socket.send('the next')
    t.equal((await client.frame()).payload.toString(), 'the next', 'nothing was sent')
  })
}

test('after close() nothing is sent any more and send() says false', async t => {
  const { client, socket } = await pair(t)
  t.equal(socket.send('before'), true)
  socket.close()
  t.equal(socket.state, 'closing')
  t.equal(socket.send('text'), false)
  t.equal(socket.send(Buffer.from('binary')), false)
  t.equal((await client.frame()).payload.toString(), 'before')
  t.equal((await client.close()).code, 1000)
  client.send(CLOSE)
  await client.end()
  t.equal(client.received.length, 0)
})

test('after the close frame of the peer nothing is sent any more', async t => {
  const { client, socket } = await pair(t)
  const results: boolean[] = []
  socket.on('message', () => { results.push(socket.send('during')) })
  await turn()
  client.write(Buffer.concat([masked(TEXT, 'x'), masked(CLOSE)]))
  await socket.closed
  t.equal(socket.state, 'closed')
  t.equal(socket.send('after'), false)
  t.strictSame(results, [true])
  t.equal((await client.frame()).payload.toString(), 'during')
  t.equal((await client.close()).code, 1005)
  await client.end()
  t.equal(client.received.length, 0)
})

test('after terminate() nothing is sent, and the socket says at once that it is not open', async t => {
  const { client, socket } = await pair(t)
  socket.terminate()
  t.not(socket.state, 'open')
  t.equal(socket.send('lost'), false)
  t.equal(await codeOf(() => socket.ping()), 'FST_ERR_WS_NOT_OPEN')
  await client.end()
  t.equal(client.received.length, 0)
})

test('send() on a closed connection does not look at what it is given', async t => {
  const { client, socket } = await pair(t)
  client.send(CLOSE)
  await socket.closed
  t.equal(socket.send(42), false)
})

test('a handler may send before it returns', async t => {
  const { open } = await serve(t, socket => { socket.send('welcome') })
  const client = await open()
  t.equal((await client.frame()).payload.toString(), 'welcome')
})

test('every socket has an id of its own, a UUID, that stays the same', async t => {
  const { socket } = await pair(t)
  const { socket: other } = await pair(t)
  t.match(socket.id, /^[\da-f]{8}-([\da-f]{4}-){3}[\da-f]{12}$/)
  t.equal(socket.id, socket.id)
  t.not(socket.id, other.id)
})
