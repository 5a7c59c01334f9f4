import { test } from 'tap'
import { Recent, RecentBudget } from '../../lib/backplane/recent.ts'

/*
 * What a process keeps of all topics together: 64 MiB.
 */

const MIB = 1024 * 1024

function message (seq: number, byteLength = 0) {
  return { message: `m${seq}`, seq, at: `at ${seq}`, byteLength }
}

function topic (budget: RecentBudget, size = 100): Recent<string> {
  const recent = new Recent<string>(size, 60_000, budget)
  recent.begin('at 0')
  return recent
}

test('of too much, those topics are forgotten that have been kept for longest, and only as many as need be', async t => {
  const budget = new RecentBudget()
  const topics = Array.from({ length: 5 }, () => topic(budget))
  for (const one of topics) one.push(message(1), 7 * MIB)
  t.strictSame(topics.map(one => one.has('at 1')), [false, true, true, true, true])
  topics[0]!.push(message(2), 7 * MIB)
  t.strictSame(topics.map(one => one.has('at 1') || one.has('at 2')), [true, false, true, true, true])
  t.equal(topics[1]!.after('at 0', 10), null)
  t.strictSame(topics[1]!.after('at 1', 10), [], 'where it stands is known all the same')
})

test('a message that is larger than all that may be kept is not kept, and so does nothing else', async t => {
  const budget = new RecentBudget()
  const [small, large] = [topic(budget), topic(budget)]
  small.push(message(1), 10)
  large.push(message(1), 33 * MIB)
  t.strictSame([small, large].map(one => one.has('at 1')), [false, false])
  t.strictSame(large.after('at 1', 10), [])
  t.equal(large.after('at 0', 10), null)
  large.push(message(2), 10)
  t.strictSame(large.after('at 1', 10)!.map(({ seq }) => seq), [2])
})

test('older messages that are too much together leave no gap', async t => {
  const budget = new RecentBudget()
  const one = topic(budget)
  one.begin('at 5')
  one.push(message(6), MIB)
  one.prepend(Array.from({ length: 6 }, (_, i) => message(i, 10 * MIB)))
  for (let i = 0; i < 7; i++) {
    const after = one.after(`at ${i}`, 100)
    t.ok(after === null || after.length === 6 - i, `behind ${i}: ${after?.length}`)
  }
  t.equal(one.isLoaded, false)
})

test('older messages are put in front, as many as may be kept', async t => {
  const one = topic(new RecentBudget(), 4)
  one.begin('at 5')
  one.push(message(6), 1)
  one.prepend([1, 2, 3, 4, 5].map(i => message(i)))
  t.equal(one.isLoaded, true)
  t.strictSame(one.after('at 2', 100)!.map(({ seq }) => seq), [3, 4, 5, 6])
  t.equal(one.after('at 1', 100), null)
  one.push(message(7), 1)
  t.strictSame(one.after('at 3', 2)!.map(({ seq }) => seq), [4, 5])
  t.equal(one.after('at 2', 100), null)
})

test('older messages that do not come right before are not put in front', async t => {
  const one = topic(new RecentBudget())
  one.push(message(8), 1)
  one.prepend([1, 2].map(i => message(i)))
  t.strictSame([one.has('at 1'), one.has('at 2'), one.has('at 8')], [false, false, true])
})

test('a hundred thousand topics are forgotten for one large message', async t => {
  const budget = new RecentBudget()
  const topics = Array.from({ length: 100_000 }, () => topic(budget))
  for (const one of topics) one.push(message(1), 1)
  topics.at(-1)!.push(message(2), 31 * MIB)
  const kept = topics.filter(one => one.has('at 1') || one.has('at 2')).length
  t.ok(kept < 50_000, `${kept}`)
})
