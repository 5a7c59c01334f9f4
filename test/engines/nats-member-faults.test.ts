import { type Test, test } from 'tap'
import { DriverProcess } from '../../lib/backplane-tests/driver-setting.ts'
import { sleep } from '../../lib/backplane-tests/waiting.ts'
import { Clock } from '../../lib/nats/clock.ts'
import { nats } from '../../lib/nats/index.ts'
import { Leases } from '../../lib/nats/leases.ts'
import { add, remove } from '../../lib/nats/member-entry.ts'
import { Members } from '../../lib/nats/members.ts'
import { Stream } from '../../lib/nats/stream.ts'
import { until } from '../support/until.ts'
import { type Answer, created, fakeLink, message, refused, settings, stored, subjects } from './nats-fake-link.ts'
import { startNats } from './servers.ts'

const KEEP = { size: 3, ttl: 400 }
const entry = (data: string) => ({ subject: 'p.node.x', seq: 1, time: Date.now(), data: Buffer.from(data) })

test('a member that others change all the time is given up in time', async t => {
  const { link } = fakeLink(subject => subject.startsWith('p.') ? refused(10_071, 'wrong last sequence') : message('', {}, 404))
  const stream = new Stream(link, settings, 'p')
  await t.rejects(add(stream, 'p.member.a.b', 'a', { id: 'b', info: '' }, 'n', performance.now() + 20), { message: /too many/ })
  const busy = {
    lastOf: async () => entry('{"v":1,"topic":"a","id":"b","nodes":[["n",""]]}'), remove: async () => false
  } as unknown as Stream
  await t.rejects(remove(busy, 's', () => true, performance.now() + 20), { message: /too many/ })
  const leases = new Leases({ put: async () => null } as unknown as Stream, subjects, settings, new Clock(4000))
  await t.rejects(leases.renew(null), { message: /only just/ })
  const strange = new Leases({ all: async () => [entry('nonsense')] } as unknown as Stream, subjects, settings, new Clock(4000))
  t.match(await strange.all(), [{ node: 'x', milliseconds: Infinity }], 'what is no lease is never over')
})

/** Members of a process whose server answers as a test says. */
async function members (t: Test, answer: Answer) {
  const fake = fakeLink((subject, body) => subject.includes('STREAM.CREATE') ? created(body) : answer(subject, body))
  const one = new Members({ ...settings, lease: 150 }, subjects, new Clock(4000))
  const hold = setInterval(() => {}, 1000)
  t.teardown(() => {
    clearInterval(hold)
    one.detach()
  })
  await one.attach(fake.link)
  return { ...fake, members: one }
}

test('a heartbeat that fails is no secret', async t => {
  const state = { isFull: false }
  const { lost } = await members(t, subject => {
    if (subject.includes('CONSUMER.CREATE')) return state.isFull ? refused(10_023, 'insufficient resources') : message({ name: 'c', num_pending: 0 })
    return subject.includes('DIRECT') ? stored(1, Buffer.from('x')) : message({ seq: 1 })
  })
  t.equal(lost.length, 0)
  state.isFull = true
  await until(() => lost.length > 0)
  t.match(lost[0], /insufficient/)
})

for (const isForgotten of [false, true]) test(`who leaves while its process ${isForgotten ? 'joins it again' : 'looks after it'} is left alone`, async t => {
  const state = { isForgotten: false, fails: false }
  const held: Array<() => void> = []
  const { members: one, lost } = await members(t, (subject, body) => {
    if (subject.includes('CONSUMER.CREATE')) return message({ name: 'c', num_pending: 0 })
    if (subject.includes('DIRECT')) return String(body.last_by_subj).includes('.member.') ? message('', {}, 404) : stored(1, Buffer.from('x'))
    if (!subject.startsWith('p.member.')) {
      const isForgotten = state.isForgotten
      state.isForgotten = false
      return isForgotten ? refused(10_071, 'wrong last sequence') : message({ seq: 1 })
    }
    if (state.fails) return new Error('lost')
    return held.length === 0 ? message({ seq: 1 }) : new Promise(resolve => { held.push(() => resolve(message({ seq: 1 }))) })
  })
  await one.join('a', { id: 'ann', info: '1' })
  state.fails = true
  await t.rejects(one.join('a', { id: 'bob', info: '1' }), { message: 'lost' })
  state.fails = false
  // From now on, what is said of members waits; then the process is taken for gone.
  held.push(() => {})
  const joining = one.join('a', { id: 'ann', info: '2' })
  const again = one.join('a', { id: 'bob', info: '2' })
  const leaving = [one.leave('a', 'ann'), one.leave('a', 'bob')]
  state.isForgotten = isForgotten
  await until(() => !state.isForgotten)
  await sleep(200)
  for (const go of held) go()
  await Promise.all([joining, again, ...leaving])
  await sleep(100)
  t.strictSame(lost, [])
})

test('a connection that is lost while it is opened is none', async t => {
  const { attach } = Members.prototype
  t.teardown(() => { Members.prototype.attach = attach })
  Members.prototype.attach = async link => link.lose(new Error('lost'))
  const server = await startNats(t, { jetStream: false })
  const driver = nats({ servers: `127.0.0.1:${server.port}` }).create()
  await t.rejects(driver.open(new DriverProcess(driver, sleep, KEEP)), { message: /was lost/ })
})
test('a driver that is closed before it is open, or while it opens, stays closed', async t => {
  const driver = nats(async () => {
    await driver.close()
    return { servers: '127.0.0.1:1' }
  }).create()
  await t.rejects(driver.open(new DriverProcess(driver, sleep, KEEP)))
  await t.rejects(driver.count('a'), { message: /closed/ })
  await t.rejects(nats({}).create().count('a'), { message: /new/ })
  const members = new Members(settings, subjects, new Clock(4000))
  await members.close()
  await t.rejects(members.list('a'), { message: /no connection/ })
})
