import { test } from 'tap'
import { runScript } from '../support/handshakes.ts'

for (const load of ["require('fastify-sockets')", "import('fastify-sockets')"]) {
  test(`an app that is older than the package, with ${load}: topics are declared once it has loaded, in every scope`, async t => {
    const { code, stdout, stderr } = await runScript(`
      const app = require('fastify')({ pluginTimeout: 5000 })
      app.get('/plain', async () => 'http')
      app.register(async older => {
        await older.after()
        await new Promise(resolve => { setImmediate(resolve) })
      })
      const topics = {}
      console.log(typeof app.topic)
      app.register(${load})
      app.register(async child => { topics.child = child.topic('/rooms/:room') }, { prefix: '/a' })
      app.after(() => { topics.after = app.topic('/news', { schema: { message: { type: 'object', properties: { n: { type: 'integer' } } } } }) })
      app.register(async child => {
        child.get('/', { ws: true }, async socket => {
          await socket.subscribe(topics.child, { room: 'b' })
          await socket.subscribe(topics.after)
          await topics.child.publish({ room: 'b' }, 'hello')
          await topics.after.publish({ n: 1, m: 2 })
        })
      })
      app.ready().then(async () => {
        const client = await app.injectWS('/')
        for await (const message of client) {
          console.log(message)
          if (message !== 'hello') break
        }
        await app.close()
      })
    `)
    t.same([code, stderr], [0, ''])
    t.same(stdout.trim().split('\n'), ['undefined', 'hello', '{"n":1}'])
  })
}

test('a topic of such an app without the plugin in its scope fails its boot by name', async t => {
  const { stdout } = await runScript(`
    const app = require('fastify')()
    app.register(async child => { child.register(require('fastify-sockets')) })
    app.register(async child => { child.topic('/news') })
    app.ready().catch(error => { console.log(error.code, error.message) })
  `)
  t.match(stdout, /^FST_ERR_WS_NOT_REGISTERED the topic '\/news'/)
})

test('a topic is used with the sockets of an app that two copies of the package share', async t => {
  const { cpSync, mkdtempSync, rmSync } = await import('node:fs')
  const { join } = await import('node:path')
  const { ROOT } = await import('../support/handshakes.ts')
  const folder = mkdtempSync(join(ROOT, 'dist/other-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(join(ROOT, 'dist/lib'), join(folder, 'lib'), { recursive: true })
  const { stdout, stderr } = await runScript(`
    const sockets = require('fastify-sockets')
    require(${JSON.stringify(join(folder, 'lib/index.js'))})
    const app = require('fastify')()
    app.register(sockets)
    const topic = app.topic('/news')
    app.get('/', { ws: true }, async socket => {
      await socket.subscribe(topic)
      await socket.subscribe('talk')
      await topic.publish('not for me', { except: socket })
      await app.sockets.publish('talk', 'nor this', { except: socket })
      await topic.publish('topic')
      await app.sockets.publish('talk', 'talk')
      socket.send(app.sockets.prepare('prepared'))
    })
    app.ready().then(async () => {
      const client = await app.injectWS('/')
      for await (const message of client) {
        console.log(message)
        if (message === 'prepared') break
      }
      await app.close()
    })
  `)
  t.same([stdout.trim().split('\n'), stderr], [['topic', 'talk', 'prepared'], ''])
})
