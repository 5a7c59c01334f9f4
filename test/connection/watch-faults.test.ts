import { test } from 'tap'
import { fakeClock, noSpread } from '../support/clock.ts'
import { pair } from '../support/serve.ts'

test('a listener that closes when it hears of the missing pong does not change how the connection ends', async t => {
  noSpread(t)
  const clock = fakeClock(t)
  const { socket } = await pair(t, { heartbeat: { interval: 5000, timeout: 5000 } })
  const heard: unknown[] = []
  socket.on('error', (error: any) => {
    heard.push(error.code)
    socket.close(4000)
  })
  clock.tick(10_000)
  t.strictSame(await socket.closed, { code: 1006, reason: '', wasClean: false, initiator: 'local' })
  t.strictSame(heard, ['FST_ERR_WS_NO_PONG'])
})
