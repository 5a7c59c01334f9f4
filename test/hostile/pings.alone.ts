import { once } from 'node:events'
import { test } from 'tap'
import type { Socket } from 'fastify-sockets'
import { masked } from '../support/frames.ts'
import { PING, PONG, TEXT } from '../support/opcodes.ts'
import type { RawClient } from '../support/raw-client.ts'
import { turn, until } from '../support/until.ts'
import { besieged, held, heldSince, KIB, MIB } from './support.ts'

const HIGH_WATER_MARK = 16 * KIB
const SIZE = 125
/** What a pong of that size takes on the wire. */
const PONG_SIZE = SIZE + 2
const PINGS = 20_000

/** So many pings that tell which one they are. */
function flood (count: number, from = 0): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => {
    const payload = Buffer.alloc(SIZE)
    payload.writeUInt32BE(from + i)
    return masked(PING, payload)
  }))
}

/** Writes the bytes, no more at a time than the connection takes. */
async function pour (client: RawClient, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += 64 * KIB) {
    if (!client.socket.write(bytes.subarray(at, at + 64 * KIB))) await once(client.socket, 'drain')
  }
}

/** Notes the pings that come, and how much waits to be written then at most. */
function notes () {
  const found = {
    pings: 0,
    most: 0,
    handler: (socket: Socket<any, any>): void => {
      socket.on('ping', () => {
        found.pings++
        found.most = Math.max(found.most, socket.bufferedAmount)
      })
      socket.on('message', message => { socket.send(message) })
    }
  }
  return found
}

test('a flood of pings from a peer that reads is answered, and the pongs do not pile up', async t => {
  const found = notes()
  const { open, othersAreServed } = await besieged(t, found.handler, { ws: { highWaterMark: HIGH_WATER_MARK } })
  const client = await open()
  const answered: number[] = []
  const reading = (async () => {
    while (answered.at(-1) !== PINGS - 1) {
      const { opcode, payload } = await client.frame()
      if (opcode === PONG) answered.push(payload.readUInt32BE())
    }
  })()
  await pour(client, flood(PINGS))
  await othersAreServed()
  await reading
  t.equal(found.pings, PINGS)
  t.ok(found.most <= HIGH_WATER_MARK + PONG_SIZE, `${found.most} bytes waited`)
  t.ok(answered.length > 1)
  t.same(answered, [...answered].sort((a, b) => a - b), 'in order, the last one among them')
  client.send(TEXT, 'served as before')
  t.equal((await client.frame()).payload.toString(), 'served as before')
})

test('a flood of pings from a peer that never reads fills nothing, however long it goes on', async t => {
  const found = notes()
  const ws = { highWaterMark: HIGH_WATER_MARK }
  const { app, open, othersAreServed, isOver } = await besieged(t, found.handler, { ws })
  const client = await open()
  client.socket.pause()
  const bytes = flood(PINGS)
  await pour(client, bytes)
  await until(() => found.pings === PINGS)
  const before = held()
  const rounds = 5
  for (let i = 2; i <= rounds; i++) {
    await pour(client, bytes)
    await othersAreServed()
    await until(() => found.pings === i * PINGS)
  }
  const grown = await heldSince(before, 512 * KIB)
  t.ok(grown < 512 * KIB, `${grown} bytes more for ${(rounds - 1) * bytes.length}`)
  t.ok(found.most <= HIGH_WATER_MARK + PONG_SIZE, `${found.most} bytes waited`)
  t.equal(app.sockets.size, 2, 'it is still connected')
  client.reset()
  await isOver()
})

test('a flood of empty texts where messages are JSON is answered to a peer that reads, and fills nothing of one that does not', async t => {
  const { app, open, othersAreServed, isOver } = await besieged(t, () => {}, {
    ws: { highWaterMark: HIGH_WATER_MARK }, route: { schema: { message: {} } }
  })
  const client = await open()
  const socket = [...app.sockets].find(({ request }) => request.url === '/')!
  const bytes = Buffer.alloc(6 * 200_000, masked(TEXT))
  let answered = 0
  client.socket.on('data', data => { answered += data.length / 2 })
  await pour(client, bytes)
  await othersAreServed()
  await until(() => app.sockets.stats().bytesIn >= bytes.length)
  await until(() => answered > 0 && socket.bufferedAmount === 0)
  t.ok(answered <= 200_000)
  client.received = Buffer.alloc(0)
  client.socket.pause()
  // What lies between the two is full when something waits here.
  while (socket.bufferedAmount <= HIGH_WATER_MARK) await pour(client, bytes)
  const before = held()
  for (let i = 0; i < 5; i++) {
    await pour(client, bytes)
    await othersAreServed()
    t.ok(socket.bufferedAmount <= HIGH_WATER_MARK + 2, `${socket.bufferedAmount} bytes wait`)
  }
  const grown = await heldSince(before, 512 * KIB)
  t.ok(grown < 512 * KIB, `${grown} bytes more`)
  t.equal(app.sockets.stats().messagesIn, app.sockets.stats().messagesOut, 'those of the other')
  t.equal(app.sockets.size, 2, 'it is still connected')
  client.reset()
  await isOver()
})

test('a flood of pongs that nobody asked for holds nothing and settles no ping', async t => {
  let settled = 0
  const { app, open, othersAreServed } = await besieged(t, socket => { socket.ping().then(() => { settled++ }) })
  const client = await open()
  const ping = await client.frame()
  const bytes = Buffer.alloc(4 * MIB, masked(PONG, 'xxxx'))
  const whole = bytes.subarray(0, bytes.length - bytes.length % masked(PONG, 'xxxx').length)
  const before = held()
  await pour(client, whole)
  await othersAreServed()
  await until(() => app.sockets.stats().bytesIn >= whole.length)
  const grown = await heldSince(before, 512 * KIB)
  t.ok(grown < 512 * KIB, `${grown} bytes for ${whole.length}`)
  await turn()
  t.equal(settled, 0)
  client.send(PONG, ping.payload)
  await until(() => settled === 1)
})
