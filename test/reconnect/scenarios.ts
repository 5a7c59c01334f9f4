import { hostility } from './hostility.ts'
import { jumps } from './jumps.ts'
import { outages } from './outages.ts'
import { herds } from './herds.ts'
import { offline } from './offline.ts'
import type { Scenario } from './stage.ts'

/** Those that take longest come first. */
export const SCENARIOS: Scenario[] = [...herds, ...offline, ...outages, ...jumps, ...hostility]
