import { test } from 'tap'
import { deferred } from '../support/handshakes.ts'
import { handshake, RawClient } from '../support/raw-client.ts'
import { turn, until } from '../support/until.ts'
import { besieged, held, heldSince, MIB } from './support.ts'

test('bytes that come one by one while a hook decides take little more memory than they are', async t => {
  const stuck = deferred()
  const { app, port, isOver } = await besieged(t, () => { t.fail('the handler was called') }, {
    // Far longer than the bytes take on a busy machine.
    ws: { handshakeTimeout: 120_000 },
    declare: app => {
      app.addHook('preValidation', async request => {
        if (request.url !== '/') return
        stuck.resolve()
        await new Promise(() => {})
      })
    }
  })
  let read = (): number => 0
  app.server.once('connection', socket => { read = () => socket.bytesRead })
  const client = new RawClient(port)
  const begin = handshake('/')
  client.write(begin)
  await stuck.promise
  const count = 20_000
  const before = held()
  for (let i = 1; i <= count; i++) {
    client.write('x')
    // A read for each of them.
    await until(() => read() >= begin.length + i)
    await turn()
  }
  const grown = await heldSince(before, 2 * MIB)
  // The test itself leaves something behind as well.
  t.ok(grown < 2 * MIB, `${grown} bytes for ${count}`)
  client.reset()
  await isOver()
})
