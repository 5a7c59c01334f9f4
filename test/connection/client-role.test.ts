import { test, type Test } from 'tap'
import type { BaseSocket, Socket, SocketOptions } from 'fastify-sockets'
import { createApp } from '../support/app.ts'
import { fakeClock } from '../support/clock.ts'
import { nextMessage } from '../support/serve.ts'
import { turn, until } from '../support/until.ts'

interface Ends {
  server: Socket<any, any>
  client: BaseSocket
}

/** Both ends of a connection in memory, each of them this package's. */
async function ends (t: Test, ws: SocketOptions = {}): Promise<Ends> {
  const app = createApp(t)
  let server: Socket<any, any> | undefined
  app.get('/', { ws }, socket => { server = socket })
  await app.ready()
  const client = await app.injectWS('/') as BaseSocket
  t.teardown(() => client.terminate())
  await until(() => server !== undefined)
  return { server: server!, client }
}

for (const size of [0, 5, 125, 126, 2048, 2049, 65_535, 65_536, 300_000]) {
  test(`a client masks messages of ${size} bytes as the server reads them, and leaves the data as it was`, async t => {
    const { client, server } = await ends(t)
    const data = Buffer.alloc(size, 'abc')
    client.send(data)
    client.send(data.toString())
    t.equal((await nextMessage(server) as Buffer).equals(data), true)
    t.equal(await nextMessage(server) === data.toString(), true)
    t.equal(data.equals(Buffer.alloc(size, 'abc')), true)
  })
}

test('small and large messages of a client keep their order', async t => {
  const { client, server } = await ends(t)
  const sizes = [1, 20_000, 2, 30_000, 3]
  for (const size of sizes) client.send('x'.repeat(size))
  for (const size of sizes) t.equal((await nextMessage(server) as string).length, size)
})

test('the server answers a client, which answers its pings', async t => {
  const { client, server } = await ends(t)
  server.send('hello')
  t.equal(await nextMessage(client), 'hello')
  t.type(await server.ping(), 'number')
  t.type(await client.ping(), 'number')
})

test('a close by the client is clean on both sides', async t => {
  const { client, server } = await ends(t)
  const closed = client.close(4000, 'from the client')
  t.strictSame(await server.closed, { code: 4000, reason: 'from the client', wasClean: true, initiator: 'remote' })
  t.strictSame(await closed, { code: 4000, reason: 'from the client', wasClean: true, initiator: 'local' })
})

test('a close by the server is clean on both sides', async t => {
  const { client, server } = await ends(t)
  const closed = server.close(4000, 'from the server')
  t.strictSame(await client.closed, { code: 4000, reason: 'from the server', wasClean: true, initiator: 'remote' })
  t.strictSame(await closed, { code: 4000, reason: 'from the server', wasClean: true, initiator: 'local' })
})

test('a client leaves it to the server to end the transport, and cuts it after closeTimeout', async t => {
  const clock = fakeClock(t)
  const { client, server } = await ends(t, { heartbeat: false })
  const { socket: transport } = server.request
  // The server's end of the transport stays open, as with a server that does not do its part.
  transport.end = () => transport
  const closed = client.close()
  for (let i = 0; i < 5; i++) await turn()
  t.equal(client.state, 'closing')
  clock.tick(5000)
  t.match(await closed, { code: 1000, wasClean: true })
})

test('a client that sees the server cut the connection reports 1006', async t => {
  const { client, server } = await ends(t)
  server.terminate()
  t.match(await client.closed, { code: 1006, wasClean: false, initiator: 'remote' })
})
