import { test } from 'tap'
import { until } from '../support/until.ts'
import { announce, house, infoOf } from './people.ts'

test('changes are published to everybody in the room, the newcomer included, and are in the order of the topic', async t => {
  const { rooms, visit, enter } = await house(t, { presence: { info: infoOf, announce } })
  const ada = await enter('user=ada&info=desk')
  const other = await enter('user=zoe', 'b')
  const bob = await visit('user=bob&info=tv')
  await bob.socket.subscribe(rooms, { room: 'a' }, {
    async begin () {
      await rooms.publish({ room: 'a' }, { type: 'said', who: 'bob' })
      bob.socket.send('{"type":"welcome"}')
    }
  })
  await rooms.publish({ room: 'a' }, { type: 'said', who: 'ada' })
  await until(() => ada.got.length === 4 && bob.got.length === 4)
  const [joined, ...said] = [{ type: 'joined', who: 'bob', info: 'tv' }, { type: 'said', who: 'bob' }, { type: 'said', who: 'ada' }]
  t.strictSame(ada.got, [{ type: 'joined', who: 'ada', info: 'desk' }, joined, ...said])
  t.strictSame(bob.got, [{ type: 'welcome' }, joined, ...said], 'after its welcome')
  t.strictSame(other.got, [{ type: 'joined', who: 'zoe' }])
})

test('without announce nothing is published', async t => {
  const { app, rooms, enter } = await house(t, { presence: { info: infoOf, grace: 0 } })
  const { socket } = await enter('user=ada')
  socket.unsubscribe(rooms, { room: 'a' })
  await until(async () => await rooms.count({ room: 'a' }) === 0)
  t.equal(app.sockets.stats().topics[rooms.url]!.published, 0)
})

test('changes are messages of the history: they have a position, and are part of what was missed', async t => {
  const { rooms, visit, enter } = await house(t, {
    history: { size: 10, ttl: 60_000, position: 'at' }, presence: { grace: 0, announce }
  })
  const ada = await enter('user=ada')
  await until(() => ada.got.length === 1)
  const since = ada.got[0].at
  t.type(since, 'string')
  await enter('user=bob')
  ada.socket.unsubscribe(rooms, { room: 'a' })
  await until(async () => await rooms.count({ room: 'a' }) === 1)

  const again = await visit('user=ada')
  t.equal((await again.socket.subscribe(rooms, { room: 'a' }, { since })).recovered, true)
  await until(() => again.got.length === 3)
  t.match(again.got, [{ type: 'joined', who: 'bob' }, { type: 'left', who: 'ada' }, { type: 'joined', who: 'ada' }])
  t.strictSame((await rooms.history({ room: 'a' })).map(({ message }) => message), [ada.got[0], ...again.got])
})

for (const [what, fault, code] of [
  ['announce throws', () => { throw Object.assign(new Error('on purpose'), { code: 'OURS' }) }, 'OURS'],
  ['it returns what does not fit the schema', () => ({ type: 'joined' }), 'FST_ERR_WS_INVALID_PUBLISH']
] as const) {
  test(`the members are right and a line is logged when ${what}`, async t => {
    const { app, rooms, enter } = await house(t, { presence: { grace: 0, announce: fault as () => object } })
    const { socket, got } = await enter('user=ada')
    t.strictSame(await rooms.members({ room: 'a' }), [{ id: 'ada', info: undefined }])
    const logged = () => app.lines.filter(({ msg }) => msg === 'publishing to a topic failed')
    await until(() => logged().length === 1)
    t.match(logged()[0], { level: 50, err: { code }, topic: '/rooms/a', untold: 0 })
    await rooms.publish({ room: 'a' }, { type: 'said', who: 'ada' })
    await until(() => got.length === 1)
    t.strictSame(got, [{ type: 'said', who: 'ada' }])
    socket.unsubscribe(rooms, { room: 'a' })
    await until(async () => await rooms.count({ room: 'a' }) === 0)
    t.equal(logged().length, 1, 'the next failure comes within a second: it is counted')
  })
}
