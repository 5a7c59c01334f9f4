import { setTimeout as wait } from 'node:timers/promises'
import { type Case, clientFaults, endFaults, followFaults, messageFaults } from './checks.ts'
import type { Followed } from './follower.ts'
import { type Follows, GROUPS, type Pace, type Visits } from './plan.ts'
import { KEPT } from './rooms.ts'
import { count } from './runs.ts'
import type { Figures } from './server.ts'
import type { Soak } from './soak.ts'
import { FOUND_WITHIN, PATIENCE } from './times.ts'
import type { Report } from './visit.ts'

const LOOK = 50

export interface Outcome {
  /** Connections that were opened, and how many of them were there at one time. */
  opened: number
  peak: number
  acknowledged: number
  silent: number
  /** How long, in milliseconds, it took to find the last of the silent ones. */
  found: number
  /** Connections of those who follow rooms, messages that they got, and prices that they were too slow for. */
  resumed: number
  followed: number
  skipped: number
}

/** Clients connect, talk and end, some of them in silence; then nothing must be left. */
export async function runRound (soak: Soak, visits: Visits, follows: Follows, { opening, talking, ending }: Pace): Promise<Outcome> {
  const { server } = soak
  await server.ask('startPublishing')
  await soak.begin(visits, follows, opening)
  await wait(talking)
  const { size: peak } = await server.ask('figures')
  const silentAt = Date.now()
  soak.silence()
  // It goes on publishing: what nobody publishes to forgets what followers have yet to get.
  const goals = await server.ask('published')
  const { reports, followed } = await soak.end(['raw', 'ws'], { within: ending, patience: PATIENCE, goals })
  await server.ask('stopPublishing')
  const forgotten = wait(KEPT * 1.1)
  const figures = await quiet(soak)
  soak.thaw()
  reports.push(...(await soak.end(['cut', 'frozen'], { within: 1, patience: 1000, goals })).reports)
  soak.mend()
  await forgotten
  const cases = await joined(soak, visits, reports)
  checkCases(soak, cases)
  checkFollowed(soak, followed)
  checkLiveSet(soak, figures)
  const silent = cases.filter(({ visit }) => visit.end === 'silent')
  return {
    opened: cases.reduce((sum, { entries }) => sum + entries.length, 0),
    peak,
    acknowledged: cases.reduce((sum, { report }) => sum + count(report.echoed), 0),
    silent: silent.length,
    found: checkFound(soak, silent, silentAt),
    resumed: sum(followed, 'connections'),
    followed: sum(followed, 'received'),
    skipped: sum(followed, 'skipped')
  }
}

/** Waits until the server has nothing to do any more, and no longer than it should need. */
async function quiet ({ server }: Soak): Promise<Figures> {
  const end = performance.now() + PATIENCE
  while (true) {
    const figures = await server.ask('figures')
    const { size, loops, members } = figures
    if ((size === 0 && loops === 0 && members === 0) || performance.now() > end) return figures
    await wait(LOOK)
  }
}

/** What was planned, what the clients say and what the server says, side by side. */
export async function joined ({ server }: Soak, visits: Visits, reports: Report[]): Promise<Case[]> {
  const byId = new Map(reports.map(report => [report.id, report]))
  const cases = new Map<number, Case>()
  for (const visit of GROUPS.flatMap(group => visits[group])) {
    cases.set(visit.id, { visit, report: byId.get(visit.id)!, entries: [] })
  }
  for (const entry of await server.ask('ledger')) cases.get(entry.id)!.entries.push(entry)
  return [...cases.values()]
}

export function checkCases ({ findings }: Soak, cases: Case[]): void {
  const messages = cases.reduce((sum, { report }) => sum + count(report.echoed), 0)
  findings.add('every client met what it was to meet', cases.length, 'clients', cases.flatMap(clientFaults))
  findings.add('for the server each connection began and ended once, and as it did', cases.length, 'clients',
    cases.flatMap(endFaults))
  findings.add('each message that was acknowledged was received once and in order', messages, 'messages',
    cases.flatMap(messageFaults))
}

function sum (followed: Followed[], figure: 'connections' | 'received' | 'skipped'): number {
  return followed.reduce((sum, one) => sum + one[figure], 0)
}

function checkFollowed ({ findings }: Soak, followed: Followed[]): void {
  findings.add('whoever follows a room gets each message once and in order, over all its connections', sum(followed, 'received'), 'messages',
    followed.flatMap(followFaults))
}

function checkLiveSet ({ findings }: Soak, { size, stats, loops, members }: Figures): void {
  const faults = []
  if (size !== 0 || stats.open !== 0) faults.push(`app.sockets.size is ${size}, stats().open is ${stats.open}`)
  if (stats.opened !== stats.closed) faults.push(`stats(): ${stats.opened} opened, ${stats.closed} closed`)
  if (loops !== 0) faults.push(`${loops} handlers are still in their loop`)
  if (members !== 0) faults.push(`${members} members are still in rooms`)
  for (const [url, { topics, subscriptions }] of Object.entries(stats.topics)) {
    if (topics + subscriptions > 0) faults.push(`${url}: ${topics} topics, ${subscriptions} subscriptions`)
  }
  findings.add('the live set is empty, nobody is subscribed, and all that was opened is closed', 1, 'rounds', faults)
}

/** @returns how long it took to find the last of them */
function checkFound ({ findings }: Soak, silent: Case[], silentAt: number): number {
  const times = silent.flatMap(({ visit, entries }) =>
    entries.flatMap(({ ends }) => ends.map(({ at }) => ({ id: visit.id, took: at - silentAt }))))
  const faults = times.flatMap(({ id, took }) => {
    if (took < 0) return [`client ${id} was cut ${-took} ms before it fell silent`]
    return took > FOUND_WITHIN ? [`client ${id} was found after ${took} ms`] : []
  })
  const check = `clients that fall silent are cut within ${FOUND_WITHIN} ms, and not before`
  findings.add(check, silent.length, 'clients', faults)
  return Math.max(0, ...times.map(({ took }) => took))
}
