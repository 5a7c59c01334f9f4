import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createSecureServer } from 'node:http2'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { promisify } from 'node:util'
import { test, type Test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { selfSigned } from '../support/certificate.ts'
import { plainNode } from '../support/plain-node.ts'

const { key, cert } = await selfSigned()
const dialFile = new URL('../../lib/client-node/dial.js', import.meta.url).href

/** Runs a program that has a `dial` to this URL, and says what it has written when it has ended by itself, and what was left then. */
async function run (url: string, program: string): Promise<string> {
  const [command, args] = plainNode('--input-type=module', '--eval', `
    import { createDial } from '${dialFile}'
    const dial = createDial({ tls: { ca: ${JSON.stringify(cert)} } })
    const target = { url: '${url}', protocols: [], headers: {} }
    const begun = {}
    const quiet = { onOpen () {}, onMessage () {}, onPong () {}, onEnd () {} }
    process.on('exit', () => { console.log('exit', begun.at !== undefined && performance.now() - begun.at > 2000 ? 'late' : 'soon', process.getActiveResourcesInfo().filter(one => one !== 'PipeWrap' && one !== 'TTYWrap').join()) })
    ${program}
  `)
  const { stdout } = await promisify(execFile)(command, args, { timeout: 20_000 })
  return stdout.trim()
}

const PHASES = [
  { name: 'is closed', program: `
    const line = dial(target, { ...quiet, onOpen: () => setImmediate(() => line.close(1000, '')), onEnd (ending) { console.log(ending.code, ending.wasClean); begun.at = performance.now() } })
  `, told: '1000 true\nexit soon' },
  { name: 'is dropped', program: `
    const line = dial(target, { ...quiet, onOpen: () => setImmediate(() => { line.drop(); begun.at = performance.now() }) })
  `, told: 'exit soon' },
  { name: 'is dropped at once', program: `
    begun.at = performance.now()
    dial(target, quiet).drop()
  `, told: 'exit soon' },
  { name: 'is dropped with others, after each turn of its beginning', program: `
    for (let i = 0; i < 60; i++) {
      const lines = [dial(target, quiet), dial(target, quiet)]
      for (let turns = 0; turns < i; turns++) await new Promise(resolve => { setImmediate(resolve) })
      for (const line of lines) line.drop()
    }
    begun.at = performance.now()
  `, told: 'exit soon' }
]

const SERVERS: Array<{ name: string, url: (t: Test) => Promise<string>, phases: typeof PHASES }> = [
  { name: 'HTTP/1.1', url: t => app(t, 'ws', {}), phases: PHASES },
  { name: 'TLS', url: t => app(t, 'wss', { https: { key, cert } }), phases: PHASES },
  { name: 'HTTP/2', url: t => app(t, 'wss', { http2: true, https: { key, cert } }), phases: PHASES },
  { name: 'HTTP/2 without WebSockets', url: withoutWebSockets, phases: PHASES.slice(2) },
  { name: 'HTTP/2 whose server never ends a connection', url: endless, phases: PHASES.slice(0, 2) },
  { name: 'a server that never speaks', url: silent, phases: PHASES.slice(2) }
]

async function app (t: Test, scheme: string, server: Record<string, unknown>): Promise<string> {
  const app = createApp(t, {}, server)
  app.get('/', { ws: true }, () => {})
  // Over HTTP/2, Node 20 does not always notice that a client has left while the server's own SETTINGS were on their way to it.
  destroyedAtEnd(t, app.server)
  return `${scheme}://localhost:${await listen(app)}/`
}

async function withoutWebSockets (t: Test): Promise<string> {
  const server = createSecureServer({ key, cert, allowHTTP1: true })
  server.on('sessionError', () => {})
  return await addressOf(t, server)
}

/** What the server sends arrives, but not its end, nor that of TLS. */
async function endless (t: Test): Promise<string> {
  const { port } = new URL(await app(t, 'wss', { http2: true, https: { key, cert } }))
  const relay = createServer({ allowHalfOpen: true }, near => {
    const far = connect({ port: Number(port), allowHalfOpen: true })
    near.on('error', () => {}).on('data', chunk => far.write(chunk))
    far.on('error', () => {}).on('data', chunk => { if (!near.readableEnded) near.write(chunk) })
  })
  return await addressOf(t, relay)
}

async function silent (t: Test): Promise<string> {
  const server = createTlsServer({ key, cert, ALPNProtocols: ['h2'] }, socket => { socket.on('error', () => {}).resume() })
  return await addressOf(t, server)
}

/** Where the server listens, until the test ends. */
async function addressOf (t: Test, server: Server): Promise<string> {
  server.listen(0)
  await once(server, 'listening')
  t.teardown(() => server.close())
  destroyedAtEnd(t, server)
  return `wss://localhost:${(server.address() as AddressInfo).port}/`
}

/** Whatever connections the server still has when the test ends are cut. */
function destroyedAtEnd (t: Test, server: Server): void {
  const sockets = new Set<Socket>()
  server.on('connection', socket => { sockets.add(socket) })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
}

for (const { name, url, phases } of SERVERS) {
  test(`${name}: a process ends once its lines have gone`, async t => {
    const address = await url(t)
    await Promise.all(phases.map(async ({ name, program, told }) => {
      t.equal(await run(address, program), told, `a line that ${name}`)
    }))
  })
}
