import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { ClientHttp2Session } from 'node:http2'
import { test, type Test } from 'tap'
import { openSession, openSocket } from '../http2/support.ts'
import type { Example } from '../support/example.ts'
import { ROOT } from '../support/handshakes.ts'
import { TEXT } from '../support/opcodes.ts'
import { plainNode } from '../support/plain-node.ts'
import { certificate, Client, RUNS_TYPESCRIPT, start } from './support.ts'

/** An HTTP/2 session with an example. */
async function sessionWith (t: Test, example: Example): Promise<ClientHttp2Session> {
  const session = await openSession(t, Number(new URL(example.url).port), { scheme: 'https' })
  t.equal(session.remoteSettings.enableConnectProtocol, true)
  return session
}

/** A WebSocket on a stream of its own. */
async function join (session: ClientHttp2Session, path: string) {
  const client = await openSocket(session, path)
  return {
    id: client.stream.id,
    sendJSON: (value: unknown) => { client.send(TEXT, JSON.stringify(value)) },
    nextJSON: async (): Promise<unknown> => JSON.parse(await client.text())
  }
}

test('http2: one room for sockets over HTTP/1.1 and HTTP/2, two of them on one session', async t => {
  const example = await start(t, 'http2', await certificate(t))
  t.match(example.url, /^https:/)
  const session = await sessionWith(t, example)
  const one = await join(session, '/chat')
  const other = await join(session, '/chat')
  const old = await Client.open(example, '/chat')
  t.not(one.id, other.id)
  const all = [[one, `HTTP/2.0, stream ${one.id}`], [other, `HTTP/2.0, stream ${other.id}`], [old, 'HTTP/1.1']] as const
  for (const [client, over] of all) t.same(await client.nextJSON(), { over, text: 'welcome' })
  for (const [client, over] of all) {
    client.sendJSON({ text: `this is ${over}` })
    for (const [listener] of all) t.same(await listener.nextJSON(), { over, text: `this is ${over}` })
  }
})

test('http2: GET / is one HTML page that loads nothing else', async t => {
  const session = await sessionWith(t, await start(t, 'http2', await certificate(t)))
  const stream = session.request({ ':path': '/' })
  const [headers] = await once(stream, 'response')
  t.match(headers, { ':status': 200, 'content-type': /^text\/html/ })
  let html = ''
  for await (const chunk of stream) html += chunk
  t.match(html, /<title>fastify-sockets over HTTP\/2<\/title>/)
  t.notMatch(html, /\b(?:src|href)="(?!data:)/)
})

test('http2: without a key or a certificate it says how to make them', async t => {
  const files = await certificate(t)
  for (const [env, missing] of [
    [{ KEY: '', CERT: files.CERT }, 'KEY'], [{ KEY: files.KEY, CERT: `${files.CERT}.old` }, 'CERT']
  ] as const) {
    const { status, stdout, stderr } = spawnSync(...plainNode('dist/examples/http2.js'), {
      cwd: ROOT, encoding: 'utf8', env: { ...process.env, PORT: '0', ...env }
    })
    t.equal(status, 1)
    t.equal(stdout, '')
    t.match(stderr, `${missing} must name a file in PEM format`)
    t.match(stderr, /openssl req -x509 .*\n.* -keyout key.pem -out cert.pem\n/)
    t.match(stderr, 'mkcert -key-file key.pem -cert-file cert.pem')
  }
})

test('http2: the TypeScript source runs as it stands', {
  skip: RUNS_TYPESCRIPT ? false : 'this version of Node does not run TypeScript'
}, async t => {
  const session = await sessionWith(t, await start(t, 'examples/http2.ts', await certificate(t)))
  const [headers] = await once(session.request({ ':path': '/nowhere' }), 'response')
  t.match(headers, { ':status': 404 })
})
