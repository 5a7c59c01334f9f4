import { test } from 'tap'
import { uncaught } from '../support/uncaught.ts'
import { turn, until } from '../support/until.ts'
import { BUILDS, connect } from './builds.ts'
import { stage } from './fake-line.ts'
import { serve } from './serve.ts'
import { listen } from './watch.ts'

for (const build of BUILDS) {
  test(`${build.name}: listeners get each message in order; what came before the first one is kept for it`, async t => {
    const { url, socket: served } = await serve(t, socket => {
      socket.send('a')
      socket.send('b')
    })
    const socket = connect(t, build, url)
    await socket.opened
    const server = await served(0)
    await until(() => server.bufferedAmount === 0)
    const heard = listen(socket)
    await until(() => heard.length === 2)
    const second = listen(socket)
    server.send('c')
    await until(() => second.length === 1)
    t.strictSame(heard, ['a', 'b', 'c'])
    t.strictSame(second, ['c'])
  })

  test(`${build.name}: what a listener throws reaches the process, and ends nothing else`, async t => {
    const found = uncaught(t)
    const { url, socket: served } = await serve(t)
    const socket = connect(t, build, url)
    socket.on('message', message => { throw new Error(`cannot take ${message}`) })
    const heard = listen(socket)
    const server = await served(0)
    server.send('a')
    server.send('b')
    await until(() => heard.length === 2 && found.length === 2)
    t.strictSame(heard, ['a', 'b'], 'the other listener gets all')
    t.strictSame(found.map(error => (error as Error).message), ['cannot take a', 'cannot take b'])
    t.equal(socket.state, 'open')
  })
}

test('what a listener rejects with reaches the process', async t => {
  const found = uncaught(t)
  const { socket, opened } = stage(t)
  socket.on('message', async () => { throw new Error('later') })
  ;(await opened()).json(1)
  await until(() => found.length > 0)
  t.match(found, [{ message: 'later' }])
})

for (const event of ['state', 'error', 'drop'] as const) {
  test(`a listener of '${event}' that throws does not keep the others from being called`, async t => {
    const found = uncaught(t)
    const { socket, opened } = stage(t, { queue: true })
    const told: unknown[] = []
    socket.on(event, () => { throw new Error('of the listener') })
    socket.on(event, (...args: unknown[]) => { told.push(args) })
    socket.send('waits')
    if (event === 'drop') void socket.close()
    else {
      const line = await opened()
      if (event === 'error') line.owner.onMessage('no JSON')
    }
    await until(() => found.length > 0)
    t.match(found, [{ message: 'of the listener' }])
    t.equal(told.length, 1)
  })
}

test('errors without a listener are told once on the console, and end no process', async t => {
  const found = uncaught(t)
  const warnings: unknown[] = []
  t.intercept(console, 'warn', { value: (error: unknown) => { warnings.push(error) } })
  const { socket, opened } = stage(t, { unwatched: true })
  const line = await opened()
  for (let i = 0; i < 3; i++) line.owner.onMessage('no JSON')
  t.match(warnings, [{ code: 'FST_ERR_WS_CLIENT_INVALID' }])
  t.strictSame(found, [])
  t.equal(socket.state, 'open')
})

test('a listener that removes itself does not keep the next one from being called', async t => {
  const { socket, opened } = stage(t)
  const line = await opened()
  const heard: string[] = []
  const first = (): void => {
    heard.push('first')
    socket.off('message', first)
  }
  socket.on('message', first)
  socket.on('message', () => { heard.push('second') })
  await turn()
  line.json(1)
  line.json(2)
  t.strictSame(heard, ['first', 'second', 'second'])
})

test('a listener that is added while an event goes round hears the next one', async t => {
  const { socket, opened } = stage(t)
  const line = await opened()
  const heard: unknown[] = []
  let isAdded = false
  socket.on('message', () => {
    if (isAdded) return
    isAdded = true
    socket.on('message', message => { heard.push(message) })
  })
  await turn()
  line.json(1)
  line.json(2)
  t.strictSame(heard, [2])
})

test('removing what was never added is no error', async t => {
  const { socket } = stage(t)
  t.equal(socket.off('message', () => {}), socket)
  t.equal(socket.off('drop', () => {}), socket)
})

test('a listener that closes the socket is the last that hears a message', async t => {
  const { socket, opened } = stage(t)
  const line = await opened()
  line.json('a')
  line.json('b')
  const heard: unknown[] = []
  socket.on('message', message => {
    heard.push(message)
    void socket.close()
  })
  line.json('c')
  await until(() => line.closing !== null)
  line.json('d')
  t.strictSame(heard, ['a'])
})

test('messages that come within a listener are delivered after it, in order', async t => {
  const { socket, opened } = stage(t)
  const line = await opened()
  const heard: string[] = []
  let depth = 0
  socket.on('message', message => {
    t.equal(depth++, 0, 'not within itself')
    heard.push(message)
    if (message === 'a') {
      line.json('b')
      line.json('c')
    }
    depth--
  })
  await turn()
  line.json('a')
  await until(() => heard.length === 3)
  t.strictSame(heard, ['a', 'b', 'c'])
})

test('every listener of the state hears the same states in the same order, even if one of them closes the socket', async t => {
  const { socket, opened, states, settle } = stage(t)
  const before: string[] = []
  const after: string[] = []
  let depth = 0
  socket.on('state', state => {
    t.equal(depth++, 0)
    before.push(state)
    if (state === 'open') void socket.close(4000, 'enough')
    depth--
  })
  socket.on('state', state => { after.push(state) })
  const line = await opened()
  await settle()
  t.strictSame(line.closing, { code: 4000, reason: 'enough' })
  line.endAsAsked()
  await socket.closed
  t.strictSame(before, ['open', 'closing', 'closed'])
  t.strictSame(after, before)
  t.strictSame(states, before)
})

test('an event within another is told after it', async t => {
  const { socket, opened, settle } = stage(t)
  const order: string[] = []
  socket.on('message', message => {
    order.push(`begin ${message}`)
    void socket.close()
    order.push(`end ${message}`)
  })
  socket.on('state', state => { order.push(state) })
  const line = await opened()
  line.json(1)
  await settle()
  t.strictSame(order, ['open', 'begin 1', 'end 1', 'closing'])
})

test('a listener of the state that probes while the socket waits is not called within itself', async t => {
  const { socket, line, lines, settle } = stage(t)
  const states: string[] = []
  socket.on('state', state => {
    states.push(`begin ${state}`)
    if (state === 'waiting') socket.probe()
    states.push(`end ${state}`)
  })
  ;(await line(0)).end()
  await settle()
  t.equal(lines.length, 2)
  t.strictSame(states, ['begin waiting', 'end waiting', 'begin connecting', 'end connecting'])
})

test('the same listener twice is called twice, until it is removed', async t => {
  const { socket, opened } = stage(t)
  const line = await opened()
  let calls = 0
  const listener = (): void => { calls++ }
  socket.on('message', listener).on('message', listener)
  await turn()
  line.json(1)
  t.equal(calls, 2)
  socket.off('message', listener)
  line.json(2)
  t.equal(calls, 2)
})
