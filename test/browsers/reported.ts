import type { Test } from 'tap'
import type { Host } from './host.ts'

const DEADLINE = 50_000

/** Waits for what a page reports, and makes tests of it. */
export async function reported (t: Test, host: Host, id: string, noise: () => string = () => ''): Promise<void> {
  const run = host.run(id)
  for (const end = performance.now() + DEADLINE; run.end === null && performance.now() < end;) {
    await new Promise(resolve => { setTimeout(resolve, 20) })
  }
  for (const { name, error, milliseconds } of run.reports) {
    t.equal(error, '', `${name} (${milliseconds} ms)`)
  }
  if (run.end === null) {
    t.fail(`the page has not ended; ${run.reports.length} checks have: ${noise()}`)
    return
  }
  t.equal(run.reports.length, run.end.count, `all checks have reported: ${run.end.userAgent}`)
  t.ok(run.end.count > 50 || process.env.ONLY !== undefined, 'there are many')
  t.strictSame(run.end.faults, [], 'no error, no unhandled rejection, nothing on the console')
}

/** The address of the page that runs the checks. ONLY chooses those whose names have this text. */
export function addressOf (host: Host, id: string, place: string): string {
  const { ONLY } = process.env
  const only = ONLY === undefined ? '' : `&only=${encodeURIComponent(ONLY)}`
  return `${host.url}/?id=${id}&in=${place}${only}`
}

/** What was loaded besides the page itself. */
export function scriptsOf (host: Host): string[] {
  const paths = host.requested.map(url => url.replace(/\?.*/, '')).filter(path => /^\/[^/]+\.js$/.test(path))
  return [...new Set(paths)].sort()
}
