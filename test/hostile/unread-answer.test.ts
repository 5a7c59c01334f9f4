import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { settledClock } from '../support/clock.ts'
import { connectionCount, deferred } from '../support/handshakes.ts'
import { connectFields, RST_STREAM } from '../support/http2-frames.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { RawSession } from '../http2/raw.ts'
import { CANCEL } from '../http2/support.ts'
import { turn, until } from '../support/until.ts'

/** Between two looks at an answer that no route limits. */
const TAKE = 30_000

/** An app where handshakes for no WebSocket route get a long answer. */
async function serve (t: Test, server: object) {
  const app = createApp(t, {}, server)
  const gate = deferred()
  let waiting = 0
  app.get('/', { ws: true }, () => {})
  app.get('/large', async () => 'x'.repeat(20_000_000))
  app.get('/slow', async () => {
    waiting++
    await gate.promise
    return 'served'
  })
  app.setNotFoundHandler(async (_request, reply) => reply.code(404).send('x'.repeat(100_000)))
  const port = await listen(app)
  return { app, port, gate, clock: await settledClock(t), isWaiting: () => waiting > 0 }
}

/** Until what is on its way has come. */
async function settle (): Promise<void> {
  for (let i = 0; i < 50; i++) await turn()
}

test('over HTTP/1.1, a client that does not take its answer is cut', async t => {
  const { app, port, clock } = await serve(t, { http2: false })
  const client = new RawClient(port)
  t.teardown(() => client.destroy())
  client.socket.pause()
  client.write(handshake('/large'))
  await until(() => clock.countTimers() === 1)
  await settle()
  // It was asked for a moment before there was an answer.
  clock.tick(TAKE)
  await settle()
  t.equal(await connectionCount(app), 1)
  clock.tick(TAKE)
  await settle()
  t.equal(await connectionCount(app), 0)
  t.equal(clock.countTimers(), 0)
})

test('over HTTP/1.1, an answer may take its time where no route limits it', async t => {
  const { port, clock, gate, isWaiting } = await serve(t, { http2: false })
  const client = new RawClient(port)
  client.write(handshake('/slow'))
  await until(isWaiting, 'the handler waits')
  for (let i = 0; i < 10; i++) clock.tick(TAKE)
  gate.resolve()
  t.equal((await client.response()).body, 'served')
  await client.end()
})

test('over HTTP/2, a client that opens no window for its answer has its stream reset', async t => {
  const { port, clock } = await serve(t, { http2: true })
  const session = await RawSession.open(t, port, 0)
  // The server does not wait for the acknowledgement of its settings any more.
  await settle()
  const before = clock.countTimers()
  session.connect(1, connectFields('/none'))
  await until(() => clock.countTimers() > before)
  await settle()
  clock.tick(TAKE - 1)
  await settle()
  t.equal(session.resetCode(1), null)
  clock.tick(TAKE)
  await until(() => session.of(1, RST_STREAM).length > 0)
  t.equal(session.resetCode(1), CANCEL)
})
