import { test } from 'tap'
import { announce, numberedPart, parseAnnouncement } from '../../lib/redis/announcement.ts'
import { Calls } from '../../lib/redis/calls.ts'
import { Clock } from '../../lib/redis/clock.ts'
import { redis } from '../../lib/redis/index.mts'
import { decoded, encoded, Keys, partitionIn, partitionOf, PARTITIONS } from '../../lib/redis/keys.ts'
import type { RedisConnection, Reply } from '../../lib/redis/link.ts'
import { parsePosition, positionText, randomTag, UniqueTexts } from '../../lib/redis/position.ts'
import { ScriptRunner } from '../../lib/redis/script-runner.ts'
import { last, read } from '../../lib/redis/scripts/topics.ts'
import { turn } from '../support/until.ts'
import { clientOf } from './redis-node.ts'

test('the format of announcements, which processes of all versions read', async t => {
  const messages = ['a', '', 'two words\n', 'ä'].map(text => Buffer.from(text))
  t.equal(announce(messages).toString(), '1 - 1 0 10 2\natwo words\nä')
  t.strictSame(parseAnnouncement(announce(messages)), {
    epoch: null, first: 0, tagInFront: 0, messages: messages.map(bytes => ({ tag: 0, bytes }))
  })
  const part = numberedPart([7, 8, 4_294_967_295, 9], messages)
  t.equal(part, '7:1 8:0 4294967295:10 9:2')
  t.strictSame(parseAnnouncement(Buffer.concat([Buffer.from(`1 abc 41 6 ${part}\n`), ...messages])), {
    epoch: 'abc', first: 41, tagInFront: 6, messages: messages.map((bytes, i) => ({ tag: [7, 8, 4_294_967_295, 9][i], bytes }))
  })
  for (const text of ['', '\n', '1', '1\n', '1 -\n', '1 - 1\n', '1 - 1\nab', '1 - x\n', '2 - 0\n', '10 - 0\n', '1 - 1', 'a\nb']) {
    t.equal(parseAnnouncement(Buffer.from(text)), null, JSON.stringify(text))
  }
})

test('positions', async t => {
  t.equal(positionText('e', 0, 0), 'e-0-0')
  for (const [seq, tag] of [[0, 0], [1, 1], [35, 36], [Number.MAX_SAFE_INTEGER, 2 ** 32 - 1]] as const) {
    t.strictSame(parsePosition(positionText('abc1', seq, tag)), { epoch: 'abc1', seq, tag })
  }
  for (const text of ['', 'e', 'e-1', 'e-1-1-1', 'E-1-1', 'e-01-1', 'e-1-01', `e-${'z'.repeat(11)}-1`, 'e-1-zzzzzzz', 'e-1-1\n', ' e-1-1']) {
    t.equal(parsePosition(text), null, text)
  }
  const tags = Array.from({ length: 1000 }, randomTag)
  t.ok(tags.every(tag => Number.isInteger(tag) && tag >= 1 && tag < 2 ** 32))
  t.ok(new Set(tags).size > 990)
  const [one, other] = [new UniqueTexts(), new UniqueTexts()]
  const texts = Array.from({ length: 1000 }, () => [one.next(), other.next()]).flat()
  t.equal(new Set(texts).size, 2000)
  t.ok(texts.every(text => /^[0-9a-z]{1,40}$/.test(text)))
})

test('names of keys', async t => {
  const keys = new Keys('app')
  t.equal(keys.of('news'), keys.of('news'))
  const { partition, channel, meta, stream, ids, members } = keys.of('news')
  t.strictSame(
    [partition, channel, meta, stream, ids, members],
    [1, 'app:{1}:c:news', 'app:{1}:m:news', 'app:{1}:s:news', 'app:{1}:i:news', 'app:{1}:p:news'],
    'processes of all versions have the same'
  )
  t.equal(partitionIn(channel), 1)
  const partitions = new Set(Array.from({ length: 5000 }, (_, i) => partitionOf(`/rooms/${i}`)))
  t.equal(partitions.size, PARTITIONS)
  t.ok([...partitions].every(partition => partition >= 0 && partition < PARTITIONS))
  for (let i = 0; i < 10_001; i++) keys.of(String(i))
  t.equal(keys.of('news').channel, channel, 'also when there were too many to keep')
  const texts = ['', 'a', '~', '~~', '\ud800', 'a\udc00b', '\ufffd', '😀', '❤']
  t.strictSame(texts.map(text => decoded(Buffer.from(encoded(text)).toString())), texts)
  t.equal(new Set(texts.map(encoded)).size, texts.length)
  t.equal(encoded('/rooms/ä'), '/rooms/ä')
})

test('the time of a server is never taken for later than it is', async t => {
  const clock = new Clock()
  t.equal(clock.at('a', 0), -Infinity)
  const now = performance.now()
  for (const ahead of [500, 1000, 700]) clock.measured('a', now + ahead)
  t.ok(clock.at('a', now) <= now + 1000 && clock.at('a', now) > now + 900)
  for (let i = 0; i < 8; i++) clock.measured('a', performance.now() - 10_000)
  t.ok(clock.at('a', now) < now - 9000, 'what was measured long ago does not count')
  t.equal(clock.at('b', 0), -Infinity)
})

/** A connection whose answers a test gives. */
class Silent implements RedisConnection {
  readonly isCluster = false
  readonly isSharded = false
  readonly sent: string[][] = []
  readonly answers: Array<{ resolve: (reply: Reply) => void, reject: (error: Error) => void }> = []

  serverOf (): string {
    return ''
  }

  send (_: number, command: ReadonlyArray<string | Uint8Array>): Promise<Reply> {
    this.sent.push(command.map(String))
    return new Promise((resolve, reject) => { this.answers.push({ resolve, reject }) })
  }

  async subscribe (): Promise<void> {}
  async unsubscribe (): Promise<void> {}
  destroy (): void {}
}

test('scripts that the server has forgotten are sent once more, and nothing is carried out too late', async t => {
  const connection = new Silent()
  const runner = new ScriptRunner(connection)
  const outcomes: string[] = []
  const run = (name: string, script = read) => {
    runner.run(script, 0, [], [name]).then(reply => outcomes.push(`${name} ${reply}`), (error: Error) => outcomes.push(`${name} ${error.message}`))
  }
  for (const name of ['a', 'b', 'c']) run(name)
  connection.answers[0]!.reject(new Error('NOSCRIPT no such script'))
  await turn()
  run('d')
  t.equal(connection.sent.length, 3, 'what comes later waits')
  connection.answers[1]!.reject(new Error('NOSCRIPT no such script'))
  connection.answers[2]!.reject(new Error('another error'))
  await turn()
  t.strictSame(outcomes, ['c another error'])
  const resent = connection.sent.slice(3)
  t.ok(resent.slice(0, -3).every(([command, what]) => command === 'SCRIPT' && what === 'LOAD'))
  t.strictSame(resent.slice(-3).map(command => command.at(-1)), ['a', 'b', 'd'])

  const [a, b, d] = connection.answers.slice(-3)
  connection.answers[3]!.reject(new Error('not permitted'))
  a!.reject(new Error('NOSCRIPT no such script'))
  await turn()
  b!.resolve(1)
  await turn()
  t.strictSame(outcomes, ['c another error', 'a the server has forgotten its scripts', 'b 1'])
  run('e', last)
  d!.resolve(2)
  connection.answers.at(-1)!.resolve(3)
  await turn()
  t.strictSame(outcomes.slice(3), ['d 2', 'e 3'])
})

test('options are checked', async t => {
  const client = clientOf({ port: 1 })
  const good = [
    undefined, {}, { prefix: 'a:b' }, { prefix: undefined }, { deadline: 100, lease: 500, grace: 0 }, { deadline: 4900 }
  ]
  for (const options of good) t.equal(redis(client, options).name, 'redis')
  const wrong: Array<[options: unknown, message: RegExp]> = [
    [null, /^redis: the options must be an object$/], ['prefix', /must be an object/], [{ prefx: 'a' }, /^redis: there is no option 'prefx'$/],
    [{ prefix: '' }, /prefix must be a string/], [{ prefix: '{a}' }, /prefix/], [{ prefix: 1 }, /prefix/], [{ prefix: 'x'.repeat(65) }, /prefix/],
    [{ deadline: 99 }, /^redis: deadline must be a whole number of milliseconds from 100 to 4900$/], [{ deadline: 5000 }, /deadline/],
    [{ deadline: 1000.5 }, /deadline/], [{ deadline: '1000' }, /deadline/], [{ lease: 499 }, /lease/], [{ lease: Infinity }, /lease/],
    [{ grace: -1 }, /grace/], [{ grace: Number.NaN }, /grace/]
  ]
  for (const [options, message] of wrong) t.throws(() => redis(client, options as never), { name: 'TypeError', message })
})

test('calls of a connection that has ended fail', async t => {
  const calls = new Calls(1000, () => { t.fail('nothing is overdue') })
  const waiting = calls.wait(new Promise(() => {}))
  calls.close(new Error('cut'))
  calls.close(new Error('closed'))
  await t.rejects(waiting, /cut/)
  await t.rejects(calls.wait(Promise.resolve(1)), /cut/)
  await t.rejects(calls.wait(Promise.reject(new Error('unanswered'))), /cut/)
})
