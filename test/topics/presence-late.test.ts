import { test, type Test } from 'tap'
import { MemoryEngine } from '../../lib/backplane/memory.ts'
import { delayEngines, turns } from '../support/late-engine.ts'
import { until } from '../support/until.ts'
import { announce, house, stillClock } from './people.ts'

/*
 * Presence with an engine that is elsewhere, whose answers may overtake each other.
 */

/** A room, and an engine whose answers wait while they are told to. */
async function distant (t: Test, grace: number) {
  const waiting: Array<() => void> = []
  const answers = { isHeld: false, waiting }
  t.teardown(delayEngines({
    request: () => 0,
    answer: () => answers.isHeld ? new Promise<void>(resolve => { waiting.push(resolve) }) : 0,
    announcement: () => 0
  }))
  const { rooms, visit } = await house(t, { presence: { announce, grace }, history: { size: 10, ttl: 60_000 } })
  const { socket } = await visit('user=ada')
  return {
    answers,
    rooms,
    room: { room: 'a' },
    socket,
    /** Waits for so many changes. */
    async changes (count: number): Promise<string[]> {
      const all = async (): Promise<string[]> => (await rooms.history({ room: 'a' })).map(({ message }: any) => message.type)
      await until(async () => (await all()).length >= count, `${count} changes`)
      await turns(10)
      return await all()
    }
  }
}

test('who comes back while it is leaving has left first, and then joined', async t => {
  const { answers, rooms, room, socket, changes } = await distant(t, 0)
  await socket.subscribe(rooms, room)
  answers.isHeld = true
  socket.unsubscribe(rooms, room)
  await until(() => answers.waiting.length === 1, 'the engine was told that she leaves')
  answers.isHeld = false
  const back = socket.subscribe(rooms, room)
  await turns(10)
  answers.waiting[0]!()
  await back
  t.strictSame(await changes(3), ['joined', 'left', 'joined'])
  t.equal(await rooms.count(room), 1)
})

test('who comes back before the engine is told that it leaves has not left', async t => {
  const { answers, rooms, room, socket, changes } = await distant(t, 100)
  const clock = await stillClock(t)
  const first = t.rejects(socket.subscribe(rooms, room), { code: 'FST_ERR_WS_UNSUBSCRIBED' })
  answers.isHeld = true
  answers.waiting.length = 0
  await until(() => answers.waiting.length === 1, 'an answer that waits')
  answers.waiting.shift()!()
  await until(() => answers.waiting.length === 1, 'the engine was told that she joins')
  socket.unsubscribe(rooms, room)
  await clock.tickAsync(100)
  answers.isHeld = false
  const back = socket.subscribe(rooms, room)
  await turns(10)
  answers.waiting[0]!()
  await Promise.all([first, back])
  t.strictSame(await changes(1), ['joined'])
  t.equal(await rooms.count(room), 1)
})

test('an engine that fails: subscribe() rejects, what nobody waits for is logged, and the next attempt succeeds', async t => {
  const { app, rooms, visit } = await house(t, { presence: { announce, grace: 0 } })
  const { socket } = await visit('user=ada')
  const room = { room: 'a' }
  fails(t, 'join')
  await t.rejects(socket.subscribe(rooms, room), { message: 'join' })
  await until(async () => await rooms.count(room) === 0)
  fails(t, 'leave')
  await socket.subscribe(rooms, room)
  socket.unsubscribe(rooms, room)
  const complaint = () => app.lines.find(({ msg }) => msg === 'publishing to a topic failed')
  await until(() => complaint() !== undefined)
  t.match(complaint(), { topic: '/rooms/a', err: { message: 'leave' } })
  await socket.subscribe(rooms, room)
  socket.unsubscribe(rooms, room)
  await until(async () => await rooms.count(room) === 0)
})

/** The next call fails. */
function fails (t: Test, method: 'join' | 'leave'): void {
  const { restore } = t.intercept(MemoryEngine.prototype, method, {
    value: async () => {
      restore()
      throw new Error(method)
    },
    configurable: true
  })
}
