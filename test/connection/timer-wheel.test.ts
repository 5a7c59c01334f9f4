import { test } from 'tap'
import { TimerWheel, type WheelMember } from '../../lib/connection/timer-wheel.ts'
import { fakeClock } from '../support/clock.ts'

/** Notes when it is looked at, and asks for the next look after the delays it was given, in turns. */
class Member implements WheelMember {
  slot: WheelMember['slot'] = null
  readonly seen: number[] = []
  readonly #delays: number[]

  constructor (...delays: number[]) {
    this.#delays = delays
  }

  check (now: number): number {
    this.seen.push(now)
    return this.#delays.shift() ?? 0
  }
}

test('each member is looked at when it is due, and again when it says so', t => {
  const clock = fakeClock(t)
  const wheel = new TimerWheel()
  wheel.serve(5000)
  t.equal(wheel.turns(5000), 50)
  t.equal(wheel.turns(5001), 51, 'a delay is not cut short')
  const often = new Member(1, 1, 3)
  const once = new Member()
  wheel.add(often, 2)
  wheel.add(once, 50)
  clock.tick(5000)
  t.strictSame(often.seen, [2, 3, 4, 7])
  t.strictSame(once.seen, [50])
  t.equal(clock.countTimers(), 0, 'and the timer stops when all have had enough')
  t.end()
})

test('turns are as short as the shortest delay asks for, a quarter of a second at most, a millisecond at least', t => {
  const wheel = new TimerWheel()
  t.equal(wheel.turns(1000), 4)
  wheel.serve(3_600_000)
  t.equal(wheel.turns(1000), 4)
  wheel.serve(500)
  t.equal(wheel.turns(1000), 100)
  wheel.serve(5000)
  t.equal(wheel.turns(1000), 100)
  wheel.serve(3)
  t.equal(wheel.turns(1000), 1000)
  t.end()
})

test('a delay longer than the ring has slots is looked at within it, and a look may put off for ever', t => {
  const clock = fakeClock(t)
  const wheel = new TimerWheel()
  const far = new Member(1000, Infinity)
  wheel.add(far, 1_000_000)
  clock.tick(250 * 255)
  t.strictSame(far.seen, [255])
  clock.tick(250 * 255)
  t.strictSame(far.seen, [255, 510])
  clock.tick(250 * 255)
  t.strictSame(far.seen, [255, 510, 765])
  t.end()
})

test('a member can leave at any time, its own look and that of another included', t => {
  const clock = fakeClock(t)
  const wheel = new TimerWheel()
  const members = Array.from({ length: 3 }, () => new Member())
  members[0]!.check = () => {
    for (const member of members) wheel.remove(member)
    return 1
  }
  for (const member of members) wheel.add(member, 1)
  const early = new Member()
  wheel.add(early, 1)
  wheel.remove(early)
  wheel.remove(early)
  clock.tick(250)
  t.strictSame([...members.slice(1), early].map(member => member.seen), [[], [], []])
  t.equal(clock.countTimers(), 0)
  const next = new Member()
  wheel.add(next, 1)
  clock.tick(250)
  t.strictSame(next.seen, [2])
  t.end()
})

test('a member that joins in a look is not due in the same turn', t => {
  const clock = fakeClock(t)
  const wheel = new TimerWheel()
  const second = new Member()
  const first = new Member()
  first.check = () => {
    wheel.add(second, 1)
    return 0
  }
  wheel.add(first, 1)
  clock.tick(250)
  t.strictSame(second.seen, [])
  clock.tick(250)
  t.strictSame(second.seen, [2])
  t.end()
})
