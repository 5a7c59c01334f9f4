import { test } from 'tap'
import { masked } from '../support/frames.ts'
import { pair, turn, until } from '../support/serve.ts'

const TEXT = 1
const PING = 9
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
