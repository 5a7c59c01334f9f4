import { test, type Test } from 'tap'
import type { CloseInfo } from 'fastify-sockets'
import { fakeClock } from '../support/clock.ts'
import { compressed, OFFER } from '../support/deflate.ts'
import { closeBody, frame, masked } from '../support/frames.ts'
import { BINARY, CLOSE, PING, PONG, TEXT } from '../support/opcodes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'
import { besieged, type Besieged } from './support.ts'

interface Closing extends Besieged {
  /** Everything that the handler is told: messages, pings, pongs. */
  told: unknown[]
  errors: unknown[]
  closed: CloseInfo[]
  /** A client that keeps its side of TCP open when the server ends the other. */
  stayer: () => Promise<RawClient>
}

async function siege (t: Test): Promise<Closing> {
  const told: unknown[] = []
  const errors: unknown[] = []
  const closed: CloseInfo[] = []
  const all = await besieged(t, socket => {
    socket.on('message', message => { told.push(message) })
    socket.on('ping', payload => { told.push(payload) })
    socket.on('pong', payload => { told.push(payload) })
    socket.on('error', error => { errors.push(error) })
    socket.on('close', info => { closed.push(info) })
  }, { ws: { deflate: true, heartbeat: false } })
  const stayer = async (): Promise<RawClient> => {
    const client = new RawClient(all.port, { allowHalfOpen: true })
    t.teardown(() => client.destroy())
    client.write(handshake('/', OFFER))
    await client.response()
    await until(() => all.app.sockets.size === 2)
    return client
  }
  return { ...all, told, errors, closed, stayer }
}

const MORE: Array<[name: string, bytes: Buffer]> = [
  ['a text', masked(TEXT, 'late')],
  ['bytes', masked(BINARY, 'late')],
  ['a compressed message', compressed(TEXT, 'late')],
  ['fragments', Buffer.concat([masked(TEXT, 'la', { fin: false }), masked(0, 'te')])],
  ['the end of a message that was begun before', masked(0, 'end')],
  ['a ping', masked(PING, 'late')],
  ['a pong', masked(PONG, 'late')],
  ['another close frame', masked(CLOSE, closeBody(4000, 'no, this'))],
  ['what breaks the protocol', frame(3, 'unmasked')],
  ['a handshake', Buffer.from(handshake('/'))]
]

for (const [name, bytes] of MORE) {
  for (const [when, separate] of [['in the same segment', false], ['later', true]] as const) {
    test(`what follows a close frame reaches nobody and gets no answer: ${name}, ${when}`, async t => {
      const { app, told, errors, closed, stayer, isOver } = await siege(t)
      const client = await stayer()
      client.send(TEXT, 'begun before', { fin: false })
      const close = masked(CLOSE, closeBody(4001, 'the first one'))
      const before = app.sockets.stats().bytesIn
      if (separate) {
        client.write(close)
        t.equal((await client.close()).code, 4001)
        client.write(bytes)
      } else {
        client.write(Buffer.concat([close, bytes]))
        t.equal((await client.close()).code, 4001)
      }
      await client.end()
      // Over HTTP/2 the server ends the stream as a whole, perhaps before it has read them.
      await until(() => app.sockets.stats().bytesIn >= before + close.length + bytes.length || closed.length > 0)
      t.equal(client.received.length, 0)
      client.socket.end()
      await isOver()
      t.same(told, [])
      t.same(errors, [])
      t.same(closed, [{ code: 4001, reason: 'the first one', wasClean: true, initiator: 'remote' }])
    })
  }
}

test('what follows a violation reaches nobody and gets no answer', async t => {
  const clock = fakeClock(t)
  const { told, errors, closed, stayer, othersAreServed, isOver } = await siege(t)
  const client = await stayer()
  client.write(masked(3))
  t.equal((await client.close()).code, 1002)
  for (const [, bytes] of MORE) client.write(bytes)
  await othersAreServed()
  clock.tick(5000)
  await isOver()
  t.same(told, [])
  t.equal(errors.length, 1)
  t.match(closed, [{ code: 1002, wasClean: false, initiator: 'local' }])
  t.equal(client.received.length, 0)
})
