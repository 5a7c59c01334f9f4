import * as fc from 'fast-check'
import { holds } from './holds.ts'
import { plan } from './topics-plan.ts'
import { carryOut, Place } from './topics-run.ts'

/*
 * Whoever subscribes, publishes, leaves and comes back in whatever order, however slowly clients read: each subscription gets
 * what was published since its beginning, in order and once, and misses only what its topic lets a slow reader miss.
 */

holds('subscribers get everything once and in order', 60, t => {
  const place = new Place(t, true, false)
  return fc.asyncProperty(plan, one => carryOut(place, one))
})

holds('the same over TCP', 12, t => {
  const place = new Place(t, true, true)
  return fc.asyncProperty(plan, one => carryOut(place, one))
})
