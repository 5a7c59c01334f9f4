import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { masked } from '../support/frames.ts'
import { frameText } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'

test('the request holds the headers as its client wrote them, for as long as the connection lives', async t => {
  const app = createApp(t)
  app.get('/room', { ws: true }, socket => {
    const { raw } = socket.request
    socket.on('message', () => { socket.send(JSON.stringify([raw.rawHeaders, raw.headers])) })
  })
  const port = await listen(app)
  const sent = [
    { 'user-agent': 'a', 'X-fOrwarded-For': 'b', Own: 'c', Cookie: 'd=1' },
    { 'user-agent': 'a', 'X-fOrwarded-For': 'b', Own: 'c', Cookie: 'd=1' },
    { 'User-Agent': 'A', 'X-Forwarded-For': 'B', own: 'C', cookie: 'd=2', Accept: '' },
    { 'user-agent': 'a', 'X-fOrwarded-For': '', Own: '', Accept: '*/*' }
  ]
  const clients = await Promise.all(sent.map(headers => RawClient.open(port, '/room', headers)))
  for (const [i, client] of clients.entries()) {
    client.write(masked(1, 'which?'))
    const [rawHeaders, headers] = JSON.parse(await frameText(client))
    const own = Object.entries(sent[i]!)
    t.same(rawHeaders.slice(-2 * own.length), own.flat(), `raw headers of client ${i}`)
    for (const [name, value] of own) t.equal(headers[name.toLowerCase()], value, `${name} of client ${i}`)
    await client.destroy()
  }
})

test('Node makes the headers from the raw ones, when somebody asks for them', async t => {
  const server = createServer()
  t.teardown(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.write(handshake('/room', { Accept: 'a' }))
  const [request, socket] = await once(server, 'upgrade')
  request.rawHeaders[request.rawHeaders.indexOf('Accept') + 1] = 'b'
  t.equal(request.headers.accept, 'b')
  socket.destroy()
  await once(client, 'close')
})
