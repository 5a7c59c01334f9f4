import { type Test, test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { linesWith, waitingRoute } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

const ROOM = '/room'

/** What a handshake that is forwarded for this address is answered with; if it passes, the connection stays. */
async function statusFor (t: Test, port: number, address: string): Promise<number> {
  const client = new RawClient(port)
  t.teardown(() => client.destroy())
  client.write(handshake(ROOM, { 'X-Forwarded-For': address }))
  return (await client.response()).status
}

for (const [a, b, isSame] of [
  ['192.0.2.1', '192.0.2.1', true],
  ['192.0.2.1', '192.0.2.2', false],
  ['::ffff:192.0.2.1', '192.0.2.1', true],
  ['::ffff:c000:201', '192.0.2.1', true],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.2', false],
  ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', true],
  ['2001:db8:1:2::1', '2001:DB8:1:2:0::2', true],
  ['2001:db8:1:2::1', '2001:0db8:0001:0002:0000:0000:0000:0003', true],
  ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
  ['2001:db8:1:2::1', '2001:db9:1:2::1', false],
  ['::1', '::2', true],
  ['fe80::1', 'fe80::2', false],
  ['64:ff9b::c000:201', '64:ff9b::c000:202', false],
  ['::1', '127.0.0.1', false],
  ['unknown', 'unknown', true],
  ['unknown', '_hidden', false],
  ['192.0.2.1:80', '192.0.2.1', false],
  ['[2001:db8::1]', '2001:db8::1', false],
  ['constructor', '__proto__', false]
] as const) {
  test(`${a} and ${b} are ${isSame ? 'one client' : 'two'}`, async t => {
    const app = createApp(t, { limits: { connectionsPerAddress: 1 } }, { trustProxy: true })
    app.get(ROOM, { ws: true }, () => {})
    const port = await listen(app)
    for (const [one, other] of [[a, b], [b, a]] as const) {
      t.equal(await statusFor(t, port, one), 101)
      t.equal(await statusFor(t, port, other), isSame ? 429 : 101)
      t.equal(await statusFor(t, port, one), 429)
      await until(() => app.sockets.size === (isSame ? 1 : 2))
      for (const socket of app.sockets) socket.terminate()
      await until(() => app.sockets.size === 0)
    }
  })
}

test('without trustProxy the address is that of the TCP peer, whatever a header says', async t => {
  const app = createApp(t, { limits: { connectionsPerAddress: 1 } })
  app.get(ROOM, { ws: true }, () => {})
  const port = await listen(app)
  t.equal(await statusFor(t, port, '192.0.2.1'), 101)
  t.equal(await statusFor(t, port, '192.0.2.2'), 429)
  t.match(linesWith(app.lines, "too many connections or handshakes: see the WebSocket option 'limits'"), [{ ip: '127.0.0.1' }])
})

test('with trustProxy each of its clients has its own handshakes, and connections count for all', async t => {
  const limits = { connections: 5, handshakesPerAddress: 2 }
  const app = createApp(t, { limits }, { trustProxy: '127.0.0.1' })
  const route = waitingRoute(app, ROOM)
  const port = await listen(app)
  const passing = ['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.2', '192.0.2.3'].map(one => statusFor(t, port, one))
  await until(() => route.inHook === 5)
  t.equal(await statusFor(t, port, '192.0.2.1'), 503, 'all places are taken')
  route.letGo()
  t.same(await Promise.all(passing), [101, 101, 101, 101, 101])
  await until(() => app.sockets.size === 5)
  for (const socket of app.sockets) socket.terminate()
  await until(() => app.sockets.size === 0)
  t.equal(await statusFor(t, port, '192.0.2.1'), 101)
})

test('the address is that of the handshake’s beginning, also where a hook changes what request.ip says', async t => {
  const app = createApp(t, { limits: { connectionsPerAddress: 1 } }, { trustProxy: true })
  app.get(ROOM, {
    ws: true,
    preHandler: async request => { request.headers['x-forwarded-for'] = '192.0.2.99' }
  }, () => {})
  const port = await listen(app)
  for (let i = 0; i < 2; i++) {
    t.equal(await statusFor(t, port, '192.0.2.1'), 101)
    t.equal(await statusFor(t, port, '192.0.2.1'), 429)
    await until(() => app.sockets.size === 1)
    for (const socket of app.sockets) socket.terminate()
    await until(() => app.sockets.size === 0)
  }
})
