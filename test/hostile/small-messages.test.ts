import { test } from 'tap'
import { pair, stall, turn } from '../support/serve.ts'
import { held, KIB, MIB } from './support.ts'

test('maxBuffered bounds the memory behind a peer that does not read, though messages are small', async t => {
  const maxBuffered = 512 * KIB
  const { client, socket } = await pair(t, { maxBuffered, overflow: 'drop', heartbeat: false })
  await stall(client, socket)
  /** As messages come about: one in a turn. */
  async function sendUntil (isEnough: () => boolean): Promise<void> {
    while (!isEnough()) {
      socket.send('x'.repeat(20))
      await turn()
    }
  }
  let waiting = socket.bufferedAmount
  // The first ones cost what the code itself takes.
  await sendUntil(() => socket.bufferedAmount > waiting + 50 * KIB)
  const before = held()
  waiting = socket.bufferedAmount
  await sendUntil(() => socket.dropped > 0)
  const grown = held() - before
  // The test itself leaves something behind as well.
  t.ok(grown < maxBuffered + 1.5 * MIB, `${grown} bytes for ${socket.bufferedAmount - waiting} that wait`)
  client.reset()
  await socket.closed
})
