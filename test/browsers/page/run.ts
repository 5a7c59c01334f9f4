import { ends } from './ends.ts'
import { liveness } from './liveness.ts'
import { refusals } from './refusals.ts'
import { talk } from './talk.ts'
import { type Bundles, type Check, control, Tools, within } from './tools.ts'

declare const navigator: { userAgent: string }
declare const self: { addEventListener (type: string, listener: (event: any) => void): void }
declare const location: { host: string }

/** Beside each other: each waits most of the time. */
const CHECKS: Check[] = [...talk, ...refusals, ...ends, ...liveness]

/** Runs all checks and reports each. `id` in the address names the run, `only` one check. */
export async function run (bundles: Bundles, { search }: { search: string }): Promise<void> {
  const asked = new URLSearchParams(search)
  const id = asked.get('id')!
  const only = asked.get('only')
  const faults: string[] = []
  for (const type of ['error', 'unhandledrejection']) {
    self.addEventListener(type, event => { faults.push(`${type}: ${event.message ?? event.reason?.stack ?? event.reason}`) })
  }
  const { error, warn } = console
  Object.assign(console, {
    error: (...args: unknown[]) => { faults.push(args.join(' ')); error(...args) },
    warn: (...args: unknown[]) => { faults.push(args.join(' ')); warn(...args) }
  })
  const ports = await control('ports')
  const checks = CHECKS.filter(({ name }) => only === null || name.includes(only))
  await Promise.all(checks.map(async (check, index) => {
    const tools = new Tools(bundles, `${id}-${index}`, location.host, ports)
    const begin = performance.now()
    let failure = ''
    try {
      await within(check.run(tools), 'the check to end', 25_000)
      await tools.end()
    } catch (error) {
      failure = (error as Error).stack?.includes((error as Error).message) ? (error as Error).stack! : `${error}\n${(error as Error).stack}`
    }
    await control('report', { id, name: check.name, error: failure, milliseconds: Math.round(performance.now() - begin) })
  }))
  await control('end', { id, userAgent: navigator.userAgent, count: checks.length, faults })
}
