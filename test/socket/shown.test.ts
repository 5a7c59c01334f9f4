import { inspect } from 'node:util'
import type { BaseSocket, Socket, SocketSet } from 'fastify-sockets'
import { test } from 'tap'
import { createApp } from '../support/app.ts'
import { pair } from '../support/serve.ts'

/** Of which the compiler says that they are all that the types have, and no more. */
const BASE: Record<Exclude<keyof BaseSocket, typeof Symbol.asyncIterator>, true> = {
  id: true, protocol: true, extensions: true, state: true, bufferedAmount: true, dropped: true, validationError: true,
  send: true, drained: true, ping: true, close: true, closed: true, signal: true, terminate: true,
  on: true, once: true, off: true, addListener: true, removeListener: true, listenerCount: true
}
const OF_ROUTES: Record<Exclude<keyof Socket, keyof BaseSocket>, true> = { request: true, remoteAddress: true, subscriptions: true, subscribe: true, unsubscribe: true }
const SET: Record<Exclude<keyof SocketSet, typeof Symbol.iterator>, true> = { size: true, backplane: true, prepare: true, publish: true, broadcast: true, user: true, stats: true }

/** The names that an object shows, its own and inherited ones. */
function namesOf (object: object): string[] {
  const names = new Set<string>()
  for (let one = object; one !== Object.prototype; one = Object.getPrototypeOf(one)) {
    for (const name of Object.getOwnPropertyNames(one)) names.add(name)
  }
  names.delete('constructor')
  return [...names].sort()
}

test('a socket shows what its types show, and nothing of its inside', async t => {
  const { socket, app } = await pair(t)
  t.strictSame(namesOf(socket), Object.keys({ ...BASE, ...OF_ROUTES }).sort())
  t.strictSame(Object.keys(socket), [])
  t.strictSame(namesOf(app.sockets), Object.keys(SET).sort())
  const other = createApp(t)
  other.get('/', { ws: true }, () => {})
  await other.ready()
  const client = await other.injectWS('/')
  t.strictSame(namesOf(client), Object.keys(BASE).sort())
  t.match(inspect(client), new RegExp(`^Socket \\{\\s+id: '${client.id}',\\s+state: 'open',\\s+bufferedAmount: 0\\s+\\}$`))
})

test('console.log shows which socket it is, and how it stands', async t => {
  const { socket } = await pair(t)
  const { id } = socket
  t.equal(inspect(socket), `Socket { id: '${id}', route: '/', state: 'open', bufferedAmount: 0 }`.replace(/^(.{76,})$/, text => {
    return text.replace(/([{,]) /g, '$1\n  ').replace(' }', '\n}')
  }))
  t.match(inspect({ socket }), /socket: Socket \{/)
  void socket.close()
  t.match(inspect(socket), /state: 'closing'/)
})

test('everywhere it is the same object', async t => {
  const { socket, app, client } = await pair(t)
  t.strictSame([...app.sockets], [socket])
  t.equal([...app.sockets][0], socket)
  const found: unknown[] = []
  socket.on('message', function (this: unknown) { found.push(this) })
  t.equal(socket.on('ping', () => {}), socket)
  t.equal(socket.once('ping', () => {}), socket)
  t.equal(socket.off('ping', () => {}), socket)
  t.equal(socket.addListener('ping', () => {}), socket)
  t.equal(socket.removeListener('ping', () => {}), socket)
  socket.on('close', function (this: unknown) { found.push(this) })
  client.send(1, 'hello')
  await new Promise<void>(resolve => { socket.on('message', () => resolve()) })
  socket.terminate()
  await socket.closed
  await new Promise<void>(resolve => {
    socket.on('close', function (this: unknown) {
      found.push(this)
      resolve()
    })
  })
  t.equal(found.length, 3)
  for (const one of found) t.equal(one, socket)
})
