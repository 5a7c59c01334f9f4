/*
 * Thousands of connections for minutes, and then nothing must be left: `npm run test:soak -- [FLAGS]`.
 *
 * --short              one round of 2,000 connections, in half a minute
 * --minutes 5          rounds are begun for so long
 * --connections 5000   that are there at one time
 * --seed N             who does what and when; the network and the scheduler have their own ways
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Random } from '../differential/random.ts'
import { Findings } from './findings.ts'
import { fitting } from './fitting.ts'
import { Network } from './network.ts'
import { type Pace, Planner } from './plan.ts'
import { checkHoldings, checkMemory, firstHoldings, type Holdings } from './remains.ts'
import { type Outcome, runRound } from './round.ts'
import { shutDown } from './shutdown.ts'
import { Soak } from './soak.ts'

const { values: flags } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    minutes: { type: 'string' },
    connections: { type: 'string' },
    seed: { type: 'string' }
  }
})

const mib = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(2)} MiB`
const number = (n: number) => Math.round(n).toLocaleString('en')

function figure (name: 'minutes' | 'connections' | 'seed', otherwise: number): number {
  const value = Number(flags[name] ?? otherwise)
  if (!(value >= 0)) throw new Error(`--${name} must be a number`)
  return value
}

/** Connections a second that are opened to stay; others come and go meanwhile. */
const RATE = 500

function paceFor (connections: number, talking: number, ending: number): Pace {
  return { connections, opening: connections / RATE * 1000, talking, ending }
}

function createNetwork (): Network | null {
  try {
    const network = new Network()
    console.log(`Some clients live in the network namespace ${network.name}, whose link is cut.`)
    return network
  } catch (error) {
    const why = (error as { stderr?: string }).stderr?.trim() || (error as Error).message
    console.log(`No network namespace can be made here: ${why}`)
    console.log('Clients that were to lose their network are stopped by SIGSTOP instead: their kernel still')
    console.log('acknowledges what the server sends.')
    return null
  }
}

function printRound (name: string, outcome: Outcome, held: Holdings): void {
  const { opened, peak, acknowledged, silent, found, resumed, followed, skipped } = outcome
  const { heap, rss, held: objects } = held.remains
  console.log(
    `${name}: ${number(opened)} connections, ${number(peak)} at one time, ${number(acknowledged)} messages, ` +
    `${silent} silent, found in ${number(found)} ms; ${number(followed)} messages of rooms over ${number(resumed)} connections, ` +
    `${number(skipped)} prices skipped; heap ${mib(heap)}, rss ${mib(rss)}, ${objects} objects held`)
}

async function run (soak: Soak): Promise<void> {
  const connections = fitting(figure('connections', flags.short ? 2000 : 5000))
  const pace = flags.short ? paceFor(connections, 3000, 3000) : paceFor(connections, 10_000, 8000)
  const planner = new Planner(new Random(soak.seed))
  await soak.listen()
  const warmUp = flags.short ? paceFor(connections / 3, 1000, 1000) : pace
  const warm = await runRound(soak, planner.round(warmUp), planner.follows(warmUp), warmUp)
  const before = await firstHoldings(soak)
  printRound('warm-up', warm, before)
  let now: Holdings
  let rounds = 0
  const end = performance.now() + (flags.short ? 0 : figure('minutes', 5) * 60_000)
  do {
    const outcome = await runRound(soak, planner.round(pace), planner.follows(pace), pace)
    now = await checkHoldings(soak, before)
    printRound(`round ${++rounds}`, outcome, now)
  } while (performance.now() < end)
  checkMemory(soak, before, now)
  const last = paceFor(connections / 2, 500, 0)
  await shutDown(soak, planner.lastRound(last), last)
}

const seed = figure('seed', randomInt(2 ** 31))
console.log(`soak, Node ${process.version}, --seed ${seed}`)
const start = performance.now()
const network = createNetwork()
// However it ends, also by a signal: nothing of it stays behind.
process.once('exit', () => { network?.remove() })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { process.exit(1) })

const findings = new Findings()
const soak = new Soak(network, seed, findings)
process.prependOnceListener('exit', () => { soak.kill() })
try {
  await run(soak)
} catch (error) {
  findings.add('the soak runs to its end', 1, 'runs', [(error as Error).stack!])
}
const failed = findings.print()
const took = `${((performance.now() - start) / 1000).toFixed(0)} s`
console.log(failed === 0 ? `ok, ${took}` : `${failed} checks failed, ${took}; --seed ${seed}`)
process.exit(failed === 0 ? 0 : 1)
