import type { Msg } from '@nats-io/transport-node'
import { test } from 'tap'
import { Clock } from '../../lib/nats/clock.ts'
import { History } from '../../lib/nats/history.ts'
import { fakeClock, pass } from '../support/clock.ts'
import { created, fakeLink, message, settings, stored, subjects } from './nats-fake-link.ts'

test('while a mark is on its way, there is no other', async t => {
  const clock = fakeClock(t, 'performance')
  const answers: Array<(reply: Msg) => void> = []
  const { link } = fakeLink((subject, body) => {
    if (subject.includes('STREAM.CREATE')) return created(body)
    if (!subject.startsWith('p.in')) return stored(9, Buffer.from('x'))
    return new Promise(resolve => { answers.push(resolve) })
  })
  const one = new History({ link, settings, subjects, clock: new Clock(60_000), events: { onMessage () {} } }, { size: 3, ttl: 400 })
  t.teardown(() => one.close())
  await one.subscribe('a')
  await pass(clock, 2000, 100)
  t.equal(answers.length, 1)
  answers[0]!(message({ seq: 10 }))
  await pass(clock, 200, 100)
  t.equal(answers.length, 2, 'the next look finds the topic as silent as before')
  answers[1]!(message({ seq: 11 }))
})
