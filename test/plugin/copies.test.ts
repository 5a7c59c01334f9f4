import { test } from 'tap'
import { runScript } from '../support/handshakes.ts'

test('loaded again and again, as Jest does for each file of tests, it keeps the last copy only', async t => {
  const { code, stdout, stderr } = await runScript(`
    require('node:v8').setFlagsFromString('--expose-gc')
    const gc = require('node:vm').runInNewContext('gc')
    const load = () => {
      for (const path of Object.keys(require.cache)) delete require.cache[path]
      module.children.length = 0
      return new WeakRef(require('fastify-sockets'))
    }
    const copies = [load(), load(), load()]
    setImmediate(async () => {
      gc()
      console.log(...copies.map(copy => copy.deref() === undefined ? 'gone' : 'kept'))
      // What is left serves.
      const app = require('fastify')()
      app.register(require('fastify-sockets'))
      app.get('/room', { ws: true }, socket => { socket.send('hello') })
      await app.ready()
      const client = await app.injectWS('/room')
      console.log((await client[Symbol.asyncIterator]().next()).value)
      await app.close()
    })
  `)
  t.same([code, stdout.trim().split('\n')], [0, ['gone gone kept', 'hello']], stderr)
})
