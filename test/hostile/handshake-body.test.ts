import { test } from 'tap'
import { masked } from '../support/frames.ts'
import { errorBody } from '../support/handshakes.ts'
import { TEXT } from '../support/opcodes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { besieged } from './support.ts'

const FRAME = masked(TEXT, 'smuggled').toString('latin1')

// RFC 9110 §7.8: a client cannot change the protocol in the middle of a message. Frames begin behind the body, and who
// stands in front of the server may count differently.
for (const [name, headers, body] of [
  ['a length', { 'Content-Length': String(FRAME.length) }, FRAME],
  ['a length, before the body has come', { 'Content-Length': '5' }, ''],
  ['chunks', { 'Transfer-Encoding': 'chunked' }, `${FRAME.length.toString(16)}\r\n${FRAME}\r\n0\r\n\r\n`],
  ['chunks of which there are none', { 'Transfer-Encoding': 'chunked' }, `0\r\n\r\n${FRAME}`],
  ['an encoding that there is not', { 'Transfer-Encoding': 'xchunked' }, FRAME]
] as Array<[string, Record<string, string>, string]>) {
  test(`a handshake that announces a body by ${name} gets 400: no body is taken for frames`, async t => {
    const { port, isOver } = await besieged(t, () => { t.fail('the handler was called') })
    const client = new RawClient(port)
    t.teardown(() => client.destroy())
    client.write(Buffer.from(handshake('/', headers) + body, 'latin1'))
    const response = await client.response()
    t.equal(response.status, 400)
    t.equal(errorBody(response).code, 'FST_ERR_WS_HANDSHAKE')
    await client.end()
    t.equal(client.received.length, 0)
    await isOver()
  })
}

test('a handshake that announces a body of no bytes is taken, and what follows are frames', async t => {
  const { port } = await besieged(t, socket => { socket.on('message', message => { socket.send(message) }) })
  const client = new RawClient(port)
  t.teardown(() => client.destroy())
  client.write(Buffer.from(handshake('/', { 'Content-Length': '0' }) + FRAME, 'latin1'))
  t.equal((await client.response()).status, 101)
  t.equal((await client.frame()).payload.toString(), 'smuggled')
})
