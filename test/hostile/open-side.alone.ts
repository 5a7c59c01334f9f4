import { test } from 'tap'
import type { CloseInfo } from 'fastify-sockets'
import { fakeClock } from '../support/clock.ts'
import { closeBody, masked } from '../support/frames.ts'
import { connectionCount } from '../support/handshakes.ts'
import { BINARY, CLOSE } from '../support/opcodes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'
import { besieged, held, heldSince, KIB, MIB } from './support.ts'

test('what comes behind a close frame without end is not kept, and is cut off after closeTimeout', async t => {
  const clock = fakeClock(t)
  const told: unknown[] = []
  const closed: CloseInfo[] = []
  const { app, port, othersAreServed, isOver } = await besieged(t, socket => {
    socket.on('message', message => { told.push(message) })
    socket.on('close', info => { closed.push(info) })
  }, { ws: { heartbeat: false } })
  const client = new RawClient(port, { allowHalfOpen: true })
  t.teardown(() => client.destroy())
  client.write(handshake('/'))
  await client.response()
  await until(() => app.sockets.size === 2)
  client.send(CLOSE, closeBody(1000))
  await client.close()
  const flood = masked(BINARY, Buffer.alloc(MIB))
  const before = held()
  const start = app.sockets.stats().bytesIn
  for (let i = 0; i < 20; i++) {
    client.write(flood)
    await othersAreServed()
  }
  await until(() => app.sockets.stats().bytesIn >= start + 20 * flood.length)
  const grown = await heldSince(before, 768 * KIB)
  t.ok(grown < 768 * KIB, `${grown} bytes for ${20 * flood.length}`)
  t.equal(await connectionCount(app), 2)
  clock.tick(5000)
  await isOver()
  t.same(told, [])
  t.match(closed, [{ code: 1000, wasClean: true, initiator: 'remote' }])
})
