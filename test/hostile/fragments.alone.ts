import { test } from 'tap'
import type { CloseInfo, Socket } from 'fastify-sockets'
import { fakeClock } from '../support/clock.ts'
import { closeBody, masked } from '../support/frames.ts'
import { BINARY, CLOSE, PING, PONG, TEXT } from '../support/opcodes.ts'
import { turn, until } from '../support/until.ts'
import { besieged, held, heldSince, KIB, MIB } from './support.ts'

/** Notes what is delivered and how it ends. */
function notes () {
  const delivered: unknown[] = []
  const closed: CloseInfo[] = []
  const handler = (socket: Socket<any, any>): void => {
    socket.on('message', message => { delivered.push(message) })
    socket.on('close', info => { closed.push(info) })
  }
  return { delivered, closed, handler }
}

/** So many fragments of so many bytes, of a message that is not complete with them. */
function fragments (opcode: number, size: number, count: number): Buffer {
  const payload = Buffer.alloc(size, 'x')
  const first = masked(opcode, payload, { fin: false })
  const next = masked(0, payload, { fin: false })
  return Buffer.concat([first, Buffer.alloc((count - 1) * next.length, next)])
}

// First of all, since Node reads its source maps for the first error, and keeps them: what is measured below is not that.
test('a fragment of more than maxPayload ends with 1009', async t => {
  const { delivered, closed, handler } = notes()
  const { open, isOver } = await besieged(t, handler, { ws: { maxPayload: 1 } })
  const client = await open()
  client.write(fragments(TEXT, 1, 2))
  t.match(await client.close(), { code: 1009, reason: /maxPayload, 1 bytes/ })
  await client.end()
  await isOver()
  t.same(delivered, [])
  t.match(closed, [{ code: 1009, initiator: 'local' }])
})

for (const [kind, opcode] of [['text', TEXT], ['binary', BINARY]] as const) {
  test(`a ${kind} in fragments of a byte ends with 1009 at one more than maxPayload, in twice its memory`, async t => {
    const { delivered, closed, handler } = notes()
    const { app, open, othersAreServed, isOver } = await besieged(t, handler)
    const client = await open()
    const bytes = fragments(opcode, 1, MIB)
    const before = held()
    for (let at = 0; at < bytes.length; at += bytes.length / 4) {
      client.write(bytes.subarray(at, at + bytes.length / 4))
      await othersAreServed()
    }
    await until(() => app.sockets.stats().bytesIn >= bytes.length)
    const grown = await heldSince(before, 2 * MIB + 512 * KIB)
    t.ok(grown < 2 * MIB + 512 * KIB, `${grown} bytes for ${MIB}`)
    t.equal(client.received.length, 0, 'it may have as many as that')
    client.write(masked(0, 'x', { fin: false }))
    t.match(await client.close(), { code: 1009, reason: /maxPayload, 1048576 bytes/ })
    await client.end()
    await isOver()
    t.same(delivered, [])
    t.match(closed, [{ code: 1009, initiator: 'local' }])
    const left = await heldSince(before, 768 * KIB)
    t.ok(left < 768 * KIB, `${left} bytes are left of ${bytes.length}`)
  })
}

test('empty fragments without end hold nothing, and the message can still be completed', async t => {
  const { delivered, handler } = notes()
  const { app, open, othersAreServed } = await besieged(t, handler)
  const client = await open()
  const bytes = fragments(BINARY, 0, MIB / 2)
  const before = held()
  for (let i = 0; i < 2; i++) {
    client.write(i === 0 ? bytes : bytes.subarray(6))
    await othersAreServed()
  }
  await until(() => app.sockets.stats().bytesIn >= 2 * bytes.length - 6)
  const grown = await heldSince(before, 256 * KIB)
  t.ok(grown < 256 * KIB, `${grown} bytes for ${bytes.length}`)
  client.write(masked(0, 'at last'))
  await until(() => delivered.length === 1)
  t.equal(String(delivered[0]), 'at last')
})

test('a message that is begun and left is kept while its peer answers pings, and holds what has come', async t => {
  const clock = fakeClock(t)
  const { delivered, handler } = notes()
  const ws = { heartbeat: { interval: 5000, timeout: 5000 } }
  const { app, open, othersAreServed } = await besieged(t, handler, { ws })
  const client = await open()
  const begun = fragments(TEXT, 100 * KIB, 1)
  const before = held()
  client.write(begun)
  await until(() => app.sockets.stats().bytesIn >= begun.length)
  for (let i = 0; i < 20; i++) {
    clock.tick(5000)
    t.equal((await client.frame()).opcode, PING)
    client.send(PONG)
    await othersAreServed()
  }
  const grown = await heldSince(before, 768 * KIB)
  t.ok(grown < 768 * KIB, `${grown} bytes for ${begun.length}`)
  client.send(0, ' and no more')
  await until(() => delivered.length === 1)
  t.equal(delivered[0], `${'x'.repeat(100 * KIB)} and no more`)
})

test('one that falls silent in the middle of a message is cut by the heartbeat, and what came is freed', async t => {
  const clock = fakeClock(t)
  const { delivered, closed, handler } = notes()
  const ws = { heartbeat: { interval: 5000, timeout: 5000 } }
  const { app, open, isOver } = await besieged(t, handler, { ws })
  const client = await open()
  const begun = fragments(BINARY, MIB, 1)
  const before = held()
  client.write(begun)
  await until(() => app.sockets.stats().bytesIn >= begun.length)
  clock.tick(10_000)
  await client.end()
  await isOver()
  t.same(delivered, [])
  t.match(closed, [{ code: 1006, initiator: 'local' }])
  const left = await heldSince(before, 768 * KIB)
  t.ok(left < 768 * KIB, `${left} bytes are left of ${begun.length}`)
})

for (const [name, answer] of [
  ['the message is never completed, and the close frame answered', masked(CLOSE, closeBody(1001))],
  ['more fragments come instead of a close frame', Buffer.concat([masked(0, 'x', { fin: false }), masked(0, 'y')])],
  ['nothing comes any more', Buffer.alloc(0)]
] as const) {
  test(`app.close() is not held up by a message that was begun: ${name}`, async t => {
    const { delivered, closed, handler } = notes()
    const { app, open } = await besieged(t, handler, { ws: { closeTimeout: 3000 } })
    const client = await open()
    client.send(TEXT, 'begun', { fin: false })
    await until(() => app.sockets.stats().bytesIn > 0)
    const clock = fakeClock(t)
    const end = app.close()
    t.equal((await client.close()).code, 1001)
    client.write(answer)
    const clean = answer[0] === 0x88
    if (!clean) {
      await turn()
      clock.tick(3000)
    }
    await client.end()
    await until(() => closed.length === 1)
    t.match(closed, [{ code: 1001, wasClean: clean, initiator: 'local' }])
    t.same(delivered, [])
    // The client that keeps the rules is still to answer.
    clock.tick(5000)
    await end
  })
}
