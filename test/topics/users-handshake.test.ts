import type { Socket } from 'fastify-sockets'
import { type Test, test } from 'tap'
import { clientClosed, connect, createApp, listen } from '../support/app.ts'
import { deferred, lastResponse } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { accepted } from '../support/transport.ts'
import { turn, until } from '../support/until.ts'
import { identify } from './people.ts'

/* A user is known from the end of the hooks: a handshake may be under way for long after that, and is not missed. */

/** A route whose accepting answer waits for the test. */
async function slow (t: Test, onSend: () => Promise<unknown> = async () => {}) {
  const app = createApp(t, { identify })
  const go = deferred<void>()
  const sockets: Array<Socket<any, any>> = []
  let waiting = 0
  app.get('/', {
    ws: true,
    onSend: async (_request, reply, payload) => {
      // In memory it is 101 over whatever transport.
      if ([101, accepted].includes(reply.statusCode)) {
        waiting++
        await go.promise
        await onSend()
      }
      return payload
    }
  }, socket => { sockets.push(socket) })
  const port = await listen(app)
  return { app, port, go, sockets, isWaiting: () => waiting > 0 }
}

test('close() is not missed by a handshake under way: it opens, is closed, and its handler is not called', async t => {
  const { app, port, go, sockets, isWaiting } = await slow(t)
  const opening = connect(port, '/?user=ada')
  await until(isWaiting)
  const ada = app.sockets.user('ada')
  t.equal(ada.size, 0, 'it is not open yet')
  t.same([...ada], [])
  await ada.close(4001, 'signed out')
  await ada.close(4002)
  go.resolve()
  t.strictSame(await clientClosed(await opening), { code: 4001, reason: 'signed out' })
  await until(() => app.sockets.size === 0)
  const { opened, closed, refused } = app.sockets.stats()
  t.strictSame({ opened, closed, refused }, { opened: 1, closed: 1, refused: 0 })
  t.equal(sockets.length, 0)
  t.match(app.lines.find(({ msg }) => msg === 'websocket closed'), { ws: { code: 4001, initiator: 'local', wasClean: true } })

  const client = await connect(port, '/?user=ada')
  t.teardown(() => client.terminate())
  await until(() => sockets.length === 1)
  t.equal(sockets[0]!.state, 'open', 'the next connection is not closed')
  t.equal(ada.size, 1)
})

test('so does one in memory', async t => {
  const { app, go, sockets, isWaiting } = await slow(t)
  const opening = app.injectWS('/?user=ada')
  await until(isWaiting)
  await app.sockets.user('ada').close(4001)
  go.resolve()
  t.match(await (await opening).closed, { code: 4001, initiator: 'remote' })
  t.equal(sockets.length, 0)
})

test('send() goes to those that are open', async t => {
  const { app, port, go, sockets, isWaiting } = await slow(t)
  const opening = connect(port, '/?user=ada')
  await until(isWaiting)
  await app.sockets.user('ada').send('early')
  await app.sockets.broadcast('early')
  go.resolve()
  const client = await opening
  t.teardown(() => client.terminate())
  const got: string[] = []
  client.on('message', data => { got.push(data.toString()) })
  await until(() => sockets.length === 1)
  await app.sockets.user('ada').send('late')
  await until(() => got.length > 0)
  t.strictSame(got, ['late'])
})

test('close() during app.close(): the first code is sent', async t => {
  const { app, port, go, sockets, isWaiting } = await slow(t)
  const opening = connect(port, '/?user=ada')
  await until(isWaiting)
  const closing = app.close()
  await app.sockets.user('ada').close(4001)
  go.resolve()
  t.match(await clientClosed(await opening), { code: 4001 })
  await closing
  t.equal(sockets.length, 0)
})

test('nothing is left of a handshake that fails after identify', async t => {
  const { app, port, go, sockets, isWaiting } = await slow(t, async () => { throw new Error('on purpose') })
  const answer = lastResponse(port, handshake('/?user=ada'))
  await until(isWaiting)
  await app.sockets.user('ada').close(4001)
  go.resolve()
  t.equal((await answer).status, 500)
  t.equal(app.sockets.user('ada').size, 0)
  t.equal(sockets.length, 0)
  t.equal(app.sockets.stats().refused, 1)
})

test('nothing is left of a client that leaves after identify', async t => {
  const { app, port, go, sockets, isWaiting } = await slow(t)
  const client = new RawClient(port)
  client.write(handshake('/?user=ada'))
  await until(isWaiting)
  await client.destroy()
  await until(() => app.sockets.stats().refused === 1)
  await app.sockets.user('ada').close(4001)
  go.resolve()
  await turn()
  t.equal(app.sockets.user('ada').size, 0)
  t.equal(sockets.length, 0)
})
