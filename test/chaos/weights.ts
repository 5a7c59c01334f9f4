import type { Random } from '../differential/random.ts'

export type Weights<T extends string> = Partial<Record<T, number>>

/** One of the names, each as often as its weight says. */
export function weighted<T extends string> (random: Random, weights: Weights<T>): T {
  const entries = Object.entries(weights) as Array<[T, number]>
  let at = random.int(1e6) / 1e6 * entries.reduce((sum, [, weight]) => sum + weight, 0)
  return (entries.find(([, weight]) => (at -= weight) < 0) ?? entries.at(-1)!)[0]
}

/** Another seed, for a part that must not depend on what is drawn elsewhere. */
export function derived (seed: number, part: number): number {
  let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(part + 1, 0xc2b2ae35)
  mixed = Math.imul(mixed ^ mixed >>> 15, 0x2c1b3c6d)
  return (mixed ^ mixed >>> 13) >>> 0
}
