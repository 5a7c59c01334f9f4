import { test } from 'tap'
import type { Attempt } from '../../lib/client/types.ts'
import { until } from '../support/until.ts'
import { BUILDS, connect, NODE } from './builds.ts'
import { ending, type Stage, stage } from './fake-line.ts'
import { rawServer } from '../support/raw-server.ts'
import { serve } from './serve.ts'
import { watch } from './watch.ts'

for (const build of BUILDS) {
  test(`${build.name}: functions are asked for each attempt, with what the last connection has left`, async t => {
    const { url, socket: served, sockets } = await serve(t, (socket, request) => {
      socket.send({ at: `p${sockets.length}`, query: request.query })
    })
    const asked: Attempt[] = []
    const socket = connect(t, build, url, {
      query: (attempt: Attempt) => {
        asked.push(attempt)
        return { since: attempt.since, life: asked.length }
      }
    })
    const messages = socket[Symbol.asyncIterator]()
    t.strictSame((await messages.next()).value, { at: 'p1', query: { life: '1' } })
    ;(await served(0)).terminate()
    t.strictSame((await messages.next()).value, { at: 'p2', query: { since: 'p1', life: '2' } })
    t.match(asked[0], { attempt: 0, last: undefined, since: undefined, reason: null, signal: { aborted: true } })
    t.match(asked[1], { attempt: 1, last: { at: 'p1' }, since: 'p1', reason: { code: 1006 }, signal: { aborted: false } })
  })

  test(`${build.name}: a function that throws or rejects is told as an error, and asked again`, async t => {
    const { url, heard } = await serve(t)
    let calls = 0
    const socket = connect(t, build, url, {
      queue: true,
      query: () => {
        if (++calls === 1) throw new Error('no token')
        if (calls === 2) return Promise.reject(new Error('still none'))
        return {}
      }
    })
    const { errors, changes } = watch(socket)
    socket.send('waits')
    await socket.opened
    await until(() => heard[0]?.length === 1)
    t.match(errors, [
      { code: 'FST_ERR_WS_CLIENT_ASKED', cause: { message: 'no token' } },
      { code: 'FST_ERR_WS_CLIENT_ASKED', cause: { message: 'still none' } }
    ])
    t.equal(changes[0]!.reason!.error, errors[0])
  })

  test(`${build.name}: a function that never answers is given up after connectTimeout`, async t => {
    const { url, connection } = await rawServer(t)
    const signals: AbortSignal[] = []
    const socket = connect(t, build, url, {
      connectTimeout: 20,
      query: ({ signal }: Attempt) => {
        signals.push(signal)
        return signals.length === 1 ? new Promise(() => {}) : {}
      }
    })
    const { changes } = watch(socket)
    await connection(0)
    t.equal(signals[0]!.aborted, true)
    t.match(changes[0]!.reason, { error: { code: 'FST_ERR_WS_CLIENT_TIMEOUT' } })
  })
}

test('node: headers go with the handshake, and are asked for each attempt', async t => {
  const { url, socket: served } = await serve(t, (socket, request) => { socket.send(request.headers.authorization) })
  const socket = connect(t, NODE, url, { headers: ({ attempt }: Attempt) => ({ authorization: `token ${attempt}` }) })
  const messages = socket[Symbol.asyncIterator]()
  t.equal((await messages.next()).value, 'token 0')
  ;(await served(0)).terminate()
  t.equal((await messages.next()).value, 'token 1')
})

for (const part of ['params', 'query', 'protocols', 'headers'] as const) {
  test(`${part} may be a function, and its failure is an attempt that has failed`, async t => {
    const values = { params: { room: 'a' }, query: { q: 'b' }, protocols: ['c'], headers: { d: 'e' } }
    let fails = true
    const { line, next, errors, states, socket } = stage(t, {
      route: '/:room',
      ...values,
      [part]: async () => {
        if (fails) throw new Error('mine')
        return values[part]
      }
    })
    await until(() => states.length > 0)
    t.equal(socket.state, 'waiting')
    t.match(errors, [{ code: 'FST_ERR_WS_CLIENT_ASKED', cause: { message: 'mine' } }])
    fails = false
    await next()
    t.match((await line(0)).target, { url: 'ws://server.test/a?q=b', protocols: ['c'], headers: { d: 'e' } })
  })
}

test('all functions of an attempt are asked at once, with the same', async t => {
  const asked: Attempt[] = []
  const ask = <Value>(value: Value) => (attempt: Attempt): Value => {
    asked.push(attempt)
    return value
  }
  const { line } = stage(t, { params: ask({}), query: ask({}), protocols: ask('a'), headers: ask({}) })
  t.strictSame((await line(0)).target.protocols, ['a'])
  t.equal(asked.length, 4)
  t.equal(new Set(asked).size, 1)
})

test('an error listener that closes the socket for a function that throws closes it for good', async t => {
  const { socket, settle, clock, states } = stage(t, { query: () => { throw new Error('mine') } })
  socket.on('error', () => { void socket.close(4000) })
  t.match(await socket.closed, { code: 4000 })
  await settle()
  await clock.tickAsync(100_000)
  t.equal(socket.state, 'closed')
  t.strictSame(states, ['closed'])
})

test('a function that answers or fails after its attempt was given up has no effect', async t => {
  const answers: Array<{ resolve (value: object): void, reject (error: Error): void }> = []
  const { lines, errors, clock, settle } = stage(t, {
    connectTimeout: 10,
    query: () => new Promise<object>((resolve, reject) => { answers.push({ resolve, reject }) })
  })
  await until(() => answers.length === 1)
  await clock.tickAsync(10)
  await clock.tickAsync(30_000)
  await clock.tickAsync(30_000)
  t.ok(answers.length > 1)
  answers[0]!.resolve({})
  answers[1]!.reject(new Error('late'))
  await settle()
  t.equal(lines.length, 0)
  t.strictSame(errors, [])
})

test('a function that closes the socket is asked for nothing', async t => {
  const { socket, lines, settle } = stage(t, { query: () => { void socket.close() } })
  await settle()
  t.equal(lines.length, 0)
  t.equal(socket.state, 'closed')
})

test('the signal of an attempt is aborted when it is given up, and when its connection has ended', async t => {
  const signals: AbortSignal[] = []
  const { socket, opened, next } = stage(t, { query: ({ signal }: Attempt) => { signals.push(signal) } })
  const line = await opened()
  t.equal(signals[0]!.aborted, false)
  line.owner.onEnd(ending())
  t.equal(signals[0]!.aborted, true)
  await next()
  t.equal(signals[1]!.aborted, false)
  void socket.close()
  t.equal(signals[1]!.aborted, true)
})

for (const [what, end] of [
  ['its connection has ended', async ({ opened }: Stage) => { (await opened()).end() }],
  ['nothing has answered in time', async ({ clock, line }: Stage) => {
    await line(0)
    await clock.tickAsync(20_000)
  }],
  ['somebody has closed the socket', async ({ socket, settle }: Stage) => {
    await settle()
    void socket.close(4000)
  }],
  ['the closing handshake is over', async ({ socket, opened }: Stage) => {
    const line = await opened()
    void socket.close(4000)
    line.endAsAsked()
  }]
] as const) {
  test(`a listener of an attempt's signal may close the socket and send when ${what}`, async t => {
    let calls = 0
    const all = stage(t, {
      queue: true,
      query: ({ signal }: Attempt) => {
        signal.addEventListener('abort', () => {
          calls++
          socket.send('at its end')
          socket.probe()
          void socket.close(4001)
        })
      }
    })
    const { socket, states, lines, clock, settle } = all
    await end(all)
    const { code } = await socket.closed
    await settle()
    t.equal(code, states.includes('waiting') ? 4001 : 4000)
    t.strictSame(states.slice(states.indexOf('closed')), ['closed'])
    t.equal(calls, lines.length)
    t.equal(clock.countTimers(), 0)
    t.ok(lines.every(line => line.isDropped || line.hasEnded))
  })
}

for (const [what, options, message, since] of [
  ['the property `at`', {}, { at: 'p' }, 'p'],
  ['another property', { position: 'id' }, { id: 'p', at: 'q' }, 'p'],
  ['what a function finds', { position: (message: any) => message.deep.at }, { deep: { at: 'p' } }, 'p'],
  ['nothing, if it is no text', {}, { at: 5 }, undefined],
  ['nothing, if there is no object', {}, null, undefined]
] as const) {
  test(`since is ${what} of the last message that has one`, async t => {
    const asked: Attempt[] = []
    const { opened, next } = stage(t, { ...options, query: (attempt: Attempt) => { asked.push(attempt) } })
    const line = await opened()
    line.json(message)
    line.end()
    await next()
    t.equal(asked[1]!.since, since)
    t.strictSame(asked[1]!.last, message)
  })
}

test('a message without a position leaves since as it was, and is the last', async t => {
  const asked: Attempt[] = []
  const { opened, next } = stage(t, { query: (attempt: Attempt) => { asked.push(attempt) } })
  const line = await opened()
  line.json({ at: 'p' })
  line.json({ other: true })
  line.end()
  await next()
  t.equal(asked[1]!.since, 'p')
  t.strictSame(asked[1]!.last, { other: true })
})
