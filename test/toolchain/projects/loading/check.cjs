const assert = require('node:assert/strict')

/** What was loaded is the plugin with all its names, and works: a message goes through a route and back. */
module.exports = async function check (plugin, { CloseCode, errors, ProtocolError, sockets }, Fastify) {
  assert.equal(typeof plugin, 'function')
  assert.equal(sockets, plugin)
  assert.equal(CloseCode.NORMAL, 1000)
  assert.equal(new errors.FST_ERR_WS_NOT_OPEN('send()').code, 'FST_ERR_WS_NOT_OPEN')
  assert.equal(new ProtocolError(1002, 'wrong').closeCode, 1002)

  const app = Fastify()
  app.register(plugin)
  app.get('/echo', { ws: true }, socket => { socket.on('message', message => { socket.send(message) }) })
  await app.ready()
  const client = await app.injectWS('/echo')
  client.send('hello')
  assert.equal((await client[Symbol.asyncIterator]().next()).value, 'hello')
  const { code } = await client.close()
  assert.equal(code, 1000)
  await app.close()
  return 'works'
}
