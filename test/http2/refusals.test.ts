import type { FastifyReply } from 'fastify'
import { test } from 'tap'
import { errorBody } from '../support/handshakes.ts'
import {
  get, openSocket, openStream, refusal, type RequestHeaders, refusingApp, type StreamOptions
} from './support.ts'

const ONCE = 'must not appear more than once'
const PROTOCOLS = 'Sec-WebSocket-Protocol must be a list of different tokens'

const BAD: Array<[name: string, headers: RequestHeaders, message: string, options?: StreamOptions]> = [
  ['the end of its stream', {}, 'the stream has ended with the request', { endStream: true }],
  ['a Host that differs from :authority', { ':authority': 'one.example', host: 'two.example' }, 'must be the same as :authority'],
  ['a Content-Length', { 'content-length': '5' }, 'a handshake has no body'],
  ['two versions', { 'sec-websocket-version': ['13', '13'] }, `sec-websocket-version ${ONCE}`],
  ['two origins', { origin: ['http://one.example', 'http://one.example'] }, `origin ${ONCE}`],
  ['an empty subprotocol', { 'sec-websocket-protocol': 'chat,,talk' }, PROTOCOLS],
  ['a subprotocol twice', { 'sec-websocket-protocol': ['chat', 'chat'] }, PROTOCOLS],
  ['malformed extensions', { 'sec-websocket-extensions': 'permessage-deflate;;' }, 'does not follow its grammar']
]

for (const [name, headers, message, options] of BAD) {
  test(`an extended CONNECT with ${name} gets 400, and its stream ends`, async t => {
    const { knock } = await refusingApp(t)
    const response = await knock('/room', headers, options)
    t.equal(response.status, 400)
    t.match(errorBody(response), { statusCode: 400, code: 'FST_ERR_WS_HANDSHAKE', message })
    t.equal(response.headers['content-length'], String(Buffer.byteLength(response.body)))
    t.match(response.headers['content-type'], /^application\/json/)
  })
}

for (const version of [undefined, '', '8', '13, 8', '013']) {
  test(`an extended CONNECT of version '${version}' gets 426 with the version there is`, async t => {
    const { knock } = await refusingApp(t)
    const response = await knock('/room', { 'sec-websocket-version': version })
    t.equal(response.status, 426)
    t.match(errorBody(response), { code: 'FST_ERR_WS_VERSION', message: 'Sec-WebSocket-Version must be 13' })
    t.equal(response.headers['sec-websocket-version'], '13')
    t.equal(response.headers.upgrade, undefined)
    t.equal(response.headers.connection, undefined)
  })
}

test('a plain GET on a WebSocket route gets 426, without the headers that HTTP/2 does not have', async t => {
  const { session } = await refusingApp(t)
  const { status, body } = await get(session, '/room')
  t.equal(status, 426)
  t.match(errorBody({ body }), { code: 'FST_ERR_WS_UPGRADE_REQUIRED' })
})

test('a Host that is the same as :authority is fine', async t => {
  const { app, session } = await refusingApp(t, app => {
    app.get('/other', { ws: true }, () => {})
  })
  await openSocket(session, '/other', { host: 'one.example', ':authority': 'one.example' })
  t.match(app.sockets.stats(), { opened: 1, refused: 0 })
})

test('a page of another site gets 403, one of the same host may connect', async t => {
  const { session, port, app, knock } = await refusingApp(t, app => {
    app.get('/other', { ws: true }, () => {})
  })
  for (const origin of ['http://evil.example', `http://127.0.0.1:${port + 1}`, `ftp://127.0.0.1:${port}`, 'null']) {
    const response = await knock('/room', { origin })
    t.equal(response.status, 403, origin)
    t.match(errorBody(response), { code: 'FST_ERR_WS_ORIGIN' })
  }
  await openSocket(session, '/other', { origin: `http://127.0.0.1:${port}` })
  await openSocket(session, '/other', { origin: 'http://one.example', ':authority': 'one.example' })
  t.match(app.sockets.stats(), { opened: 2, refused: 4 })
})

test('a path without a route gets 404, through the not-found handler', async t => {
  const { knock } = await refusingApp(t, app => {
    app.setNotFoundHandler(({ method, url }, reply) => { reply.code(404).send(`no ${method} ${url}`) })
  })
  t.match(await knock('/none'), { status: 404, body: 'no GET /none' })
})

test('a route that is not for WebSockets is not found, and does not run', async t => {
  let calls = 0
  const { session, knock } = await refusingApp(t, app => {
    app.get('/http', () => `call ${++calls}`)
  })
  t.match(await knock('/http'), { status: 404, body: /Route GET:\/http not found/ })
  t.match(await get(session, '/http'), { status: 200, body: 'call 1' }, 'a GET gets what it asks for')
})

for (const status of [200, 201, 204, 299]) {
  test(`a not-found handler that answers with ${status} opens nothing: 404 (RFC 9110 section 9.3.6)`, async t => {
    const { session, knock } = await refusingApp(t, app => {
      app.setNotFoundHandler((_request, reply) => reply.code(status).send(status === 204 ? undefined : 'http'))
    })
    t.match(await knock('/none'), { status: 404, body: status === 204 ? '' : 'http' })
    t.match(await get(session, '/none'), { status }, 'a GET gets what it asks for')
  })
}

for (const status of [302, 401, 500]) {
  test(`a not-found handler that answers with ${status} is free to`, async t => {
    const { knock } = await refusingApp(t, app => {
      app.setNotFoundHandler((_request, reply) => reply.code(status).send('http'))
    })
    t.match(await knock('/none'), { status, body: 'http' })
  })
}

const ANSWERS: Array<[name: string, answer: (reply: FastifyReply) => unknown, status: number, body: string]> = [
  ['200', reply => reply.send('hello'), 403, 'hello'],
  ['200 and JSON', reply => reply.send({ a: 1 }), 403, '{"a":1}'],
  ['204', reply => reply.code(204).send(), 403, ''],
  ['401', reply => reply.code(401).header('www-authenticate', 'Basic').send('who are you?'), 401, 'who are you?'],
  ['304', reply => reply.code(304).send(), 304, ''],
  ['a redirection', reply => reply.redirect('/elsewhere', 302), 302, '']
]

for (const [name, answer, status, body] of ANSWERS) {
  for (const later of [false, true]) {
    test(`a hook that answers with ${name}${later ? ' later' : ''} refuses with ${status}, and its body is kept`, async t => {
      const { knock } = await refusingApp(t, app => {
        app.addHook('preHandler', async (_request, reply) => {
          if (later) await new Promise(setImmediate)
          return answer(reply)
        })
      })
      const response = await knock()
      t.match(response, { status, body })
      if (status === 401) t.equal(response.headers['www-authenticate'], 'Basic')
      if (status === 302) t.equal(response.headers.location, '/elsewhere')
    })
  }
}

test('a hook that answers on the response of Node is a refusal too', async t => {
  const { app, session } = await refusingApp(t, app => {
    app.addHook('preHandler', async (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200, { 'x-one': '1' })
      reply.raw.write('in two ')
      reply.raw.end('parts')
    })
  })
  const { status, body, headers } = await refusal(openStream(session, '/room'))
  t.match([status, body, headers['x-one']], [403, 'in two parts', '1'])
  t.match(app.sockets.stats(), { opened: 0, refused: 1 })
})

test('what a hook throws goes through the error handler, with its status', async t => {
  const { knock } = await refusingApp(t, app => {
    app.addHook('preHandler', async () => { throw Object.assign(new Error('no'), { statusCode: 418 }) })
    app.setErrorHandler((error: any, _request, reply) => {
      reply.code(error.statusCode).header('x-handled', 'yes').send(`handled: ${error.message}`)
    })
  })
  const response = await knock()
  t.match(response, { status: 418, body: 'handled: no' })
  t.equal(response.headers['x-handled'], 'yes')
})

test('an error handler that answers with 200 does not open the connection', async t => {
  const { knock } = await refusingApp(t, app => {
    app.addHook('preHandler', async () => { throw new Error('no') })
    app.setErrorHandler((_error, _request, reply) => { reply.code(200).send('all is well') })
  })
  t.match(await knock(), { status: 403, body: 'all is well' })
})
