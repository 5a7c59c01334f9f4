import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'tap'
import { createApp, listen } from '../support/app.ts'
import { frameText } from '../support/handshakes.ts'
import { RawClient } from '../support/raw-client.ts'

test("what a hook runs the rest in is there in the handler and in its loop, and in listeners that are bound to it", async t => {
  const app = createApp(t)
  const store = new AsyncLocalStorage<string>()
  app.addHook('onRequest', (request, _reply, done) => { store.run(request.url, done) })
  app.addHook('preHandler', async () => { await turn() })
  app.get('/loop/:n', { ws: true }, async socket => {
    socket.send(`handler ${store.getStore()}`)
    await turn()
    socket.send(`after a wait ${store.getStore()}`)
    for await (const message of socket) socket.send(`${message} ${store.getStore()}`)
  })
  app.get('/listeners/:n', { ws: true }, socket => {
    socket.on('message', AsyncLocalStorage.bind(message => { socket.send(`${message} ${store.getStore()}`) }))
  })
  const port = await listen(app)

  const clients = new Map<string, RawClient>()
  for (const url of ['/loop/1', '/loop/2', '/listeners/1', '/listeners/2']) clients.set(url, await RawClient.open(port, url))
  for (const url of ['/loop/1', '/loop/2']) {
    t.equal(await frameText(clients.get(url)!), `handler ${url}`)
    t.equal(await frameText(clients.get(url)!), `after a wait ${url}`)
  }
  for (const message of ['first', 'second']) {
    for (const client of clients.values()) client.send(1, message)
    for (const [url, client] of clients) t.equal(await frameText(client), `${message} ${url}`)
  }
  for (const client of clients.values()) await client.destroy()
})
