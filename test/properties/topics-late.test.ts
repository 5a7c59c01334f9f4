import * as fc from 'fast-check'
import { delayEngines } from '../support/late-engine.ts'
import { cycle, holds } from './holds.ts'
import { plan } from './topics-plan.ts'
import { carryOut, Place } from './topics-run.ts'

/*
 * The same as in topics.test.ts, if what is published, read and announced passes through a network.
 */

holds('subscribers get everything once and in order from an engine that answers late, and announces later', 120, t => {
  const next = { requests: () => 0, answers: () => 0, announcements: () => 0 }
  t.teardown(delayEngines({
    request: () => next.requests(), answer: () => next.answers(), announcement: () => next.announcements()
  }))
  const place = new Place(t, false, false)
  return fc.asyncProperty(plan, async one => {
    for (const kind of ['requests', 'answers', 'announcements'] as const) next[kind] = cycle(one[kind])
    await carryOut(place, one)
  })
})
