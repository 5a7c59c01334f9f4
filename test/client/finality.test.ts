import { test } from 'tap'
import { BUILDS, connect } from './builds.ts'
import { stage } from './fake-line.ts'
import { rawServer, response } from '../support/raw-server.ts'
import { serve } from './serve.ts'
import { watch } from './watch.ts'

const FINAL_CODES = [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3003, 4400, 4402, 4403, 4404, 4409, 4410, 4422, 4451, 4499]
const RETRIED_CODES = [1001, 1004, 1005, 1006, 1011, 1012, 1013, 1014, 1015, 3001, 3008, 3999, 4000, 4399, 4408, 4425, 4426, 4429, 4500, 4503, 4999]
const FINAL_STATUSES = [400, 402, 403, 404, 405, 406, 409, 410, 422, 451, 499]
const RETRIED_STATUSES = [0, 200, 204, 301, 302, 304, 399, 408, 425, 426, 429, 500, 501, 502, 503, 504, 599]

for (const code of FINAL_CODES) {
  test(`an end with ${code} is final`, async t => {
    const { opened, socket, states, lines, clock } = stage(t)
    const line = await opened()
    line.end({ code, reason: 'why', wasClean: true })
    t.match(await socket.closed, { code, reason: 'why' })
    await clock.tickAsync(100_000)
    t.strictSame(states, ['open', 'closed'])
    t.equal(lines.length, 1)
  })
}

for (const code of RETRIED_CODES) {
  test(`an end with ${code} is not final`, async t => {
    const { opened, states, next } = stage(t)
    ;(await opened()).end({ code })
    ;(await next()).open()
    t.strictSame(states, ['open', 'waiting', 'connecting', 'open'])
  })
}

for (const status of FINAL_STATUSES) {
  test(`a refusal with ${status} is final`, async t => {
    const { line, socket, states, lines, clock } = stage(t)
    ;(await line(0)).end({ status, body: 'why' })
    t.match(await socket.closed, { status, body: 'why' })
    await clock.tickAsync(100_000)
    t.strictSame(states, ['closed'])
    t.equal(lines.length, 1)
  })
}

for (const status of RETRIED_STATUSES) {
  test(`a refusal with ${status} is not final`, async t => {
    const { line, states, next } = stage(t)
    ;(await line(0)).end({ status })
    ;(await next()).open()
    t.strictSame(states, ['waiting', 'connecting', 'open'])
  })
}

for (const [what, isOpen, how] of [
  ['a refusal with 401', false, { status: 401 }], ['an end with 4401', true, { code: 4401 }], ['an end with 3000', true, { code: 3000 }]
] as const) {
  test(`after ${what} fresh credentials are tried at once, and the second time it is final`, async t => {
    const { line, lines, socket, changes, clock, settle } = stage(t)
    for (const number of [0, 1]) {
      const one = await line(number)
      if (isOpen) one.open()
      one.end(how)
      await settle()
      await clock.tickAsync(1)
    }
    t.match(await socket.closed, how)
    t.equal(changes.find(({ delay }) => delay > 0), undefined)
    await clock.tickAsync(100_000)
    t.equal(lines.length, 2)
  })

  test(`after ${what} and a connection that was stable, fresh credentials are tried again`, async t => {
    const { line, lines, states, socket, clock, settle } = stage(t)
    for (const number of [0, 1, 2]) {
      const one = await line(number)
      if (isOpen || number === 1) {
        one.open()
        await clock.tickAsync(10_000)
      }
      one.end(number === 1 ? { code: 1006 } : how)
      await settle()
      await clock.tickAsync(number === 1 ? 1000 : 1)
    }
    t.equal(lines.length, 4)
    t.equal(states.at(-1), 'connecting')
    t.not(socket.state, 'closed')
  })
}

test('credentials that were refreshed for nothing are final, even if other failures lie between', async t => {
  const { line, next, socket } = stage(t)
  ;(await line(0)).end({ status: 401 })
  ;(await next()).end({ status: 503 })
  ;(await next()).end()
  ;(await next()).end({ status: 401 })
  t.match(await socket.closed, { status: 401 })
})

test('a 401 with Retry-After is not answered before that', async t => {
  const { line, lines, clock, settle, socket } = stage(t)
  ;(await line(0)).end({ status: 401, retryAfter: 5000 })
  await settle()
  await clock.tickAsync(4999)
  socket.probe()
  await settle()
  t.equal(lines.length, 1)
  await clock.tickAsync(1)
  t.equal(lines.length, 2)
})

for (const code of ['FST_ERR_WS_CLIENT_PARAM', 'FST_ERR_WS_CLIENT_TARGET', 'FST_ERR_WS_CLIENT_HEADER']) {
  test(`${code} is a mistake of the program, and final`, async t => {
    const { line, socket } = stage(t)
    const error = Object.assign(new Error('mine'), { code })
    ;(await line(0)).end({ error })
    t.equal((await socket.closed).error, error)
  })
}

for (const error of [new Error('no code'), Object.assign(new Error('no network'), { code: 'ECONNREFUSED' })]) {
  test(`an attempt that ends with the error '${error.message}' is not the last`, async t => {
    const { line, next } = stage(t)
    ;(await line(0)).end({ error })
    await next()
  })
}

for (const build of BUILDS) {
  test(`${build.name}: a refusal with 403 is final, and its body is told`, async t => {
    const { url, connections } = await rawServer(t, ({ socket }) => { socket.end(response(403, '{"message":"not you"}')) })
    const socket = connect(t, build, url)
    t.match(await socket.closed, { code: 1006, status: 403, body: '{"message":"not you"}', wasClean: false, initiator: 'remote', error: null })
    await t.rejects(socket.opened, { code: 'FST_ERR_WS_CLIENT_CLOSED', cause: { status: 403 } })
    t.equal(connections.length, build.name === 'pure' ? 2 : 1, 'a browser asks twice to learn it')
  })

  test(`${build.name}: after a refusal with 401 the token is fetched anew, once`, async t => {
    const { url, connections } = await rawServer(t, ({ socket, request, accepted }) => {
      socket[request.includes('token=new') ? 'write' : 'end'](request.includes('token=new') ? accepted : response(401))
    })
    let token = 'old'
    const socket = connect(t, build, url, {
      reconnect: { min: 1e6 },
      query: ({ reason }: any) => {
        if (reason?.status === 401) token = 'new'
        return { token }
      }
    })
    await socket.opened
    t.match(connections.at(-1)!.request, /^GET \/\?token=new /)
  })

  test(`${build.name}: Retry-After is the least, in seconds or as a date`, async t => {
    const after = ['120', new Date(Date.now() + 120_500).toUTCString(), 'soon', '-5', 'Thu, 01 Jan 1970 00:00:00 GMT']
    for (const value of after) {
      const { url } = await rawServer(t, ({ socket }) => { socket.end(response(503, 'later', { 'Retry-After': value })) })
      const socket = connect(t, build, url)
      const { changes } = watch(socket)
      while (changes.length === 0) await new Promise(resolve => { setImmediate(resolve) })
      const isAsked = after.indexOf(value) < 2
      t.match(changes[0]!.reason, { status: 503, body: 'later' })
      t.equal(Math.round(changes[0]!.reason!.retryAfter / 10_000), isAsked ? 12 : 0, value)
      t.equal(Math.round(changes[0]!.delay / 10_000), isAsked ? 12 : 0, value)
      await socket.close()
    }
  })

  test(`${build.name}: of the body of a refusal 64 KiB are read`, async t => {
    const { url } = await rawServer(t, ({ socket }) => { socket.end(response(400, 'ä'.repeat(100_000))) })
    const { body } = await connect(t, build, url).closed
    t.ok(body.length >= 32_768 && body.length <= 65_536, String(body.length))
    t.match(body, /^ä+$/)
  })

  test(`${build.name}: a refusal whose body never ends is a refusal, or no connection, in time`, async t => {
    const { url, connection } = await rawServer(t, ({ socket }) => {
      socket.write('HTTP/1.1 503 Later\r\nContent-Length: 1000\r\n\r\nbeginning')
    })
    const socket = connect(t, build, url, { connectTimeout: 50 })
    const { changes } = watch(socket)
    await connection(build.name === 'pure' ? 2 : 1)
    t.match(changes[0]!.reason, { code: 1006 })
  })

  test(`${build.name}: a refusal by our own server tells what its hooks say`, async t => {
    const { url } = await serve(t, () => {}, {
      onRequest: async (_request: unknown, reply: any) => reply.code(410).send({ message: 'gone' })
    })
    const { status, body } = await connect(t, build, url).closed
    t.equal(status, 410)
    t.strictSame(JSON.parse(body), { message: 'gone' })
  })
}
