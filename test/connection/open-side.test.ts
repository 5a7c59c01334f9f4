import { test } from 'tap'
import { fakeClock } from '../support/clock.ts'
import { closeBody } from '../support/frames.ts'
import { CLOSE, TEXT } from '../support/opcodes.ts'
import { halfOpenPair } from '../support/serve.ts'
import { turn } from '../support/until.ts'

test('a peer that keeps its side open after both close frames is cut after closeTimeout', async t => {
  const { client, socket } = await halfOpenPair(t, { closeTimeout: 3000 })
  const clock = fakeClock(t)
  client.send(CLOSE, closeBody(1000))
  await client.close()
  await client.end()
  client.send(TEXT, 'still writing')
  await turn()
  t.equal(socket.state, 'closing')
  clock.tick(3000)
  t.strictSame(await socket.closed, { code: 1000, reason: '', wasClean: true, initiator: 'remote' })
})
