import { execFile } from 'node:child_process'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { promisify } from 'node:util'
import { test } from 'tap'
import { createClient } from '../../lib/client-node/index.ts'
import { createDial } from '../../lib/client-node/dial.ts'
import { createApp, listen } from '../support/app.ts'
import { selfSigned } from '../support/certificate.ts'
import { plainNode } from '../support/plain-node.ts'
import { turn } from '../support/until.ts'
import { rawServer } from '../support/raw-server.ts'
import { type Ask, dialer, messages } from './support.ts'

const { key, cert } = await selfSigned()

for (const [name, headers, told] of [
  ['of the handshake', { 'sec-websocket-key': 'a' }, /belongs to the handshake/],
  ['of the connection', { Connection: 'close' }, /belongs to the handshake/],
  ['with a name that is none', { 'a b': 'c' }, /cannot be sent/],
  ['with a line break', { a: 'b\r\nc: d' }, /cannot be sent/],
  ['without a value', { a: undefined }, /cannot be sent/]
] as const) {
  test(`a header ${name} is an error, and nothing is sent`, async t => {
    const { url, connections } = await rawServer(t)
    t.match(await dialer(t)(url, { headers } as unknown as Ask).ended, { initiator: 'local', error: { code: 'FST_ERR_WS_CLIENT_HEADER', message: told } })
    t.equal(connections.length, 0)
  })
}

for (const [name, url, ask] of [
  ['no URL', 'nonsense', {}],
  ['a password that is not encoded', 'ws://a:%ff@localhost', {}],
  ['a subprotocol that is no token', 'ws://localhost', { protocols: ['a b'] }],
  ['a subprotocol twice', 'ws://localhost', { protocols: ['a', 'a'] }],
  ['a subprotocol that is no text', 'ws://localhost', { protocols: [1] }]
] as const) {
  test(`${name} is an error of the target`, async t => {
    t.match(await dialer(t)(url, ask as unknown as Ask).ended, { initiator: 'local', error: { code: 'FST_ERR_WS_CLIENT_TARGET' } })
  })
}

test('the request has the headers, the subprotocols and what the URL says', async t => {
  const { url, connection } = await rawServer(t)
  const { port } = new URL(url)
  dialer(t)(`ws://u%C3%B6:p%3A@localhost:${port}/a?b=c`, { headers: { 'x-own': '1', host: 'other.test' }, protocols: ['p', 'q'] })
  const { request } = await connection(0)
  t.match(request, /^GET \/a\?b=c HTTP\/1\.1\r\n/)
  for (const header of ['x-own: 1', 'Host: other.test', 'Sec-WebSocket-Protocol: p, q', `Authorization: Basic ${Buffer.from('uö:p:').toString('base64')}`]) {
    t.ok(request.toLowerCase().includes(`\r\n${header.toLowerCase()}\r\n`), header)
  }
  t.notMatch(request, /extensions/i)
})

test('a header for the authorization comes before what the URL says', async t => {
  const { url, connection } = await rawServer(t)
  dialer(t)(url.replace('//', '//a:b@'), { headers: { authorization: 'Bearer x' } })
  const { request } = await connection(0)
  t.same(request.match(/authorization: .*/gi), ['authorization: Bearer x'])
})

for (const [deflate, offer] of [
  [true, /server_no_context_takeover; client_no_context_takeover; client_max_window_bits\r\n/],
  [{ contextTakeover: true }, /permessage-deflate; client_max_window_bits\r\n/],
  [{ contextTakeover: true, windowBits: 10 }, /permessage-deflate; server_max_window_bits=10; client_max_window_bits=10\r\n/]
] as const) {
  test(`compression is offered as ${JSON.stringify(deflate)} asks`, async t => {
    const { url, connection } = await rawServer(t)
    dialer(t, { deflate })(url)
    t.match((await connection(0)).request, offer)
  })
}

test('messages are compressed where both agree', async t => {
  const app = createApp(t)
  app.get('/', { ws: { deflate: { threshold: 0 } } }, socket => {
    socket.send(socket.extensions)
    socket.on('message', (message: any) => { socket.send(message) })
  })
  const dialled = dialer(t, { deflate: { threshold: 0 } })(`ws://localhost:${await listen(app)}/`)
  await dialled.opened
  dialled.line.send('x'.repeat(5000))
  const [extensions, echo] = await messages(dialled, 2)
  t.match(extensions, /permessage-deflate/)
  t.equal(echo, 'x'.repeat(5000))
})

for (const [option, message] of [
  [{ maxPayload: 0 }, /'maxPayload' must be a whole number/],
  [{ deflate: { threshold: -1 } }, /'deflate.threshold'/],
  [{ deflate: { level: 10 } }, /'deflate.level'/],
  [{ deflate: { memLevel: 0 } }, /'deflate.memLevel'/],
  [{ deflate: { contextTakeover: 1 } }, /'deflate.contextTakeover'/],
  [{ deflate: { windowBits: 8 } }, /'deflate.windowBits'/],
  [{ tls: { key: 'no key', cert: 'no certificate' } }, /'tls' is wrong/]
] as const) {
  test(`the option ${JSON.stringify(option)} is refused`, async t => {
    t.throws(() => createDial(option as object), { code: 'FST_ERR_WS_CLIENT_OPTION', message })
  })
}

test('the server of a wss: URL has to be known', async t => {
  const app = createApp(t, {}, { https: { key, cert } } as Record<string, unknown>)
  app.get('/', { ws: true }, () => {})
  const url = `wss://localhost:${await listen(app)}/`
  t.match(await dialer(t)(url).ended, { status: 0, error: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } })
  t.match(await dialer(t, { http2: false })(url).ended, { status: 0, error: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } })
  await dialer(t, { tls: { ca: cert } })(url).opened
  await dialer(t, { tls: { ca: cert }, http2: false })(url).opened
  await dialer(t, { tls: { rejectUnauthorized: false } })(url.replace('localhost', '127.0.0.1')).opened
})

test('an agent makes the connections, of either kind', async t => {
  const plain = createApp(t)
  const secure = createApp(t, {}, { https: { key, cert } } as Record<string, unknown>)
  for (const app of [plain, secure]) app.get('/', { ws: true }, () => {})
  let made = 0
  const count = <Agent extends HttpAgent>(agent: Agent): Agent => {
    const { createConnection } = agent as any
    return Object.assign(agent, { createConnection (...args: unknown[]) { made++; return createConnection.apply(agent, args) } })
  }
  await dialer(t, { agent: count(new HttpAgent()) })(`ws://127.0.0.1:${await listen(plain)}/`).opened
  await dialer(t, { agent: count(new HttpsAgent({ ca: cert })) })(`wss://localhost:${await listen(secure)}/`).opened
  t.equal(made, 2)
})

test('a subprotocol that both know is agreed on, and what waits to be written is counted', async t => {
  const app = createApp(t)
  app.get('/', { ws: { protocols: ['q'] } }, () => {})
  const { line, opened } = dialer(t)(`ws://localhost:${await listen(app)}/`, { protocols: ['p', 'q'] })
  t.equal(line.protocol, '')
  t.equal(line.bufferedAmount, 0)
  await opened
  t.equal(line.protocol, 'q')
  const gone = new Uint8Array(8)
  structuredClone(gone, { transfer: [gone.buffer] })
  t.ok(line.send(gone))
  t.ok(line.send(new Uint8Array(20_000_000)))
  t.ok(line.bufferedAmount > 0)
})

for (const [whose, defaults] of [['a client', true], ['their own', false]] as const) {
  test(`one signal of ${whose} may close very many sockets`, async t => {
    const { url } = await rawServer(t)
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => { warnings.push(warning) }
    process.on('warning', onWarning)
    t.teardown(() => process.off('warning', onWarning))
    const controller = new AbortController()
    const { signal } = controller
    const api = createClient(url, defaults ? { signal } : {})
    const all = Array.from({ length: 20 }, () => api.connect('/', defaults ? {} : { signal }))
    controller.abort()
    await Promise.all(all.map(({ closed }) => closed))
    await turn()
    t.same(warnings, [])
  })
}

test('a signal forgets the sockets that have closed, and closes the others', async t => {
  const { url } = await rawServer(t)
  const file = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href)
  // What tap does to follow promises would hold what is to be collected.
  const [command, args] = plainNode('--input-type=module', '--eval', `
    import { getEventListeners } from 'node:events'
    import { createClient } from ${file('../../lib/client-node/index.js')}
    import { collectGarbage } from ${file('../support/garbage.js')}
    const controller = new AbortController()
    const api = createClient('${url}', { signal: controller.signal })
    const sockets = Array.from({ length: 20 }, () => api.connect('/'))
    for (let i = 0; i < 5; i++) {
      collectGarbage()
      await new Promise(resolve => { setImmediate(resolve) })
    }
    const count = () => getEventListeners(controller.signal, 'abort').length
    const counts = [count()]
    await Promise.all(sockets.slice(1).map(socket => socket.close()))
    counts.push(count())
    controller.abort()
    const endings = await Promise.all([sockets[0].closed, api.connect('/').closed])
    console.log(JSON.stringify([counts, endings.map(({ code, initiator }) => [code, initiator])]))
  `)
  const { stdout } = await promisify(execFile)(command, args, { timeout: 20_000 })
  t.strictSame(JSON.parse(stdout), [[20, 1], [[1000, 'local'], [1000, 'local']]])
})

test('a signal that is not of Node.js closes a socket too', async t => {
  const { url } = await rawServer(t)
  const listeners = new Set<() => void>()
  const signal = {
    aborted: false,
    addEventListener: (_type: string, listener: () => void) => { listeners.add(listener) },
    removeEventListener: (_type: string, listener: () => void) => { listeners.delete(listener) }
  } as unknown as AbortSignal
  const socket = createClient(url).connect('/', { signal })
  for (const listener of listeners) listener()
  t.match(await socket.closed, { code: 1000, initiator: 'local' })
  t.equal(listeners.size, 0)
})

for (const [scheme, agent] of [['wss', new HttpAgent()], ['ws', new HttpsAgent()]] as const) {
  test(`an agent that is not for ${scheme}: is an error of the target`, async t => {
    t.match(await dialer(t, { agent })(`${scheme}://localhost/`).ended, {
      initiator: 'local', error: { code: 'FST_ERR_WS_CLIENT_TARGET', message: `not for '${scheme}:'`, cause: { code: 'ERR_INVALID_PROTOCOL' } }
    })
  })
}

test('an agent that throws is an attempt that has failed', async t => {
  class Failing extends HttpAgent {
    addRequest (): void { throw new Error('mine') }
  }
  t.match(await dialer(t, { agent: new Failing() })('ws://localhost/').ended, { error: { message: 'mine', code: undefined } })
})

test('IPv6 addresses are reached', async t => {
  const app = createApp(t)
  app.get('/', { ws: true }, () => {})
  try {
    await app.listen({ port: 0, host: '::1' })
  } catch {
    t.comment('this machine has no IPv6')
    return
  }
  await dialer(t)(`ws://[::1]:${(app.server.address() as { port: number }).port}/`).opened
})

for (const [scheme, port] of [['ws', 80], ['wss', 443]] as const) {
  test(`${scheme}: means the port ${port}`, async t => {
    // An address of this machine that nobody else uses.
    t.match(await dialer(t, { http2: false })(`${scheme}://127.0.0.99/`).ended, { status: 0, error: { port } })
  })
}
