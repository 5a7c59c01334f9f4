import { test } from 'tap'
import { clientClosed } from '../support/app.ts'
import { Crowd, FRAME, numbered, numbers, OVERHEAD, PEERS, SIZE } from './crowd.ts'
import { KIB } from './support.ts'

const HIGH_WATER_MARK = 64 * KIB
const MAX_QUEUED = 64 * KIB
/** What a single read may bring beyond the limit, at most. */
const ONE_READ = 512 * KIB

test('handlers that wait for drained() hold highWaterMark for each of twenty peers and lose nothing', async t => {
  const server = await Crowd.start(t)
  const clients = await server.join('/patient')
  const before = await server.ask('collect')
  const found = numbers(clients)
  const ends = Promise.all(clients.map(clientClosed))
  for (const client of clients) client.pause()
  await server.ask('openGate')
  await server.until(({ bufferedAmount }) => bufferedAmount >= PEERS * HIGH_WATER_MARK)
  const stalled = await server.ask('collect')
  const grown = stalled.held - before.held
  t.ok(grown < PEERS * (HIGH_WATER_MARK + FRAME + OVERHEAD), `${grown} bytes are held`)
  await server.othersAreServed()
  // A third reads on, a third stops after every message.
  for (const [i, client] of clients.entries()) {
    if (i % 3 === 0) client.resume()
    if (i % 3 !== 1) continue
    client.resume()
    client.on('message', () => {
      client.pause()
      setImmediate(() => client.resume())
    })
  }
  await server.until(({ closed }) => closed >= PEERS / 3)
  for (const client of clients) client.resume()
  const infos = await ends
  const { drained, mostBuffered, droppedBySocket } = await server.until(({ open }) => open === 1)
  t.ok(drained >= PEERS, `${drained} times drained`)
  t.ok(mostBuffered <= HIGH_WATER_MARK + FRAME, `${mostBuffered} bytes waited for one`)
  t.same(droppedBySocket, Array(PEERS).fill(0))
  t.same(infos, found.map(one => ({ code: 1000, reason: String(one.length) })), 'all that was sent has come')
  t.ok(found.every(one => one.every((number, i) => number === i)), 'in order')
})

test('handlers slower than their twenty peers hold maxQueued for each and get everything in order', async t => {
  const server = await Crowd.start(t)
  const clients = await server.join('/slow')
  const before = await server.ask('collect')
  const count = 128
  for (let i = 0; i < count; i++) {
    const message = numbered(i)
    for (const client of clients) client.send(message)
  }
  // The handler has one; of the others each counts 64 bytes besides, and the last one goes past the limit.
  const taken = PEERS * (1 + Math.floor(MAX_QUEUED / (SIZE + 64)) + 1)
  let full = await server.until(({ messagesIn }) => messagesIn >= taken)
  for (let before = 0; before !== full.bytesIn; full = await server.ask('collect')) before = full.bytesIn
  t.equal(full.messagesIn, taken)
  const grown = full.held - before.held
  t.ok(grown < PEERS * (MAX_QUEUED + FRAME + ONE_READ + OVERHEAD), `${grown} bytes are held`)
  await server.othersAreServed()

  await server.ask('openGate')
  const { misplaced, messagesIn } = await server.until(({ handled }) => handled === PEERS * count)
  t.equal(misplaced, 0)
  t.equal(messagesIn, PEERS * count + 1)
})
