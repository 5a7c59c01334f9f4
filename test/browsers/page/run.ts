import { ends } from './ends.ts'
import { liveness } from './liveness.ts'
import { refusals } from './refusals.ts'
import { talk } from './talk.ts'
import { type Bundles, type Check, control, Tools, within } from './tools.ts'

declare const navigator: { userAgent: string }
declare const self: { addEventListener (type: string, listener: (event: any) => void): void }
declare const location: { host: string }

const CHECKS: Check[] = [...liveness, ...talk, ...refusals, ...ends]

/** Chromium makes a page wait for seconds that has 16 connections under way. */
const AT_A_TIME = 12

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
  const perform = async (check: Check): Promise<void> => {
    const tools = new Tools(bundles, `${id}-${CHECKS.indexOf(check)}`, location.host, ports)
    const begin = performance.now()
    let failure = ''
    try {
      await within(check.run(tools), 'the check to end', 25_000)
      await tools.end()
    } catch (error) {
      failure = `${error}\n${(error as Error).stack}\n${tools.story.join('\n')}\n${JSON.stringify(await tools.seen())}`
    }
    await control('report', { id, name: check.name, error: failure, milliseconds: Math.round(performance.now() - begin) })
  }
  /** Some at a time: each runner takes the next one when it is done. */
  const performAll = async (waiting: Check[], runners: number): Promise<void> => {
    await Promise.all(Array.from({ length: runners }, async () => {
      for (let next; (next = waiting.shift()) !== undefined;) await perform(next)
    }))
  }
  await performAll(checks.filter(({ isAlone }) => isAlone === undefined), AT_A_TIME)
  await performAll(checks.filter(({ isAlone }) => isAlone === true), 1)
  await control('end', { id, userAgent: navigator.userAgent, count: checks.length, faults })
}
