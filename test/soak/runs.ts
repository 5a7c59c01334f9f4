/** Numbers in the order in which they came; from 1 to 40 without a fault is one run. */
export type Runs = Array<[from: number, to: number]>

export function append (runs: Runs, n: number): void {
  const last = runs.at(-1)
  if (last !== undefined && n === last[1] + 1) last[1] = n
  else runs.push([n, n])
}

/** How far they go from 1, if each has come once and in order; otherwise null. */
export function reach (runs: Runs): number | null {
  if (runs.length === 0) return 0
  return runs.length === 1 && runs[0]![0] === 1 ? runs[0]![1] : null
}

export function show (runs: Runs): string {
  const shown = runs.slice(0, 6).map(([from, to]) => from === to ? `${from}` : `${from}-${to}`)
  return `${shown.join(', ')}${runs.length > shown.length ? ', …' : ''}`
}

export function count (runs: Runs): number {
  return runs.reduce((sum, [from, to]) => sum + to - from + 1, 0)
}
