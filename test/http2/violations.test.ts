import { test } from 'tap'
import type { CloseInfo } from 'fastify-sockets'
import { listen } from '../support/app.ts'
import {
  connectFields, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, http2Frame, SETTINGS, uint32, WINDOW_UPDATE
} from '../support/http2-frames.ts'
import { uncaught } from '../support/uncaught.ts'
import { turn, until } from '../support/until.ts'
import { RawSession } from './raw.ts'
import { http2App } from './support.ts'

const NO_ERROR = uint32(0)
const goAway = http2Frame(GOAWAY, 0, 0, Buffer.concat([NO_ERROR, NO_ERROR]))
const onNoStream = http2Frame(DATA, 0, 0, Buffer.from('x'))

/** What ends a connection of HTTP/2 (RFC 9113 §5.4.1). */
const VIOLATIONS: Array<[name: string, bytes: Buffer]> = [
  ['data on stream 0', onNoStream],
  ['data on a stream that is not open', http2Frame(DATA, 0, 9, Buffer.from('x'))],
  ['headers that HPACK cannot read', http2Frame(HEADERS, END_HEADERS, 5, Buffer.alloc(7, 0xff))],
  ['settings on a stream', http2Frame(SETTINGS, 0, 1, Buffer.alloc(6))],
  ['a window that is too large', http2Frame(WINDOW_UPDATE, 0, 0, uint32(0x7fffffff))],
  ['a frame that is too large', Buffer.alloc(200, 0xff)],
  ['the same when it has gone away', Buffer.concat([goAway, onNoStream])]
]

for (const [name, bytes] of VIOLATIONS) {
  for (const resets of [false, true]) {
    test(`a client sends ${name}${resets ? ', and resets' : ''}: its sockets end at once, with 1006`, async t => {
      const found = uncaught(t)
      const app = http2App(t, { heartbeat: false })
      const infos: CloseInfo[] = []
      app.get('/', { ws: true }, socket => { socket.on('close', info => { infos.push(info) }) })
      let sessions = 0
      app.server.on('session', session => {
        sessions++
        session.on('close', () => { sessions-- })
      })
      const port = await listen(app)
      const session = await RawSession.open(t, port)
      for (const id of [1, 3]) session.connect(id, connectFields('/'))
      await until(() => app.sockets.size === 2)
      session.send(bytes)
      if (resets) session.socket.resetAndDestroy()
      await until(() => infos.length === 2)
      t.same(infos.map(({ code, wasClean }) => [code, wasClean]), [[1006, false], [1006, false]])
      await until(() => sessions === 0 && session.closed)
      if (!resets) t.ok(session.of(0, GOAWAY).length > 0, 'it was told')
      t.same(found, [])
    })
  }
}

test('a session that breaks HTTP/2 while nothing is under way is cut, too', async t => {
  const app = http2App(t)
  app.get('/', { ws: true }, () => {})
  const session = await RawSession.open(t, await listen(app))
  session.send(onNoStream)
  await until(() => session.closed)
})

test('a session that goes away keeps its sockets, and ends after them', async t => {
  const app = http2App(t, { heartbeat: false })
  const received: unknown[] = []
  app.get('/', { ws: true }, socket => { socket.on('message', message => { received.push(message) }) })
  const session = await RawSession.open(t, await listen(app))
  session.connect(1, connectFields('/'))
  await until(() => app.sockets.size === 1)
  session.send(goAway)
  for (let i = 0; i < 10; i++) await turn()
  t.equal(app.sockets.size, 1)
  t.equal(session.closed, false)
  session.send(http2Frame(DATA, END_STREAM, 1))
  await until(() => app.sockets.size === 0)
  await until(() => session.closed)
})
