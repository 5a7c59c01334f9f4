import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { type Test, test } from 'tap'
import { openSession, openSocket, openStream } from '../http2/support.ts'
import { createApp, listen } from '../support/app.ts'
import { frameText, runScript } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { uncaught } from '../support/uncaught.ts'

interface Row {
  name: string
  server?: FastifyServerOptions
  /** Declares WebSocket routes, each of which says its name. */
  declare (app: FastifyInstance): void
  /** URLs of theirs, with the Host, and what they say. */
  ours: Array<[url: string, host: string, says: string]>
}

function route (app: FastifyInstance, url: string, says: string, constraints: Record<string, string> = {}): void {
  app.get(url, { ws: true, constraints }, socket => { socket.send(says) })
}

const color = {
  name: 'color',
  storage () {
    const handlers: Record<string, any> = {}
    return {
      get: (value: unknown) => handlers[value as string] ?? null,
      set: (value: unknown, handler: unknown) => { handlers[value as string] = handler }
    }
  },
  deriveConstraint: (request: any) => request.headers.host ?? request.headers[':authority'],
  validate () {}
}

/** Each of them is more than one route to Fastify, and the same one without its constraints. */
const ROWS: Row[] = [
  {
    name: 'two hosts with other names for a parameter',
    declare (app) {
      route(app, '/rooms/:a', 'one', { host: 'one.example' })
      route(app, '/rooms/:b', 'two', { host: 'two.example' })
    },
    ours: [['/rooms/1', 'one.example', 'one'], ['/rooms/1', 'two.example', 'two']]
  },
  {
    name: 'two hosts, with an optional parameter on one of them',
    declare (app) {
      route(app, '/rooms/:a', 'one', { host: 'one.example' })
      route(app, '/rooms/:b?', 'two', { host: 'two.example' })
    },
    ours: [['/rooms/1', 'one.example', 'one'], ['/rooms/1', 'two.example', 'two'], ['/rooms', 'two.example', 'two']]
  },
  {
    name: 'the root of a prefix, where a trailing slash is ignored',
    server: { routerOptions: { ignoreTrailingSlash: true } },
    declare (app) {
      app.register(async child => { route(child, '/', 'root') }, { prefix: '/rooms' })
    },
    ours: [['/rooms', 'localhost', 'root'], ['/rooms/', 'localhost', 'root']]
  },
  {
    name: 'two spellings on two hosts, where a trailing slash is ignored',
    server: { routerOptions: { ignoreTrailingSlash: true } },
    declare (app) {
      route(app, '/rooms', 'one', { host: 'one.example' })
      route(app, '/rooms/', 'two', { host: 'two.example' })
    },
    ours: [['/rooms/', 'one.example', 'one'], ['/rooms', 'two.example', 'two']]
  },
  {
    name: 'two spellings on two hosts, where doubled slashes are ignored',
    server: { routerOptions: { ignoreDuplicateSlashes: true } },
    declare (app) {
      route(app, '/rooms/one', 'one', { host: 'one.example' })
      route(app, '/rooms//one', 'two', { host: 'two.example' })
    },
    ours: [['/rooms///one', 'one.example', 'one'], ['/rooms/one', 'two.example', 'two']]
  },
  {
    name: 'two spellings on two hosts, where case does not matter',
    server: { routerOptions: { caseSensitive: false } },
    declare (app) {
      route(app, '/rooms', 'one', { host: 'one.example' })
      route(app, '/ROOMS', 'two', { host: 'two.example' })
    },
    ours: [['/Rooms', 'one.example', 'one'], ['/rooms', 'two.example', 'two']]
  },
  {
    name: 'a constraint of its own',
    server: { routerOptions: { constraints: { color } } } as FastifyServerOptions,
    declare (app) {
      route(app, '/rooms', 'red', { color: 'red' })
      route(app, '/rooms', 'blue', { color: 'blue' })
    },
    ours: [['/rooms', 'red', 'red'], ['/rooms', 'blue', 'blue']]
  },
  {
    name: 'URLs that are rewritten',
    server: { rewriteUrl: request => request.url!.replace('/v1', '') },
    declare: app => route(app, '/rooms', 'rooms'),
    ours: [['/v1/rooms', 'localhost', 'rooms'], ['/v1/rooms?a=b', 'localhost', 'rooms'], ['/rooms', 'localhost', 'rooms']]
  }
]

/** Another listener, before ours and behind it, which answers whatever is not ours. Returns what it has seen of that. */
function listenBeside (t: Test, app: FastifyInstance, event: 'upgrade' | 'connect', isOurs: (url: string) => boolean): string[] {
  const seen: string[] = []
  app.server.prependListener(event as 'upgrade', (request, to: any) => {
    if (isOurs(request.url!)) return
    seen.push(request.url!)
    t.equal((request as { originalUrl?: string }).originalUrl, undefined)
    if (event === 'upgrade') to.end('HTTP/1.1 299 Theirs\r\n\r\n')
    else to.writeHead(299).end()
  })
  app.server.on(event as 'upgrade', request => { if (!isOurs(request.url!)) seen.push(request.url!) })
  app.addHook('onRequest', async ({ originalUrl }) => { if (!isOurs(originalUrl)) t.fail(`a hook has run for ${originalUrl}`) })
  return seen
}

for (const { name, server, declare, ours } of ROWS) {
  for (const http2 of [false, true]) {
    test(`over HTTP/${http2 ? 2 : '1.1'}, beside another listener, with ${name}: ours are ours, others are left alone`, async t => {
      const found = uncaught(t)
      const app = createApp(t, {}, { ...server, http2 } as FastifyServerOptions)
      const isOurs = (url: string): boolean => ours.some(([known]) => known === url)
      const seen = listenBeside(t, app, http2 ? 'connect' : 'upgrade', isOurs)
      declare(app)
      const port = await listen(app)
      const session = http2 ? await openSession(t, port) : null
      for (const [url, host, says] of ours) {
        if (session !== null) {
          t.equal(await (await openSocket(session, url, { ':authority': host })).text(), says)
        } else {
          const client = await RawClient.open(port, url, { Host: host })
          t.teardown(() => client.destroy())
          t.equal(await frameText(client), says)
        }
      }
      for (const url of ['/elsewhere', '/v1/elsewhere', '/%zz']) {
        const lines = app.lines.length
        if (session !== null) {
          t.equal(await openStream(session, url).status(), 299)
        } else {
          const client = new RawClient(port)
          client.write(handshake(url))
          t.equal((await client.response()).status, 299)
          await client.destroy()
        }
        t.same(seen.splice(0), [url, url], 'before us and after')
        t.same(app.lines.slice(lines), [], 'nothing is logged')
      }
      t.same(found, [])
    })
  }
}

for (const [how, rewriteUrl] of [
  ['throws', () => { throw new Error('on purpose') }], ['returns no string', () => undefined]
] as Array<[string, () => never]>) {
  test(`beside another listener, a rewriteUrl that ${how} leaves the request to that`, async t => {
    const found = uncaught(t)
    const app = createApp(t, {}, { rewriteUrl, http2: false } as FastifyServerOptions)
    const seen = listenBeside(t, app, 'upgrade', () => false)
    route(app, '/rooms', 'rooms')
    const client = new RawClient(await listen(app))
    client.write(handshake('/rooms'))
    t.equal((await client.response()).status, 299)
    await client.destroy()
    t.same(seen, ['/rooms', '/rooms'])
    t.same(found, [])
  })
}

test('rewriteUrl is found where the plugin has seen only a child of the app, because it was loaded late', async t => {
  const { stdout, stderr } = await runScript(`
    const app = require('fastify')({ rewriteUrl: request => request.url.replace('/v1', '') })
    app.register(async child => {
      await child.register(require('fastify-sockets'))
      child.get('/rooms', { ws: true }, socket => { socket.send('rooms') })
    })
    app.server.on('upgrade', () => {})
    app.listen({ port: 0, host: '127.0.0.1' }).then(() => {
      const client = new (require('ws').WebSocket)('ws://127.0.0.1:' + app.server.address().port + '/v1/rooms')
      client.on('message', message => {
        console.log(String(message))
        process.exit()
      })
    })
    setTimeout(() => process.exit(1), 10_000)`)
  t.equal(stdout, 'rooms\n', stderr)
})
