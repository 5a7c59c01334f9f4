import { test } from 'tap'
import { codeOf } from '../support/serve.ts'
import { until } from '../support/until.ts'
import { house, infoOf, leave, stillClock } from './people.ts'

test('a topic knows its members, in the order in which they came, and what is told of each', async t => {
  const { rooms, enter } = await house(t, { presence: infoOf })
  t.strictSame(await rooms.members({ room: 'a' }), [])
  t.equal(await rooms.count({ room: 'a' }), 0)
  await enter('user=zoe&info=phone')
  await enter('user=ada&info=desk')
  await enter('user=bob&info=tv', 'b')
  t.strictSame(await rooms.members({ room: 'a' }), [{ id: 'zoe', info: 'phone' }, { id: 'ada', info: 'desk' }])
  t.strictSame(await rooms.members({ room: 'b' }), [{ id: 'bob', info: 'tv' }])
  t.strictSame([await rooms.count({ room: 'a' }), await rooms.count({ room: 'b' })], [2, 1])
})

test('nothing is told of a member by default; without identify, each socket is a member', async t => {
  for (const presence of [true, {}] as const) {
    const { rooms, enter } = await house(t, { presence })
    const [one, two] = [await enter(), await enter()]
    t.strictSame(await rooms.members({ room: 'a' }), [one, two].map(({ socket }) => ({ id: socket.id, info: undefined })))
  }
})

test('a user with two sockets is one member; what the last of them says is told', async t => {
  const { rooms, enter } = await house(t, { presence: { info: infoOf, grace: 0 } })
  const phone = await enter('user=ada&info=phone')
  const desk = await enter('user=ada&info=desk')
  t.strictSame(await rooms.members({ room: 'a' }), [{ id: 'ada', info: 'desk' }])
  const other = await enter('user=bob&info=tv')
  await leave(phone)
  // Whoever has left by now is gone at the same time.
  await leave(other)
  await until(async () => await rooms.count({ room: 'a' }) === 1)
  t.strictSame(await rooms.members({ room: 'a' }), [{ id: 'ada', info: 'desk' }])
  await leave(desk)
  await until(async () => await rooms.count({ room: 'a' }) === 0)
})

test('a socket that subscribes twice is one member, and leaves at once', async t => {
  const { rooms, enter } = await house(t, { presence: { grace: 0 } })
  const { socket } = await enter('user=ada')
  await socket.subscribe(rooms, { room: 'a' })
  t.equal(await rooms.count({ room: 'a' }), 1)
  t.equal(socket.unsubscribe(rooms, { room: 'a' }), true)
  await until(async () => await rooms.count({ room: 'a' }) === 0)
  await socket.subscribe(rooms, { room: 'a' })
  t.equal(await rooms.count({ room: 'a' }), 1, 'it may come back')
})

test('whoever is in two rooms may leave one', async t => {
  const { rooms, enter } = await house(t, { presence: { grace: 0 } })
  const { socket } = await enter('user=ada')
  await socket.subscribe(rooms, { room: 'b' })
  socket.unsubscribe(rooms, { room: 'a' })
  await until(async () => await rooms.count({ room: 'a' }) === 0)
  t.strictSame(await rooms.members({ room: 'b' }), [{ id: 'ada', info: undefined }])
})

test('members include oneself by the time that begin is called, and subscribe() resolves', async t => {
  const { rooms, visit } = await house(t, { presence: infoOf })
  const { socket } = await visit('user=ada&info=desk')
  let seen: unknown
  const subscribed = socket.subscribe(rooms, { room: 'a' }, {
    async begin () { seen = await rooms.members({ room: 'a' }) }
  })
  await subscribed
  t.strictSame(seen, [{ id: 'ada', info: 'desk' }])
})

for (const [how, go] of Object.entries({
  'the client closes': visit => leave(visit),
  'the client is cut off': ({ client }) => { client.terminate() },
  'close()': ({ socket, client }) => {
    void socket.close(1000)
    client.close()
  },
  'terminate()': ({ socket }) => { socket.terminate() },
  'unsubscribe()': ({ socket }, rooms) => { socket.unsubscribe(rooms, { room: 'a' }) }
} satisfies Record<string, (visit: Awaited<ReturnType<Awaited<ReturnType<typeof house>>['enter']>>, rooms: any) => unknown>)) {
  test(`a member leaves: ${how}`, async t => {
    const { rooms, enter } = await house(t, { presence: { grace: 0 } })
    const visit = await enter('user=ada')
    await enter('user=bob')
    await go(visit, rooms)
    await until(async () => await rooms.count({ room: 'a' }) === 1)
    t.strictSame(await rooms.members({ room: 'a' }), [{ id: 'bob', info: undefined }])
  })
}

test('what info throws fails subscribe(), and nobody has come', async t => {
  const fault = new Error('on purpose')
  const { rooms, visit, enter } = await house(t, {
    presence: { info: socket => { if (infoOf(socket) === 'bad') throw fault }, grace: 0 }
  })
  const { socket } = await visit('user=ada&info=bad')
  await t.rejects(socket.subscribe(rooms, { room: 'a' }), fault)
  t.strictSame(socket.subscriptions, [])
  t.strictSame(await rooms.members({ room: 'a' }), [])
  t.equal(socket.state, 'open')

  await enter('user=ada&info=good')
  await t.rejects(socket.subscribe(rooms, { room: 'a' }), fault, 'it is asked again')
  t.equal(await rooms.count({ room: 'a' }), 1, 'the other socket of this user stays')
})

test('what info throws goes to onError if nobody waits for subscribe()', async t => {
  const fault = new Error('on purpose')
  const { rooms, visit, failures } = await house(t, { presence: () => { throw fault } })
  const { socket } = await visit()
  void socket.subscribe(rooms, { room: 'a' })
  await until(() => failures.length === 1)
  t.equal(failures[0], fault)
})

test('whose begin fails has been a member, and is none after the grace period', async t => {
  const { rooms, visit } = await house(t, { presence: true })
  const clock = await stillClock(t)
  const { socket } = await visit('user=ada')
  const fault = new Error('on purpose')
  await t.rejects(socket.subscribe(rooms, { room: 'a' }, { begin: () => Promise.reject(fault) }), fault)
  t.equal(await rooms.count({ room: 'a' }), 1)
  await clock.tickAsync(5000)
  t.equal(await rooms.count({ room: 'a' }), 0)
})

test('a topic that was declared without presence does not know who is there', async t => {
  const { rooms, enter } = await house(t)
  await enter('user=ada')
  for (const ask of [() => rooms.members({ room: 'a' }), () => rooms.count({ room: 'a' })]) {
    t.equal(await codeOf(ask), 'FST_ERR_WS_NO_PRESENCE')
  }
})
