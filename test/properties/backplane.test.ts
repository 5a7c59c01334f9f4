import * as fc from 'fast-check'
import { stillClock } from '../backplane/remote-stage.ts'
import { carryOut } from './backplane-run.ts'
import { plan } from './backplane-plan.ts'
import { holds } from './holds.ts'

/*
 * Whatever happens to the connections of two processes, and to the store that they share: each is told everything once and in the
 * order of the store, or that something was lost before anything later; numbers rise, and at the end everybody has what is published.
 */

holds('with a history: everything in the order of the store, or a loss', 120, async t => {
  const clock = await stillClock(t)
  return fc.asyncProperty(plan(fc.constantFrom(2, 5, 300)), one => carryOut(one, clock))
})

holds('without a history: nothing twice, and in the end everything', 60, async t => {
  const clock = await stillClock(t)
  return fc.asyncProperty(plan(fc.constant(0)), one => carryOut(one, clock))
})
