import type { EchoLoad } from './loads/echo.ts'
import { bytes } from './loads/kind.ts'
import { type Plan, type Result, runLoads } from './run.ts'
import type { ServerSpec } from './specs.ts'
import { SWEEP } from './suites.ts'
import { mark, table } from './tables.ts'

/** Enough to keep a server busy, few enough for the memory. */
function connectionsFor (size: number): number {
  if (size <= 4096) return 50
  return Math.max(1, Math.min(20, Math.floor(2 * 1024 * 1024 / size)))
}

function loads (content: EchoLoad['content'], sizes: number[]): EchoLoad[] {
  return sizes.flatMap(size => SWEEP.windows
    .map<EchoLoad>(inFlight => ({ kind: 'echo', content, size, connections: connectionsFor(size), inFlight }))
    .filter(({ connections, inFlight }) => connections * inFlight * size <= SWEEP.most))
}

/** Ours as a multiple of the baseline, per size and window. */
export async function sweep (
  plan: Plan, content: EchoLoad['content'], baseline: ServerSpec, sizes: number[]
): Promise<{ markdown: string, results: Result[] }> {
  const dot = (): void => { process.stderr.write('.') }
  const results = await runLoads(loads(content, sizes), [SWEEP.ours, baseline], plan, dot)
  process.stderr.write('\n')
  const rows = sizes.map(size => {
    const cells = SWEEP.windows.map(window => cell(results.filter(({ load }) => {
      return load.kind === 'echo' && load.size === size && load.inFlight === window
    })))
    return [`${bytes(size)} × ${connectionsFor(size)}`, ...cells]
  })
  const markdown = table([['size × connections', ...SWEEP.windows.map(window => `${window} in flight`)], ...rows], 1)
  return { markdown, results }
}

function cell ([ours, theirs]: Result[]): string {
  if (ours === undefined || theirs === undefined) return '–'
  const marks = mark({
    ...ours,
    limited: ours.limited || theirs.limited,
    othersCpu: Math.max(ours.othersCpu!, theirs.othersCpu!)
  })
  return `${marked(ours.value / theirs.value)}${marks} / ${marked(theirs.serverMicros! / ours.serverMicros!)}`
}

function marked (ratio: number): string {
  return ratio < 1 ? `**▼ ${ratio.toFixed(2)}**` : ratio.toFixed(2)
}
