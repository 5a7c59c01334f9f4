import { test } from 'tap'
import { until } from '../support/until.ts'
import { announce, house, infoOf, leave, stillClock } from './people.ts'

/** Who came and went, as somebody in the room was told. */
const changes = (got: any[]): string[] => got.map(({ type, who }) => `${who} ${type}`)

test('a page that is loaded again is told to nobody; who stays away has left, once', async t => {
  const { rooms, enter } = await house(t, { presence: { info: infoOf, grace: 1000, announce } })
  const clock = await stillClock(t)
  const { got } = await enter('user=bob')
  for (let i = 0; i < 3; i++) {
    const ada = await enter(`user=ada&info=${i}`)
    await leave(ada)
    await clock.tickAsync(999)
  }
  t.strictSame(await rooms.members({ room: 'a' }), [{ id: 'bob', info: undefined }, { id: 'ada', info: '2' }], 'away, and still a member')
  t.strictSame(changes(got), ['bob joined', 'ada joined'])
  await clock.tickAsync(1)
  await until(() => got.length === 3)
  t.match(got[2], { type: 'left', who: 'ada', info: '2' }, 'with what was told of it last')
  t.strictSame(await rooms.members({ room: 'a' }), [{ id: 'bob', info: undefined }])
  await clock.tickAsync(10_000)
  await enter('user=ada')
  await until(() => got.length === 4)
  t.strictSame(changes(got), ['bob joined', 'ada joined', 'ada left', 'ada joined'])
})

test('whoever comes back stays', async t => {
  const { app, rooms, enter } = await house(t, { presence: { grace: 1000, announce } })
  const clock = await stillClock(t)
  await leave(await enter('user=ada'))
  await clock.tickAsync(999)
  await enter('user=ada')
  await clock.tickAsync(10_000)
  t.equal(await rooms.count({ room: 'a' }), 1)
  t.equal(app.sockets.stats().topics[rooms.url]!.published, 1)
})

test('the grace period is 5 s by default', async t => {
  const { rooms, enter } = await house(t, { presence: true })
  const clock = await stillClock(t)
  await leave(await enter('user=ada'))
  await clock.tickAsync(4999)
  t.equal(await rooms.count({ room: 'a' }), 1)
  await clock.tickAsync(1)
  t.equal(await rooms.count({ room: 'a' }), 0)
})

test('it begins when the last socket of a user goes', async t => {
  const { rooms, enter } = await house(t, { presence: { grace: 1000 } })
  const clock = await stillClock(t)
  const [one, two] = [await enter('user=ada'), await enter('user=ada')]
  await leave(one)
  await clock.tickAsync(5000)
  t.equal(await rooms.count({ room: 'a' }), 1)
  await leave(two)
  await clock.tickAsync(999)
  t.equal(await rooms.count({ room: 'a' }), 1)
  await clock.tickAsync(1)
  t.equal(await rooms.count({ room: 'a' }), 0)
})

test('each member has a period of its own, in each room', async t => {
  const { rooms, enter } = await house(t, { presence: { grace: 1000 } })
  const clock = await stillClock(t)
  const [ada, bob] = [await enter('user=ada'), await enter('user=bob')]
  await ada.socket.subscribe(rooms, { room: 'b' })
  ada.socket.unsubscribe(rooms, { room: 'a' })
  await clock.tickAsync(600)
  await leave(bob)
  await leave(ada)
  await clock.tickAsync(400)
  t.strictSame([await rooms.count({ room: 'a' }), await rooms.count({ room: 'b' })], [1, 1])
  await clock.tickAsync(600)
  t.strictSame([await rooms.count({ room: 'a' }), await rooms.count({ room: 'b' })], [0, 0])
})

test('with grace: 0 a member leaves with its last socket', async t => {
  const { rooms, enter } = await house(t, { presence: { grace: 0, announce } })
  const { got } = await enter('user=bob')
  const [one, two] = [await enter('user=ada'), await enter('user=ada')]
  await leave(one)
  await leave(two)
  await until(() => got.length === 3)
  t.strictSame(changes(got), ['bob joined', 'ada joined', 'ada left'])
  t.equal(await rooms.count({ room: 'a' }), 1)
})

test('app.close() tells nobody that everybody has left, and keeps no timer', async t => {
  const { app, rooms, enter } = await house(t, { presence: { grace: 60_000, announce } })
  const clock = await stillClock(t)
  const visits = [await enter('user=ada'), await enter('user=bob')]
  await leave(await enter('user=eve'))
  await until(() => visits[0]!.got.length === 3)
  const closing = app.close()
  // The pause between batches, and whatever else closing waits for.
  await clock.tickAsync(1000)
  await closing
  await clock.tickAsync(120_000)
  t.strictSame(changes(visits[0]!.got), ['ada joined', 'bob joined', 'eve joined'])
  t.equal(app.sockets.stats().topics[rooms.url]!.published, 3)
  t.equal(clock.countTimers(), 0)
})
