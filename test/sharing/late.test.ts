import { test } from 'tap'
import { runScript } from '../support/handshakes.ts'

/** What the scripts below share: an app that is older than the package, and a client. */
const BEFORE = `
  const app = require('fastify')({ pluginTimeout: 5000 })
  const text = async url => {
    const client = await app.injectWS(url)
    return (await client[Symbol.asyncIterator]().next()).value
  }
  const refusal = async url => {
    try {
      await app.injectWS(url)
    } catch (error) {
      return error.statusCode + ' ' + error.body
    }
  }
  const print = (...values) => console.log(values.join(' '))
`

async function prints (t: any, script: string, wanted: RegExp[]): Promise<void> {
  const { code, stdout, stderr } = await runScript(BEFORE + script)
  t.equal(code, 0, stderr)
  t.equal(stderr, '', 'no warning')
  const lines = stdout.trim().split('\n')
  t.equal(lines.length, wanted.length, stdout)
  wanted.forEach((one, index) => t.match(lines[index], one))
}

for (const load of ["require('fastify-sockets')", "import('fastify-sockets')"]) {
  test(`an app that is older than the package, with ${load}: what is declared from then on is served`, async t => {
    await prints(t, `
      app.get('/plain', async () => 'http')
      app.register(${load})
      app.register(async child => { child.get('/child', { ws: true }, socket => { socket.send('child') }) }, { prefix: '/a' })
      app.after(() => { app.get('/after', { ws: true }, socket => { socket.send('after') }) })
      app.ready().then(async () => {
        print(await text('/a/child'), await text('/after'), (await app.inject('/plain')).body)
        await app.close()
      })
    `, [/^child after http$/])
  })
}

test('a route that was declared before that answers a handshake with an error that names it, and never calls its handler', async t => {
  await prints(t, `
    app.get('/early', { ws: true }, () => { print('called') })
    app.register(require('fastify-sockets'))
    app.get('/beside', { ws: true }, () => { print('called') })
    app.ready().then(async () => {
      print(await refusal('/early'))
      print(await refusal('/beside'))
      print(await refusal('/none'))
      await app.close()
    })
  `, [/^500 .*FST_ERR_WS_LOADED_LATE.*'\/early'/, /^500 .*FST_ERR_WS_LOADED_LATE.*'\/beside'/, /^404 /])
})

test('a plugin without fastify-plugin registers it for nobody else, which fails the boot of the others by name', async t => {
  await prints(t, `
    app.register(async instance => { instance.register(require('fastify-sockets')) })
    app.register(async instance => { instance.get('/sibling', { ws: true }, () => {}) })
    app.ready().catch(error => { print(error.code, error.message) })
  `, [/^FST_ERR_WS_NOT_REGISTERED the route '\/sibling'/])
})

test('hooks that were added before are held to the time limit, and to limits, and are counted', async t => {
  await prints(t, `
    app.addHook('onRequest', async () => { await new Promise(() => {}) })
    app.register(async instance => { instance.addHook('onRequest', async () => {}) })
    app.register(require('fastify-sockets'), { handshakeTimeout: 50, limits: { handshakesPerAddress: 1 } })
    app.register(async child => { child.get('/room', { ws: true }, () => {}) })
    app.ready().then(async () => {
      const first = refusal('/room')
      print(await refusal('/room'))
      print(await first)
      print(app.sockets.stats().refused)
      await app.close()
    })
  `, [/^429 .*FST_ERR_WS_TOO_MANY/, /^503 .*FST_ERR_WS_HANDSHAKE_TIMEOUT/, /^2$/])
})

test('beside another listener, a route from before is left to it', async t => {
  await prints(t, `
    app.get('/early', () => 'http')
    app.register(require('fastify-sockets'))
    app.register(async child => { child.get('/room', { ws: true }, socket => { socket.send('ours') }) })
    app.server.on('upgrade', (request, socket) => { socket.end('HTTP/1.1 299 Theirs\\r\\n\\r\\n') })
    app.listen({ port: 0, host: '127.0.0.1' }).then(async () => {
      const { port } = app.server.address()
      const client = new (require('ws').WebSocket)('ws://127.0.0.1:' + port + '/room')
      client.on('message', message => {
        print(message)
        client.terminate()
        const other = new (require('ws').WebSocket)('ws://127.0.0.1:' + port + '/early')
        other.on('unexpected-response', (request, response) => {
          print(response.statusCode)
          request.destroy()
          app.close()
        })
        other.on('error', () => {})
      })
    })
  `, [/^ours$/, /^299$/])
})
