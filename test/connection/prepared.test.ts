import { AsyncLocalStorage } from 'node:async_hooks'
import { DeflateRaw } from 'node:zlib'
import { test, type Test } from 'tap'
import type { PreparedMessage, Socket } from 'fastify-sockets'
import { at, type Due, TURN_END } from '../../lib/connection/due.ts'
import { createApp } from '../support/app.ts'
import { inflate, inflateStrictly, OFFER, original, RSV1 } from '../support/deflate.ts'
import { RawClient } from '../support/raw-client.ts'
import { listenTo, pair, serve, type Served, stall } from '../support/serve.ts'
import { noise } from '../support/splits.ts'
import { transportOf } from '../support/transport.ts'
import { turn, until } from '../support/until.ts'

type AnySocket = Socket<any, any>

/** So large that it is deflated in the thread pool. */
const LARGE = Buffer.concat([noise(20_000), Buffer.alloc(20_000)])
const TAKEOVER = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }

/** How often zlib is given a message to deflate, in the calling thread and in the thread pool. */
function countDeflating (t: Test): { now: number, later: number } {
  const counts = { now: 0, later: 0 }
  const prototype = DeflateRaw.prototype as any
  const { _processChunk: processChunk, _transform: transform } = prototype
  prototype._processChunk = function (...args: unknown[]) {
    counts.now++
    return processChunk.apply(this, args)
  }
  prototype._transform = function (...args: unknown[]) {
    counts.later++
    transform.apply(this, args)
  }
  t.teardown(() => Object.assign(prototype, { _processChunk: processChunk, _transform: transform }))
  return counts
}

/** A room where connections compress in every way. */
async function room (t: Test): Promise<{ app: Served['app'], clients: Array<{ client: RawClient, read: (count: number) => Promise<string[]> }> }> {
  const app = createApp(t)
  app.get('/', { ws: { deflate: { threshold: 100 } } }, () => {})
  app.get('/takeover', { ws: { deflate: { threshold: 100, contextTakeover: true } } }, () => {})
  app.get('/other', { ws: { deflate: { threshold: 100, windowBits: 10 } } }, () => {})
  app.get('/patient', { ws: { deflate: { threshold: 1_000_000 } } }, () => {})
  const { port } = await listenTo(t, app)
  const clients = []
  for (const url of ['/', '/', '/takeover', '/other', '/patient', '/plain', '/', '/takeover', '/other']) {
    const { opened } = app.sockets.stats()
    const client = await RawClient.open(port, url.replace('plain', ''), url === '/plain' ? {} : url === '/takeover' ? TAKEOVER : OFFER)
    t.teardown(() => client.destroy())
    await until(() => app.sockets.stats().opened > opened)
    const compressed: Buffer[] = []
    async function read (count: number): Promise<string[]> {
      const texts = []
      while (texts.length < count) {
        const frame = await client.frame()
        if (frame.rsv !== RSV1) texts.push(frame.payload.toString())
        else if (url !== '/takeover') texts.push(inflate(frame.payload).toString())
        else {
          const before = compressed.length === 0 ? 0 : inflateStrictly(compressed).length
          compressed.push(frame.payload)
          texts.push(inflateStrictly(compressed).subarray(before).toString())
        }
      }
      return texts
    }
    clients.push({ client, read })
  }
  return { app, clients }
}

test('in a room where some compress, with and without takeover, and some do not, all get the same in the same order', async t => {
  const { app, clients } = await room(t)
  const messages = Array.from({ length: 60 }, (_, n) => `${n} `.repeat([3, 60, 500, 9000][n % 4]!))
  for (const [n, text] of messages.entries()) {
    const message = n % 7 === 0 ? text : app.sockets.prepare(text)
    for (const socket of app.sockets) socket.send(message)
    if (n % 11 === 0) await turn()
  }
  for (const { read } of clients) t.same(await read(messages.length), messages)
})

test('a message is compressed once for each window, and for each connection with context takeover', async t => {
  const { app, clients } = await room(t)
  const counts = countDeflating(t)
  for (const [size, wanted] of [[1000, { now: 4, later: 0 }], [40_000, { now: 0, later: 4 }]] as const) {
    Object.assign(counts, { now: 0, later: 0 })
    const text = 'ab '.repeat(size)
    const message = app.sockets.prepare(text)
    for (const socket of app.sockets) socket.send(message)
    for (const { read } of clients) t.same(await read(1), [text])
    for (const socket of app.sockets) if (socket.request.url !== '/takeover') socket.send(message)
    for (const [n, { read }] of clients.entries()) if (n !== 2 && n !== 7) t.same(await read(1), [text])
    t.same(counts, wanted, 'not when it is sent again either')
  }
})

test('what does not become smaller goes uncompressed, and zlib is asked once', async t => {
  const { app, open } = await serve(t, () => {}, { deflate: { threshold: 0 } })
  const clients = [await open(OFFER), await open(OFFER)]
  const counts = countDeflating(t)
  for (const payload of [noise(1000), noise(30_000)]) {
    const message = app.sockets.prepare(payload)
    for (const socket of app.sockets) socket.send(message)
    for (const client of clients) t.match(await client.frame(), { rsv: 0, payload })
  }
  t.same(counts, { now: 1, later: 1 })
})

interface Room {
  app: Served['app']
  sockets: AnySocket[]
  clients: RawClient[]
  /** The errors that each socket has told. */
  errors: string[][]
}

/** Connections that compress without context takeover. */
async function compressing (t: Test, count: number, onError: (n: number) => void = () => {}): Promise<Room> {
  const sockets: AnySocket[] = []
  const errors: string[][] = []
  const { app, open } = await serve(t, socket => {
    const n = sockets.push(socket) - 1
    errors.push([])
    socket.on('error', ({ message }: Error) => {
      errors[n]!.push(message)
      onError(n)
    })
  }, { deflate: true })
  const clients: RawClient[] = []
  for (let i = 0; i < count; i++) clients.push(await open(OFFER))
  return { app, sockets, clients, errors }
}

/** They wait for the same message to be deflated, and have another one behind it. */
function sendToAll ({ app, sockets }: Room): PreparedMessage<Buffer> {
  const message = app.sockets.prepare(LARGE)
  for (const socket of sockets) {
    socket.send(message)
    socket.send('behind')
  }
  return message
}

async function getsBoth (t: Test, client: RawClient): Promise<void> {
  t.ok(original(await client.frame()).equals(LARGE))
  t.equal((await client.frame()).payload.toString(), 'behind')
}

for (const [who, gone] of [['the one that has begun it', 0], ['another', 2]] as const) {
  test(`when ${who} is cut while a message is deflated for many, the others get it`, async t => {
    const room = await compressing(t, 4)
    const counts = countDeflating(t)
    sendToAll(room)
    // What it costs to wait, as for any other message.
    for (const { bufferedAmount } of room.sockets) t.equal(bufferedAmount, LARGE.length + 'behind'.length + 64)
    room.sockets[gone]!.terminate()
    for (const [n, client] of room.clients.entries()) if (n !== gone) await getsBoth(t, client)
    await room.clients[gone]!.end()
    t.equal(room.clients[gone]!.received.length, 0)
    t.same(counts, { now: 0, later: 1 })
    for (const { bufferedAmount } of room.sockets) t.equal(bufferedAmount, 0)
  })

  test(`when ${who} closes meanwhile, it gets what was sent before and then the close frame`, async t => {
    const room = await compressing(t, 3)
    sendToAll(room)
    void room.sockets[gone]!.close(4000)
    for (const client of room.clients) await getsBoth(t, client)
    t.equal((await room.clients[gone]!.close()).code, 4000)
  })
}

test('when all who wait are gone, their job is given up, and a later send() has another one', async t => {
  const room = await compressing(t, 3)
  const counts = countDeflating(t)
  const message = sendToAll(room)
  room.sockets[0]!.terminate()
  room.sockets[1]!.terminate()
  await turn()
  t.equal(counts.later, 1)
  room.sockets[2]!.terminate()
  const next = await compressing(t, 2)
  for (const socket of next.sockets) {
    socket.send(message)
    socket.send('behind')
  }
  for (const client of next.clients) await getsBoth(t, client)
  t.equal(counts.later, 2)
  next.sockets[0]!.send(message)
  t.ok(original(await next.clients[0]!.frame()).equals(LARGE))
  t.equal(counts.later, 2, 'what is there is kept')
})

test('a job that nobody waits for any more when its turn comes is not begun', async t => {
  const room = await compressing(t, 6)
  const counts = countDeflating(t)
  const message = room.app.sockets.prepare(LARGE)
  // As many as there are at a time.
  for (const socket of room.sockets.slice(0, 4)) socket.send(noise(100_000))
  for (const socket of room.sockets.slice(4)) {
    socket.send(message)
    socket.terminate()
  }
  for (const client of room.clients.slice(0, 4)) t.equal((await client.frame()).payload.length, 100_000)
  room.sockets[0]!.send('last')
  await room.clients[0]!.frame()
  t.equal(counts.later, 4)
})

/** Has zlib fail until the test ends, or until what it returns is called. */
function failing (t: Test, name: 'write' | '_processChunk', replacement: (...args: any[]) => unknown): () => void {
  const prototype = DeflateRaw.prototype as any
  const original = prototype[name]
  const restore = (): void => { prototype[name] = original }
  t.teardown(restore)
  prototype[name] = replacement
  return restore
}

test('when zlib fails in the thread pool all who wait are closed, whatever they do then; a later send() tries again', async t => {
  // One cuts another, and sends again on one that still waits.
  let message: PreparedMessage<Buffer>
  const room = await compressing(t, 4, n => {
    if (n !== 0) return
    room.sockets[1]!.terminate()
    room.sockets[3]!.send(message)
  })
  const restore = failing(t, 'write', (_chunk, done) => {
    process.nextTick(done, new Error('no memory'))
    return true
  })
  message = sendToAll(room)
  for (const n of [0, 2, 3]) t.equal((await room.clients[n]!.close()).code, 1011)
  await room.clients[1]!.end()
  t.same(room.errors.toSpliced(1, 1), [['no memory'], ['no memory'], ['no memory']])
  for (const { bufferedAmount } of room.sockets) t.equal(bufferedAmount, 0)
  restore()
  const next = await compressing(t, 1)
  next.sockets[0]!.send(message)
  t.ok(original(await next.clients[0]!.frame()).equals(LARGE))
})

test('when zlib fails at once each connection that sends it is closed, until it does not fail', async t => {
  const room = await compressing(t, 3)
  const message = room.app.sockets.prepare('a'.repeat(2000))
  const restore = failing(t, '_processChunk', () => { throw new Error('no memory') })
  for (const n of [0, 1]) {
    room.sockets[n]!.send(message)
    t.equal((await room.clients[n]!.close()).code, 1011)
  }
  restore()
  room.sockets[2]!.send(message)
  t.equal(original(await room.clients[2]!.frame()).toString(), 'a'.repeat(2000))
})

test('each is told in its own AsyncLocalStorage what has become of a message that they share', async t => {
  const store = new AsyncLocalStorage<number>()
  const stores: unknown[] = []
  const room = await compressing(t, 3, () => { stores.push(store.getStore()) })
  failing(t, 'write', (_chunk, done) => {
    process.nextTick(done, new Error('no memory'))
    return true
  })
  const message = room.app.sockets.prepare(LARGE)
  for (const [n, socket] of room.sockets.entries()) store.run(n, () => { socket.send(message) })
  for (const client of room.clients) await client.close()
  t.same(stores, [0, 1, 2])
})

test('messages that are sent to many in one turn leave in one write', async t => {
  const { app, client, socket } = await pair(t)
  const writes: number[] = []
  const transport = transportOf(socket) as any
  const { _write: write, _writev: writev } = transport
  transport._write = (chunk: Buffer, ...rest: unknown[]) => {
    writes.push(chunk.length)
    write.call(transport, chunk, ...rest)
  }
  transport._writev = (chunks: Array<{ chunk: Buffer }>, ...rest: unknown[]) => {
    writes.push(chunks.reduce((sum, { chunk }) => sum + chunk.length, 0))
    writev.call(transport, chunks, ...rest)
  }
  const message = app.sockets.prepare('abc')
  socket.send(message)
  await Promise.resolve()
  socket.send(message)
  await new Promise(resolve => { process.nextTick(resolve) })
  socket.send(message)
  t.same(writes, [])
  await client.frame()
  t.same(writes, [15])
  socket.send(message)
  socket.send('own')
  for (let n = 0; n < 4; n++) await client.frame()
  t.same(writes, [15, 10], 'with one of its own they leave as soon as that')
})

test('very many are told in more than one turn, in their order, and in no AsyncLocalStorage', async t => {
  const store = new AsyncLocalStorage<string>()
  const told: number[] = []
  const stores = new Set<unknown>()
  const wait = (n: number): void => {
    const one: Due = {
      onDue () {
        told.push(n)
        stores.add(store.getStore())
      }
    }
    store.run('somebody', () => { at(TURN_END, one) })
  }
  for (let n = 0; n < 2500; n++) wait(n)
  await turn()
  t.ok(told.length > 0 && told.length < 2500, `${told.length}`)
  wait(2500)
  await until(() => told.length === 2501)
  t.same(told, Array.from({ length: 2501 }, (_, n) => n))
  t.same([...stores], [undefined])
})

test('behind peers that do not read, frames of many sizes stay in order, also among those of their own', async t => {
  const { app, open } = await serve(t, () => {}, { maxBuffered: 100_000_000 })
  const clients = [await open(), await open(), await open()]
  const sockets = [...app.sockets]
  const wanted: string[][] = [[], [], []]
  const skipped = []
  for (const [n, socket] of sockets.entries()) skipped.push(await stall(clients[n]!, socket))
  for (let n = 0; n < 6000; n++) {
    const text = `${n}`.padEnd([0, 30, 100, 700, 2100][n % 11 % 5]!)
    const message = app.sockets.prepare(text)
    for (const [i, socket] of sockets.entries()) {
      // One falls behind later, one has many of its own.
      if (i === 1 && n < 40) continue
      socket.send(i === 2 && n % 4 === 0 ? text : message)
      wanted[i]!.push(text)
    }
    if (n % 300 === 0) await turn()
  }
  for (const [i, client] of clients.entries()) {
    client.socket.resume()
    for (let n = 0; n < skipped[i]!; n++) await client.frame()
    const got = []
    while (got.length < wanted[i]!.length) got.push((await client.frame()).payload.toString())
    t.same(got, wanted[i])
    await sockets[i]!.drained()
  }
})

test('tiny frames without end fill a run, and another one is begun', async t => {
  const { app, client, socket } = await pair(t)
  const message = app.sockets.prepare('')
  for (let n = 0; n < 3000; n++) socket.send(message)
  for (let n = 0; n < 3000; n++) if ((await client.frame()).size !== 2) t.fail(`frame ${n}`)
})
