import { test } from 'tap'
import { masked } from '../support/frames.ts'
import { CLOSE, PING, PONG } from '../support/opcodes.ts'
import { codeOf, pair, serve } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

test('ping() resolves with the round trip in milliseconds', async t => {
  const { open } = await serve(t, async socket => {
    const before = performance.now()
    const milliseconds = await socket.ping()
    socket.send(JSON.stringify({ milliseconds, limit: performance.now() - before }))
  })
  const client = await open()
  const ping = await client.frame()
  t.equal(ping.opcode, PING)
  const sentAt = performance.now()
  while (performance.now() - sentAt < 5) await turn()
  client.send(PONG, ping.payload)
  const { milliseconds, limit } = JSON.parse((await client.frame()).payload.toString())
  t.ok(milliseconds >= 5, 'the client took five')
  t.ok(milliseconds <= limit)
})

test('a real client answers ping() by itself', async t => {
  let roundTrip: Promise<number> | undefined
  const { connect } = await serve(t, socket => { roundTrip = socket.ping() })
  await connect()
  t.type(await roundTrip, 'number')
})

test('every ping carries a payload of its own, and one pong answers its ping and all before it', async t => {
  const { client, socket } = await pair(t)
  const settled: number[] = []
  for (let i = 0; i < 3; i++) socket.ping().then(() => { settled.push(i) })
  const pings = [await client.frame(), await client.frame(), await client.frame()]
  t.equal(new Set(pings.map(ping => ping.payload.toString('hex'))).size, 3)
  const pong = new Promise(resolve => { socket.once('pong', resolve) })
  client.send(PONG, pings[1]!.payload)
  await pong
  await turn()
  t.strictSame(settled, [0, 1])
  client.send(PONG, pings[2]!.payload)
  await until(() => settled.length === 3)
})

test('a pong that nobody asked for settles nothing, whatever its length', async t => {
  const { client, socket } = await pair(t)
  let settled = false
  socket.ping().then(() => { settled = true })
  const ping = await client.frame()
  const pongs: string[] = []
  socket.on('pong', payload => { pongs.push(payload.toString('hex')) })
  client.write(Buffer.concat([masked(PONG), masked(PONG, 'long enough'), masked(PONG, Buffer.from('ffffffff', 'hex'))]))
  await until(() => pongs.length === 3)
  await turn()
  t.equal(settled, false)
  client.send(PONG, ping.payload)
  await until(() => settled, 'ping() has settled')
})

test('pongs before the first ping() are ignored', async t => {
  const { client, socket } = await pair(t)
  const pong = new Promise<Buffer>(resolve => { socket.once('pong', resolve) })
  client.send(PONG, 'early')
  t.equal((await pong).toString(), 'early')
  t.equal(socket.state, 'open')
})

test("the ping event carries the peer's payload, and the pong is sent without help", async t => {
  const { client, socket } = await pair(t)
  const ping = new Promise<Buffer>(resolve => { socket.on('ping', resolve) })
  client.send(PING, 'payload')
  t.equal((await ping).toString(), 'payload')
  const pong = await client.frame()
  t.equal(pong.opcode, PONG)
  t.equal(pong.payload.toString(), 'payload')
})

test('the payload of a ping event stays as it was when later bytes arrive', async t => {
  const { client, socket } = await pair(t)
  const pings: Buffer[] = []
  socket.on('ping', payload => { pings.push(payload) })
  client.send(PING, 'first')
  await client.frame()
  client.send(PING, 'other')
  await client.frame()
  t.strictSame(pings.map(String), ['first', 'other'])
})

test('ping() rejects when the connection ends first', async t => {
  const { client, socket } = await pair(t)
  const first = socket.ping()
  const second = socket.ping()
  client.reset()
  t.equal(await codeOf(() => first), 'FST_ERR_WS_NOT_OPEN')
  t.equal(await codeOf(() => second), 'FST_ERR_WS_NOT_OPEN')
})

test('ping() rejects at once on a connection that is closing or closed', async t => {
  const { client, socket } = await pair(t)
  socket.close()
  t.equal(await codeOf(() => socket.ping()), 'FST_ERR_WS_NOT_OPEN')
  t.equal((await client.close()).code, 1000, 'and sends nothing')
  client.send(CLOSE)
  await socket.closed
  t.equal(await codeOf(() => socket.ping()), 'FST_ERR_WS_NOT_OPEN')
})

test('a pong that crosses our close frame still answers its ping', async t => {
  const { client, socket } = await pair(t)
  const roundTrip = socket.ping()
  const ping = await client.frame()
  socket.close()
  client.send(PONG, ping.payload)
  t.type(await roundTrip, 'number')
})

test('a ping() whose rejection the handler does not catch is no failure of the handler', async t => {
  let failures = 0
  let handlerLeft = false
  const { open, app } = await serve(t, async socket => {
    try {
      await socket.ping()
    } finally {
      handlerLeft = true
    }
  }, { onError: () => { failures++ } })
  const client = await open()
  await client.frame()
  client.reset()
  await until(() => handlerLeft && app.sockets.size === 0)
  await turn()
  t.equal(failures, 0)
  t.strictSame(app.lines.filter(line => line.level >= 50), [])
})

test('pings of the peer are not answered once we have closed', async t => {
  const { client, socket } = await pair(t)
  let pings = 0
  socket.on('ping', () => { pings++ })
  socket.close()
  t.equal((await client.close()).code, 1000)
  client.write(Buffer.concat([masked(PING, 'late'), masked(CLOSE)]))
  await client.end()
  t.equal(client.received.length, 0)
  t.equal(pings, 0)
})
