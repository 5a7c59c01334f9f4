import { type Test, test } from 'tap'
import type { FastifyInstance } from 'fastify'
import { createApp, listen } from '../support/app.ts'
import { frameText } from '../support/handshakes.ts'
import { RawClient } from '../support/raw-client.ts'

const HTTP1 = { http2: false, https: null } as object

const dual = (app: FastifyInstance, host: string): void => {
  app.get('/room', { ws: { handler: socket => { socket.send(host) } }, constraints: { host } }, async () => 'http')
}
const upgradeOnly = (app: FastifyInstance, host: string): void => {
  app.get('/room', { ws: true, constraints: { host } }, socket => { socket.send(host) })
}

for (const order of [[dual, upgradeOnly], [upgradeOnly, dual], [dual, dual], [upgradeOnly, upgradeOnly]]) {
  test(`HEAD is there where HTTP is, by host: ${order.map(({ name }) => name).join(', ')}`, async t => {
    const app = createApp(t, {}, HTTP1)
    const hosts = ['one.example', 'two.example']
    order.forEach((declare, index) => declare(app, hosts[index]!))
    const port = await listen(app)
    for (const [index, declare] of order.entries()) {
      const response = await app.inject({ method: 'HEAD', url: '/room', headers: { host: hosts[index]! } })
      t.equal(response.statusCode, declare === dual ? 200 : 404, hosts[index])
      const client = await RawClient.open(port, '/room', { Host: hosts[index]! })
      t.equal(await frameText(client), hosts[index])
      await client.destroy()
    }
  })
}

test('the same handler on two routes has the HEAD of each', async t => {
  const app = createApp(t, {}, HTTP1)
  const http = async (): Promise<string> => 'http'
  for (const url of ['/a', '/b']) app.get(url, { ws: { handler: () => {} } }, http)
  app.register(async child => { child.get('/', { ws: { handler: () => {} } }, http) }, { prefix: '/c' })
  for (const url of ['/a', '/b', '/c', '/c/']) t.equal((await app.inject({ method: 'HEAD', url })).statusCode, 200, url)
})

test('a HEAD route of the user with the option is refused, whatever else is there', async t => {
  const app = createApp(t, {}, HTTP1)
  app.get('/room', { ws: true }, () => {})
  const declare = (): unknown => app.route({ method: 'HEAD', url: '/room', ws: true, handler: () => {} } as any)
  t.throws(declare, { code: 'FST_ERR_WS_METHOD' })
})

/** What a plugin that documents HTTP routes would show. */
function documented (t: Test): { app: FastifyInstance, shown: () => string[] } {
  const app = createApp(t, {}, HTTP1)
  const routes: any[] = []
  app.addHook('onRoute', options => { routes.push(options) })
  return { app, shown: () => routes.filter(({ schema }) => schema?.hide !== true).map(({ method, url }) => `${method} ${url}`) }
}

test('a route for upgrades only is left out of documents of HTTP routes, with its twin', async t => {
  const { app, shown } = documented(t)
  app.get('/plain', async () => 'http')
  app.get('/room', { ws: true, schema: { message: { type: 'string' } } }, () => {})
  app.get('/hidden', { ws: { handler: () => {} }, schema: { hide: true } as object }, async () => 'http')
  app.get('/both', { ws: { handler: () => {} } }, async () => 'http')
  app.get('/shown', { ws: true, schema: { hide: false } as object }, () => {})
  await app.ready()
  t.same(shown(), ['GET /plain', 'HEAD /plain', 'GET /both', 'HEAD /both', 'GET /shown', ' /shown'])
})
