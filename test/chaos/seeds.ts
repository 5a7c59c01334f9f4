/** Another seed, for a part that must not depend on what is drawn elsewhere. */
export function derived (seed: number, part: number): number {
  let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(part + 1, 0xc2b2ae35)
  mixed = Math.imul(mixed ^ mixed >>> 15, 0x2c1b3c6d)
  return (mixed ^ mixed >>> 13) >>> 0
}
