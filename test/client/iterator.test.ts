import { test } from 'tap'
import { turn, until } from '../support/until.ts'
import { BUILDS, connect } from './builds.ts'
import { stage } from './fake-line.ts'
import { serve } from './serve.ts'

for (const build of BUILDS) {
  test(`${build.name}: a loop gets the messages of several lives in order, and ends when the socket has closed`, async t => {
    const { url, sockets } = await serve(t, socket => {
      const life = sockets.length
      for (let i = 0; i < 3; i++) socket.send([life, i])
      void socket.close(life < 3 ? 1012 : 1000)
    })
    const socket = connect(t, build, url)
    const found: unknown[] = []
    for await (const message of socket) found.push(message)
    t.strictSame(found, [[1, 0], [1, 1], [1, 2], [2, 0], [2, 1], [2, 2], [3, 0], [3, 1], [3, 2]])
    t.match(await socket.closed, { code: 1000, wasClean: true, initiator: 'remote' })
  })

  for (const [how, leave] of [
    ['break', async (socket: AsyncIterable<any>) => { for await (const _ of socket) break }],
    ['return', async (socket: AsyncIterable<any>) => { for await (const _ of socket) return }],
    ['throw', async (socket: AsyncIterable<any>) => { for await (const _ of socket) throw new Error('mine') }]
  ] as const) {
    test(`${build.name}: ${how} in the loop closes the socket`, async t => {
      const { url, socket: served } = await serve(t, socket => { socket.send('x') })
      const socket = connect(t, build, url)
      const left = leave(socket)
      if (how === 'throw') await t.rejects(left, { message: 'mine' })
      else await left
      t.match(await (await served(0)).closed, { code: 1000, wasClean: true, initiator: 'remote' })
      t.match(await socket.closed, { code: 1000, wasClean: true, initiator: 'local' })
      t.equal(socket.state, 'closed')
    })
  }

  test(`${build.name}: a slow loop loses nothing`, async t => {
    const { url } = await serve(t, socket => {
      for (let i = 0; i < 1000; i++) socket.send(i)
      void socket.close(1000)
    })
    let next = 0
    for await (const message of connect(t, build, url)) {
      if (message !== next++) throw new Error(`found ${message} in place of ${next - 1}`)
      if (next % 100 === 0) await turn()
    }
    t.equal(next, 1000)
  })
}

test('several calls of next() are answered in order, those without a message when the socket has closed', async t => {
  const { socket, opened } = stage(t)
  const messages = socket[Symbol.asyncIterator]()
  const calls = Promise.all([messages.next(), messages.next(), messages.next(), messages.next()])
  const line = await opened()
  line.json('a')
  line.json('b')
  void socket.close()
  line.endAsAsked()
  t.strictSame(await calls, [
    { value: 'a', done: false }, { value: 'b', done: false }, { value: undefined, done: true }, { value: undefined, done: true }
  ])
  t.strictSame(await messages.next(), { value: undefined, done: true })
})

test('a loop begun after the server has ended the socket gets what waited', async t => {
  const { socket, opened } = stage(t)
  const line = await opened()
  line.json('kept')
  line.end({ code: 1000, wasClean: true })
  await socket.closed
  const found = []
  for await (const message of socket) found.push(message)
  t.strictSame(found, ['kept'])
})

test('after close() a loop ends at once, and what waited is gone', async t => {
  const { socket, opened } = stage(t)
  const line = await opened()
  const messages = socket[Symbol.asyncIterator]()
  line.json('a')
  line.json('b')
  t.strictSame(await messages.next(), { value: 'a', done: false })
  void socket.close()
  line.json('c')
  t.strictSame(await messages.next(), { value: undefined, done: true })
  line.endAsAsked()
  await socket.closed
  t.strictSame(await messages.next(), { value: undefined, done: true })
})

test('return() without a call of next() closes too, is answered at the end, and may be called twice', async t => {
  const { socket, opened, settle } = stage(t)
  const line = await opened()
  const messages = socket[Symbol.asyncIterator]()
  const returned = Promise.all([messages.return!(), messages.return!()])
  await settle()
  t.strictSame(line.closing, { code: 1000, reason: '' })
  line.endAsAsked()
  t.strictSame(await returned, [{ value: undefined, done: true }, { value: undefined, done: true }])
  t.equal((await socket.closed).code, 1000)
})

test('a socket has one consumer', async t => {
  const { socket } = stage(t)
  const listener = (): void => {}
  socket.on('message', listener)
  t.throws(() => socket[Symbol.asyncIterator](), { code: 'FST_ERR_WS_CLIENT_CONSUMERS' })
  socket.on('message', () => {})
  socket.off('message', listener)
  t.throws(() => socket[Symbol.asyncIterator](), { code: 'FST_ERR_WS_CLIENT_CONSUMERS' }, 'one is left')
})

test('a socket that is iterated takes no listener of messages and no second loop', async t => {
  const { socket } = stage(t)
  const messages = socket[Symbol.asyncIterator]()
  t.throws(() => socket.on('message', () => {}), { code: 'FST_ERR_WS_CLIENT_CONSUMERS' })
  t.throws(() => socket[Symbol.asyncIterator](), { code: 'FST_ERR_WS_CLIENT_CONSUMERS' })
  socket.on('state', () => {})
  await Promise.all([messages.return!(), socket.closed])
})

test('when all listeners of messages are gone, a loop may begin, and gets what comes from then on', async t => {
  const { socket, opened, settle } = stage(t)
  const line = await opened()
  const heard: unknown[] = []
  const listener = (message: unknown): void => { heard.push(message) }
  socket.on('message', listener)
  line.json('a')
  socket.off('message', listener)
  line.json('b')
  await settle()
  const messages = socket[Symbol.asyncIterator]()
  t.strictSame(await messages.next(), { value: 'b', done: false })
  t.strictSame(heard, ['a'])
})

test('a loop that closes the socket in its body gets no further message', async t => {
  const { socket, opened } = stage(t)
  const line = await opened()
  for (const name of ['a', 'b', 'c']) line.json(name)
  const found = []
  for await (const message of socket) {
    found.push(message)
    if (message === 'b') {
      void socket.close()
      line.endAsAsked()
    }
  }
  t.strictSame(found, ['a', 'b'])
})

test('a loop on a socket that is closed before it has ever opened ends', async t => {
  const { socket, settle } = stage(t)
  const found: unknown[] = []
  const loop = (async () => { for await (const message of socket) found.push(message) })()
  await settle()
  await socket.close()
  await loop
  t.strictSame(found, [])
})

test('a loop ends when the socket ends for good, whatever the reason', async t => {
  const { socket, line } = stage(t)
  const loop = (async () => { for await (const _ of socket); })()
  ;(await line(0)).end({ status: 403, body: 'no' })
  await loop
  t.match(await socket.closed, { status: 403, body: 'no' })
})

test('messages that come while the body runs wait, beyond what a turn brings', async t => {
  const { socket, opened } = stage(t)
  const line = await opened()
  const found: unknown[] = []
  let sent = 0
  line.json(sent++)
  for await (const message of socket) {
    found.push(message)
    if (sent < 20) {
      line.json(sent++)
      line.json(sent++)
      await turn()
    } else if (found.length === sent) break
  }
  t.strictSame(found, [...Array(sent).keys()])
  await until(() => line.closing !== null)
})
