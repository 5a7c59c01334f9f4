import { setTimeout as wait } from 'node:timers/promises'
import { test } from 'tap'
import { masked } from '../support/frames.ts'
import { PING, TEXT } from '../support/opcodes.ts'
import { iterate, pair } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

const LIMIT = 10
/** What comes within the limit during the test, however slow the machine is. */
const ENOUGH = 200

test('a client does not get round a rate that pauses it by resetting the connection', async t => {
  const { client, socket, app } = await pair(t, { limits: { messagesPerSecond: LIMIT, over: 'pause' } })
  let pings = 0
  socket.on('ping', () => { pings++ })
  client.write(Buffer.concat(Array(5000).fill(masked(PING))))
  await until(() => pings > LIMIT)
  client.reset()
  await until(() => { socket.send('to be refused'); return app.sockets.size === 0 })
  t.ok(pings < ENOUGH, `${pings} pings`)
})

test('nor if its messages were waiting for room when it did', async t => {
  const { client, socket, app } = await pair(t, { maxQueued: 0, limits: { messagesPerSecond: LIMIT, over: 'pause' } })
  client.write(Buffer.concat(Array(5000).fill(masked(TEXT, 'a'))))
  await until(() => app.sockets.stats().messagesIn > 0)
  client.reset()
  await turn()
  await until(() => { socket.send('to be refused'); return app.sockets.size === 0 })
  const { messagesIn } = app.sockets.stats()
  t.ok(messagesIn > LIMIT && messagesIn < ENOUGH, `${messagesIn} messages`)
})

/** No write of ours finds out, but the pings of the heartbeat. */
const HEARTBEAT = { interval: 100, timeout: 100 }

test('what was read of a client before is no sign of life: one that is held back is noticed to have left', async t => {
  const limits = { messagesPerSecond: 100, over: 'pause' } as const
  const { client, app, socket } = await pair(t, { limits, heartbeat: HEARTBEAT })
  socket.on('message', () => {})
  client.write(Buffer.concat(Array(5000).fill(masked(TEXT, 'a'))))
  await until(() => app.sockets.stats().messagesIn > 100)
  client.reset()
  await until(() => app.sockets.size === 0)
  const { messagesIn } = app.sockets.stats()
  t.ok(messagesIn < 1000, `${messagesIn} messages`)
})

test('and so is one whose messages are taken slowly', async t => {
  const { client, app, socket } = await pair(t, { heartbeat: HEARTBEAT, maxQueued: 200 })
  client.write(Buffer.concat(Array(5000).fill(masked(TEXT, 'a'))))
  const messages = iterate(t, socket)
  await messages.next()
  client.reset()
  let taken = 0
  for (; app.sockets.size > 0; taken++) {
    await messages.next()
    await wait(20)
  }
  t.ok(taken < 1000, `${taken} messages`)
})
