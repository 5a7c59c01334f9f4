import type { ServerHttp2Stream } from 'node:http2'
import { test, type Test } from 'tap'
import type { Line } from '../../lib/client/line.ts'
import { selfSigned } from '../support/certificate.ts'
import { frame } from '../support/frames.ts'
import { TEXT } from '../support/opcodes.ts'
import { turn, until } from '../support/until.ts'
import { accept, type Served, served } from './http2-server.ts'
import { dialer, messages } from './support.ts'

const { cert } = await selfSigned()
const TLS = { tls: { ca: cert } }
const text = (payload: string): Buffer => frame(TEXT, payload)

/** A server that accepts every WebSocket, and does with it what the test says. */
function accepting (t: Test, accepted: (stream: ServerHttp2Stream) => void = () => {}, settings: object = {}): Promise<Served> {
  return served(t, stream => {
    accept(stream)
    accepted(stream)
  }, { enableConnectProtocol: true, ...settings })
}

test('no session has more streams than its server allows', async t => {
  const { url, sessions, streams } = await accepting(t, () => {}, { maxConcurrentStreams: 2 })
  const dial = dialer(t, TLS)
  const lines = [1, 2, 3, 4, 5].map(() => dial(url))
  await Promise.all(lines.map(({ opened }) => opened))
  t.equal(sessions.length, 3)
  lines[0]!.line.drop()
  await until(() => streams.some(({ closed }) => closed))
  await dial(url).opened
  t.ok(sessions.length <= 4)
})

test('a server that allows no streams is asked once, and the line waits', async t => {
  const { url, sessions } = await accepting(t, () => {}, { maxConcurrentStreams: 0 })
  const { line, heard } = dialer(t, TLS)(url)
  await until(() => sessions.length === 1)
  // A client that has no use for the session would have left it after the first answer.
  for (const name of ['first', 'second']) {
    t.equal(await new Promise(resolve => { sessions[0]!.ping(error => resolve(error)) }), null, name)
  }
  line.drop()
  await until(() => sessions[0]!.destroyed)
  t.equal(sessions.length, 1)
  t.same(heard, [])
})

test('what comes with the answer is not lost: messages, and the end', async t => {
  const { url } = await accepting(t, stream => {
    stream.end(Buffer.concat([text('a'), text('b'), Buffer.from([0x88, 2, 0x0F, 0xA0])]))
  })
  const dialled = dialer(t, TLS)(url)
  t.match(await dialled.ended, { code: 4000, wasClean: true, initiator: 'remote' })
  t.same(dialled.heard, ['open', 'a', 'b', 'end'])
})

test('a violation with the answer comes after the message before it', async t => {
  const { url } = await accepting(t, stream => { stream.write(Buffer.concat([text('a'), Buffer.from([0x83, 0])])) })
  const dialled = dialer(t, TLS)(url)
  t.match(await dialled.ended, { code: 1002, initiator: 'local', error: { code: 'FST_ERR_WS_PROTOCOL' } })
  t.same(dialled.heard, ['open', 'a', 'end'])
})

test('a stream that ends without a closing handshake ends the line once, and no other', async t => {
  const { url, streams } = await accepting(t)
  const dial = dialer(t, TLS)
  const [ended, reset, stays] = [dial(url), dial(url), dial(url)]
  await Promise.all([ended, reset, stays].map(({ opened }) => opened))
  streams[0]!.end()
  streams[1]!.close(8)
  t.match(await ended.ended, { code: 1006, wasClean: false, initiator: 'remote' })
  t.match(await reset.ended, { code: 1006, wasClean: false, initiator: 'remote' })
  await turn()
  t.same(ended.heard, ['open', 'end'])
  t.same(reset.heard, ['open', 'end'])
  t.same(stays.heard, ['open'])
})

test('an answer that is reset at once ends the line once', async t => {
  const { url, sessions } = await accepting(t, stream => stream.close(8))
  const dialled = dialer(t, TLS)(url)
  t.match(await dialled.ended, { code: 1006, initiator: 'remote' })
  await until(() => sessions[0]!.destroyed)
  t.equal(dialled.heard.filter(one => one === 'end').length, 1)
})

test('a line that is paused holds little, and keeps no other waiting', async t => {
  const part = text('x'.repeat(10_000))
  const sent = new Map<ServerHttp2Stream, number>()
  // More than one stream may have on its way, and than all may have together.
  const COUNT = 3000
  const { url, streams } = await accepting(t, stream => {
    sent.set(stream, 0)
    const more = (): void => {
      const count = sent.get(stream)!
      if (count === COUNT || stream.destroyed) return
      sent.set(stream, count + 1)
      stream.write(part, more)
    }
    more()
  })
  const dial = dialer(t, TLS)
  const lines: Line[] = []
  const paused = [0, 1].map(i => dial(url, {}, { onOpen: () => lines[i]!.pause!() }))
  lines.push(...paused.map(({ line }) => line))
  await Promise.all(paused.map(({ opened }) => opened))
  const busy = dial(url)
  await messages(busy, COUNT)
  t.equal(streams.length, 3)
  t.equal(new Set(streams.map(({ session }) => session)).size, 1, 'one session')
  for (const [i, { line, heard }] of paused.entries()) {
    t.ok(sent.get(streams[i]!)! * part.length < 4_000_000, `${sent.get(streams[i]!)} of ${COUNT}`)
    t.ok(heard.length < 10, `${heard.length} before it is paused`)
    line.resume!()
    await messages(paused[i]!, COUNT)
  }
})
