const assert = require('node:assert/strict')
const required = require('fastify-sockets')
const Fastify = require('fastify')
const check = require('./check.cjs')

async function run () {
  const imported = await import('fastify-sockets')
  assert.equal(imported.default, required)
  const names = Object.keys(imported).filter(name => name !== 'default').sort()
  assert.deepEqual(names, ['CloseCode', 'ProtocolError', 'errors', 'sockets'])
  for (const name of names) assert.equal(imported[name], required[name], name)
  // Registered by one of them, known to the other.
  const app = Fastify()
  await app.register(required)
  await assert.rejects(app.register(imported.default).ready(), { code: 'FST_ERR_WS_ALREADY_REGISTERED' })
  console.log(await check(imported.default, required, Fastify))
}
run()
