import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type Test } from 'tap'
import { VERSION } from '../../lib/plugin/copies.ts'
import { ROOT, runScript } from '../support/handshakes.ts'

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

/** Another version of the package, beside ours in dist/, where it finds its dependencies. */
function otherVersion (t: Test, version: string): string {
  const folder = mkdtempSync(join(ROOT, 'dist/other-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(join(ROOT, 'dist/lib'), join(folder, 'lib'), { recursive: true })
  const file = join(folder, 'lib/plugin/copies.js')
  writeFileSync(file, readFileSync(file, 'utf8').replace(`'${VERSION}'`, `'${version}'`))
  return join(folder, 'lib/index.js')
}

/** Loads both, and registers ours in an app with a route. */
function both (other: string): string {
  return `
    const sockets = require('fastify-sockets')
    const other = require(${JSON.stringify(other)})
    const app = require('fastify')()
    app.register(sockets)
    try {
      app.get('/room', { ws: true }, socket => { socket.send('hello') })
    } catch (error) {
      console.log(error.code, error.message)
      process.exit()
    }
    app.ready().then(async () => {
      const client = await app.injectWS('/room')
      console.log((await client[Symbol.asyncIterator]().next()).value)
      await app.close()
    })
  `
}

test('its version is that of package.json', async t => {
  t.equal(VERSION, JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version)
})

test('two copies of compatible versions share an app', async t => {
  const { stdout, stderr } = await runScript(both(otherVersion(t, VERSION.replace(/\d+$/, '99'))))
  t.same([stdout.trim(), stderr], ['hello', ''])
})

test('of two versions that are not compatible neither takes a route, and the error names both', async t => {
  const { stdout, stderr } = await runScript(both(otherVersion(t, '9.1.0')))
  t.match(stdout, /^FST_ERR_WS_TWO_VERSIONS .*0\.1\.0 and 9\.1\.0/, stderr)
})
