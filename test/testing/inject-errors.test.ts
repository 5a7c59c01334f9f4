import type { Socket } from 'fastify-sockets'
import { test } from 'tap'
import { createApp } from '../support/app.ts'
import { uncaught } from '../support/uncaught.ts'
import { until } from '../support/until.ts'

test('errors of the test itself are not held back: they are uncaught', async t => {
  const found = uncaught(t) as any[]
  const app = createApp(t)
  app.setSerializerCompiler(() => (value: any) => value.text)
  app.get('/room', { ws: true, schema: { send: {} } }, (socket: Socket<any, any>) => {
    socket.on('message', text => { socket.send({ text }) })
  })
  await app.ready()
  const client = await app.injectWS<{}>('/room')
  client.on('message', message => { throw new Error(`thrown at ${message}`) })
  client.send('1')
  client.send('not JSON')
  client.on('pong', async () => {
    await client.close()
    throw new Error('rejected in the end')
  })
  await client.ping()
  await client.closed
  await until(() => found.length === 3)
  t.same(found.map(({ code, message }) => code ?? message), ['thrown at 1', 'FST_ERR_WS_INVALID_JSON', 'rejected in the end'])
})
