import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import sockets from '../../lib/index.ts'
import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { handshake, KEY, RawClient } from '../support/raw-client.ts'
import { answer, FOLDER, requireNeighbour } from './neighbours.ts'

const ROOT = join(FOLDER, '../..')

test('@fastify/express: after app.use() the 101 is whole', async t => {
  const app = createApp(t)
  await app.register(requireNeighbour('@fastify/express'))
  ;(app as any).use((_request: unknown, _response: unknown, next: () => void) => next())
  app.get('/ours', { ws: true }, socket => { socket.on('message', message => { socket.send(`ours ${message}`) }) })
  const port = await listen(app)
  t.equal(await answer(port, '/ours'), 'ours hi')
  const client = new RawClient(port)
  client.write(handshake('/ours', { 'Sec-WebSocket-Key': KEY }))
  const { status, headers } = await client.response()
  t.same([status, headers.upgrade, headers['sec-websocket-accept']], [101, ['websocket'], ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo=']])
  await client.destroy()
})

test('@fastify/swagger shows HTTP routes, and no trace of those for upgrades only', async t => {
  const app = createApp(t)
  await app.register(requireNeighbour('@fastify/swagger'), { openapi: {}, exposeHeadRoutes: true })
  app.get('/plain', async () => 'http')
  app.get('/room', { ws: true, schema: { message: { type: 'string' }, send: { type: 'string' } } }, () => {})
  app.get('/hidden', { ws: true, schema: { hide: true } as object }, () => {})
  app.get('/both', { ws: { handler: () => {} } }, async () => 'http')
  await app.ready()
  const { paths } = (app as any).swagger()
  t.same(Object.keys(paths), ['/plain', '/both'])
})

test('@fastify/websocket in the same scope: its injectWS reaches the routes of both', async t => {
  for (const order of [[sockets, requireNeighbour('@fastify/websocket')], [requireNeighbour('@fastify/websocket'), sockets]]) {
    const app = Fastify()
    t.teardown(() => app.close())
    for (const plugin of order) app.register(plugin)
    app.register(async (child: any) => {
      child.get('/ours', { ws: true }, (socket: any) => { socket.on('message', (text: string) => { socket.send(`ours ${text}`) }) })
      child.get('/theirs', { websocket: true }, (socket: any) => { socket.on('message', (text: Buffer) => { socket.send(`theirs ${text}`) }) })
    })
    await app.ready()
    for (const url of ['/ours', '/theirs']) {
      const client: any = await app.injectWS(url)
      const answered = new Promise(resolve => { client.on('message', (text: Buffer) => resolve(String(text))) })
      client.send('hi')
      t.equal(await answered, `${url.slice(1)} hi`)
      client.terminate()
    }
  }
})

test('Nest, whose router has constraints of its own, beside another listener', async t => {
  requireNeighbour('reflect-metadata')
  const { NestFactory } = requireNeighbour('@nestjs/core')
  const { FastifyAdapter } = requireNeighbour('@nestjs/platform-fastify')
  function Empty (): void {}
  requireNeighbour('@nestjs/common').Module({})(Empty)
  const nest = await NestFactory.create(Empty, new FastifyAdapter(), { logger: ['error'] })
  t.teardown(() => nest.close())
  const app = nest.getHttpAdapter().getInstance()
  app.register(sockets)
  app.get('/ours', { ws: true }, (socket: any) => { socket.on('message', (text: string) => { socket.send(`ours ${text}`) }) })
  app.server.on('upgrade', (request: any, socket: any) => { if (request.url === '/theirs') socket.end('HTTP/1.1 299 Theirs\r\n\r\n') })
  await nest.listen(0, '127.0.0.1')
  const { port } = app.server.address()
  t.equal(await answer(port, '/ours'), 'ours hi')
  t.equal(await answer(port, '/theirs'), 299)
  t.equal(await answer(port, '/nobody'), 404)
})

/** A project of its own, with a plugin for autoload. */
function project (files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-sockets-'))
  cpSync(join(FOLDER, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(FOLDER, 'node_modules'), join(folder, 'node_modules'))
  for (const [name, text] of Object.entries(files)) {
    cpSync(join(FOLDER, 'package.json'), join(folder, name))
    writeFileSync(join(folder, name), text)
  }
  return folder
}

function freePort (): Promise<number> {
  return new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

const PACKAGE = JSON.stringify(join(ROOT, 'dist/lib/index.js'))
const AUTOLOAD = `
  import autoload from '@fastify/autoload'
  import { join } from 'node:path'
  export default async function (app, options) {
    for (const dir of ['plugins', 'routes']) app.register(autoload, { dir: join(import.meta.dirname, dir) })
  }`
const ROUTE = "export default async app => { app.get('/ours', { ws: true }, socket => { socket.on('message', text => { socket.send('ours ' + text) }) }) }"

for (const [what, plugin, works] of [
  ['with fastify-plugin', `import fp from 'fastify-plugin'\nimport sockets from ${PACKAGE}\nexport default fp(async app => { app.register(sockets) })`, true],
  ['without fastify-plugin', `import sockets from ${PACKAGE}\nexport default async app => { app.register(sockets) }`, false]
] as const) {
  test(`fastify-cli and autoload, which load the package after Fastify() was called: a plugin file ${what} ${works ? 'serves the routes' : 'fails the boot by the route\'s name'}`, async t => {
    const folder = project({ 'app.js': AUTOLOAD, 'plugins/sockets.js': plugin, 'routes/room.js': ROUTE })
    t.teardown(() => rmSync(folder, { recursive: true }))
    const port = await freePort()
    const cli = spawn(process.execPath, [join(FOLDER, 'node_modules/fastify-cli/cli.js'), 'start', 'app.js', '-p', String(port), '-l', 'info'], {
      cwd: folder, stdio: ['ignore', 'pipe', 'pipe']
    })
    t.teardown(() => { cli.kill('SIGKILL') })
    let output = ''
    const said = new Promise<void>(resolve => {
      for (const stream of [cli.stdout, cli.stderr]) {
        stream.on('data', chunk => {
          output += chunk
          if (/listening|FST_ERR/.test(output)) resolve()
        })
      }
      cli.on('exit', () => resolve())
    })
    await said
    if (works) t.equal(await answer(port, '/ours'), 'ours hi', output)
    else t.match(output, /FST_ERR_WS_NOT_REGISTERED|the route '\/ours' has the option 'ws'/)
  })
}
