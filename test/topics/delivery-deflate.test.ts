import { constants, createInflateRaw, DeflateRaw } from 'node:zlib'
import { test } from 'tap'
import { Deflation } from '../../lib/deflate/deflater.ts'
import { OFFER, original, RSV1, TAIL } from '../support/deflate.ts'
import type { WireFrame } from '../support/frames.ts'
import { turn } from '../support/until.ts'
import { numbers, stage, text, texts, textsSoFar, writesOf } from './stage.ts'

const DEFLATE = { threshold: 100 }
const TOPICS = ['a', 'b']

/** How often a message is compressed from now on: in the calling thread, and in the thread pool. */
function compressions (t: Parameters<typeof stage>[0]): { now: number, later: number } {
  const count = { now: 0, later: 0 }
  for (const name of ['now', 'later'] as const) {
    const calls = t.capture(Deflation.prototype as any, name, (Deflation.prototype as any)[name])
    Object.defineProperty(count, name, { get: () => calls.args().length, enumerable: true })
  }
  return count
}

test('compressed once for all who agreed on the same, and joined with what is not', async t => {
  const { app, open } = await stage(t, undefined, { plugin: { deflate: DEFLATE } })
  const all = []
  for (const headers of [OFFER, OFFER, OFFER, {}]) {
    const one = await open('/', headers)
    for (const topic of TOPICS) await one.socket.subscribe(topic)
    all.push({ ...one, writes: writesOf(one.socket) })
  }
  const count = compressions(t)
  const messages = ['short', 'long'.repeat(100), 'shorter', 'longer'.repeat(100)]
  for (const [i, message] of messages.entries()) void app.sockets.publish(TOPICS[i % 2]!, message)
  await turn()
  for (const [i, { client, writes }] of all.entries()) {
    const frames: WireFrame[] = []
    for (let n = 0; n < 4; n++) frames.push(await client.frame())
    t.strictSame(frames.map(frame => original(frame).toString()), messages)
    t.same(frames.map(({ rsv }) => rsv), i < 3 ? [0, RSV1, 0, RSV1] : [0, 0, 0, 0])
    t.equal(writes.length, 1)
  }
  t.same({ ...count }, { now: 2, later: 0 })
})

test('each group that agreed on another window has bytes of its own', async t => {
  const { app, open } = await stage(t, undefined, { plugin: { deflate: DEFLATE } })
  const all = []
  for (const bits of [15, 9, 15, 9, 10]) {
    const one = await open('/', { 'Sec-WebSocket-Extensions': `permessage-deflate; server_max_window_bits=${bits}` })
    for (const topic of TOPICS) await one.socket.subscribe(topic)
    all.push(one)
  }
  const count = compressions(t)
  const message = Array.from({ length: 300 }, (_, i) => `line ${i % 100}`).join()
  for (const topic of TOPICS) void app.sockets.publish(topic, message)
  await turn()
  for (const one of all) t.strictSame(await texts(one.client, 2), [message, message])
  t.same({ ...count }, { now: 6, later: 0 })
})

test('with context takeover each compresses for itself', async t => {
  const { app, open } = await stage(t, undefined, { plugin: { deflate: { ...DEFLATE, contextTakeover: true } } })
  const one = await open('/', OFFER)
  for (const topic of TOPICS) await one.socket.subscribe(topic)
  const message = 'long'.repeat(100)
  const inflate = createInflateRaw({ finishFlush: constants.Z_SYNC_FLUSH })
  let out = ''
  inflate.on('data', chunk => { out += chunk })
  for (const topic of TOPICS) void app.sockets.publish(topic, message)
  await turn()
  const sizes = []
  for (let i = 0; i < 2; i++) {
    const { payload, rsv } = await one.client.frame()
    t.equal(rsv, RSV1)
    sizes.push(payload.length)
    await new Promise<void>(resolve => { inflate.write(Buffer.concat([payload, TAIL]), () => { resolve() }) })
  }
  t.equal(out, message + message)
  t.ok(sizes[1]! < sizes[0]!, 'it refers to the first')
  void app.sockets.publish('a', 'short')
  t.equal(await text(one.client), 'short')
})

test('a large message is compressed in the thread pool, once, and keeps its place', async t => {
  const { app, open } = await stage(t, undefined, { plugin: { deflate: DEFLATE } })
  const all = []
  for (const headers of [OFFER, OFFER, {}]) {
    const one = await open('/', headers)
    for (const topic of TOPICS) await one.socket.subscribe(topic)
    all.push(one)
  }
  const count = compressions(t)
  const large = 'large'.repeat(10_000)
  const messages = ['m0', large, 'm2', 'm3'.repeat(100)]
  for (const [i, message] of messages.entries()) void app.sockets.publish(TOPICS[i % 2]!, message)
  await turn()
  void app.sockets.publish('a', 'm4')
  all[0]!.socket.send('sent')
  void app.sockets.publish('b', 'm5')
  t.strictSame(await texts(all[0]!.client, 7), [...messages, 'm4', 'sent', 'm5'])
  for (const { client } of all.slice(1)) t.strictSame(await texts(client, 6), [...messages, 'm4', 'm5'])
  t.same({ ...count }, { now: 1, later: 1 })
  for (const one of all) t.same(await textsSoFar(one), [])
})

test('a message that does not become smaller, and an empty one where the threshold is 0', async t => {
  const { app, open } = await stage(t, undefined, { plugin: { deflate: { threshold: 0 } } })
  const one = await open('/', OFFER)
  await one.socket.subscribe('a')
  for (const message of ['', 'x', 'yy'.repeat(50)]) void app.sockets.publish('a', message)
  const frames = [await one.client.frame(), await one.client.frame(), await one.client.frame()]
  t.same(frames.map(({ rsv }) => rsv), [0, 0, RSV1])
  t.same(frames.map(frame => original(frame).toString()), ['', 'x', 'yy'.repeat(50)])
})

test('if zlib fails, the connection is closed, and the others get their messages', async t => {
  const { app, open } = await stage(t, undefined, { plugin: { deflate: DEFLATE } })
  const one = await open('/', OFFER)
  const other = await open()
  for (const { socket } of [one, other]) await socket.subscribe('a')
  const errors: Error[] = []
  one.socket.on('error', error => { errors.push(error) })
  t.intercept(DeflateRaw.prototype as any, '_processChunk', { value: () => { throw new Error('zlib failed') } })
  for (const message of numbers(2)) void app.sockets.publish('a', message.repeat(100))
  t.strictSame(await texts(other.client, 2), numbers(2).map(message => message.repeat(100)))
  t.match(await one.client.close(), { code: 1011 })
  t.match(errors, [{ message: 'zlib failed' }])
})
