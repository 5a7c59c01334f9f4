import { test } from 'tap'
import { clientOver } from '../../lib/client/client.ts'
import { until } from '../support/until.ts'
import { BUILDS, connect } from './builds.ts'
import { stage } from './fake-line.ts'
import { serve } from './serve.ts'
import { listen, watch } from './watch.ts'

for (const build of BUILDS) {
  test(`${build.name}: JSON is the default, and bytes are delivered as they come`, async t => {
    const { url, heard } = await serve(t, socket => {
      socket.send('{"deep":[1,"ä",null]}')
      socket.send(Uint8Array.of(0, 1, 255))
    }, { schema: { message: {} } })
    const socket = connect(t, build, url)
    const messages = listen(socket)
    await until(() => messages.length === 2)
    t.strictSame(messages[0], { deep: [1, 'ä', null] })
    t.ok(messages[1] instanceof Uint8Array)
    t.strictSame([...messages[1]], [0, 1, 255])
    socket.send({ deep: [1, 'ä', null] })
    await until(() => heard[0]!.length === 1)
    t.strictSame(heard[0], [{ deep: [1, 'ä', null] }])
  })

  test(`${build.name}: raw messages are text and bytes, both ways`, async t => {
    const { url, heard } = await serve(t, socket => {
      socket.on('message', message => { socket.send(message) })
    }, { schema: {} })
    const socket = connect(t, build, url, { codec: 'raw', queue: true })
    const messages = listen(socket)
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => i)
    socket.send('{"no": JSON')
    socket.send(bytes)
    socket.send(bytes.buffer)
    socket.send(bytes.subarray(1, 3))
    socket.send('')
    await until(() => messages.length === 5)
    t.equal(messages[0], '{"no": JSON')
    t.strictSame(messages.slice(1, 4).map(one => [one instanceof Uint8Array, ...one]), [[true, ...bytes], [true, ...bytes], [true, 1, 2]])
    t.equal(messages[4], '')
    t.equal(heard[0]!.length, 5)
  })

  test(`${build.name}: a codec of the user speaks for both ways`, async t => {
    const { url } = await serve(t, socket => { socket.on('message', message => { socket.send(message) }) }, { schema: {} })
    const socket = connect(t, build, url, {
      codec: {
        encode: (message: number) => Uint8Array.of(message, message).buffer,
        decode: data => (data as Uint8Array).join('+')
      }
    })
    await socket.opened
    const messages = listen(socket)
    socket.send(7)
    await until(() => messages.length === 1)
    t.strictSame(messages, ['7+7'])
  })

  test(`${build.name}: what is no message is told as an error and left out`, async t => {
    const { url } = await serve(t, socket => {
      for (const text of ['{"n":1}', '{"n":', '{"n":2}', '{"n":-1}', '{"n":3}']) socket.send(text)
    }, { schema: { message: {} } })
    const socket = connect(t, build, url, {
      parse: message => {
        if (message.n < 0) throw new Error('negative')
        return { ...message, parsed: true }
      }
    })
    const { errors } = watch(socket)
    const messages = listen(socket)
    await until(() => messages.length === 3)
    t.strictSame(messages, [1, 2, 3].map(n => ({ n, parsed: true })))
    t.match(errors, [
      { code: 'FST_ERR_WS_CLIENT_INVALID', cause: { name: 'SyntaxError' } },
      { code: 'FST_ERR_WS_CLIENT_INVALID', message: 'bad message: negative', cause: { message: 'negative' } }
    ])
    t.equal(socket.state, 'open')
  })
}

test('what parse returns is delivered, and is the last; its position counts', async t => {
  const asked: any[] = []
  const { opened, next, socket } = stage(t, {
    parse: (message: string) => ({ at: `parsed ${message}` }), query: (attempt: unknown) => { asked.push(attempt) }
  })
  const messages = listen(socket)
  const line = await opened()
  line.json('a')
  line.end()
  await next()
  t.strictSame(messages, [{ at: 'parsed a' }])
  t.match(asked[1], { last: { at: 'parsed a' }, since: 'parsed a' })
})

test('what is not valid is neither the last nor a position', async t => {
  const asked: any[] = []
  const { opened, next } = stage(t, {
    parse: (message: any) => {
      if (message.bad) throw new Error('bad')
      return message
    },
    query: (attempt: unknown) => { asked.push(attempt) }
  })
  const line = await opened()
  line.json({ at: 'p' })
  line.json({ at: 'q', bad: true })
  line.end()
  await next()
  t.match(asked[1], { last: { at: 'p' }, since: 'p' })
})

test('a position that throws makes the message invalid', async t => {
  const { opened, errors } = stage(t, { position: () => { throw new Error('mine') } })
  ;(await opened()).json(1)
  t.match(errors, [{ code: 'FST_ERR_WS_CLIENT_INVALID', cause: { message: 'mine' } }])
})

test('parse that throws what is no error is told too', async t => {
  const { opened, errors } = stage(t, { parse: () => { throw undefined } }) // oxlint-disable-line no-throw-literal
  ;(await opened()).json(1)
  t.match(errors, [{ code: 'FST_ERR_WS_CLIENT_INVALID' }])
})

test('parse that closes the socket delivers nothing more', async t => {
  const { opened, socket } = stage(t, {
    parse: (message: unknown) => {
      void socket.close()
      return message
    }
  })
  const messages = listen(socket)
  const line = await opened()
  line.json(1)
  line.json(2)
  t.strictSame(messages, [])
  t.equal(socket.state, 'closing')
})

test('an error listener that closes the socket is told no more errors', async t => {
  const { opened, socket, errors } = stage(t)
  socket.on('error', () => { void socket.close() })
  const line = await opened()
  line.owner.onMessage('{')
  line.owner.onMessage('{')
  t.equal(errors.length, 1)
})

for (const [schema, sent, received] of [
  [{}, 'a', '"b"'],
  [{ message: {} }, '"a"', '"b"'],
  [{ send: {} }, 'a', 'b'],
  [{ message: {}, send: {} }, '"a"', 'b']
] as const) {
  test(`a contract with ${Object.keys(schema).join(' and ') || 'neither message nor send'} says what is JSON`, async t => {
    const { socket, opened } = stage(t, { route: { url: '/', schema } })
    const messages = listen(socket)
    const line = await opened()
    socket.send('a')
    t.strictSame(line.sent, [sent])
    line.owner.onMessage('"b"')
    t.strictSame(messages, [received])
  })
}

test('a codec of the user comes before that of a contract', async t => {
  const { socket, opened } = stage(t, { route: { url: '/', schema: {} }, codec: 'json' })
  const line = await opened()
  socket.send('a')
  t.strictSame(line.sent, ['"a"'])
})

test('options of a socket come before those of its client', async t => {
  const targets: any[] = []
  const client = clientOver(target => {
    targets.push(target)
    return { protocol: '', bufferedAmount: 0, send: () => true, close () {}, drop () {} }
  }, 'ws://server.test', { protocols: 'of the client', signal: undefined })
  const own = client.connect('/own', { protocols: 'own' })
  const inherited = client.connect('/inherited')
  await until(() => targets.length === 2)
  t.strictSame(targets.map(({ protocols }) => protocols), [['own'], ['of the client']])
  await Promise.all([own.close(), inherited.close()])
})
