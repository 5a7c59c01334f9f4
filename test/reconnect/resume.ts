/*
 * Rounds of `round.ts` with seeds, many at a time, because most of each is waiting.
 *
 * --seed N     of the first round, and so of all; the network and the scheduler have their own ways
 * --rounds N   how many
 * --lanes N    how many at a time
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Random } from '../differential/random.ts'
import { Round } from './round.ts'

const { values: flags } = parseArgs({ options: { seed: { type: 'string' }, rounds: { type: 'string' }, lanes: { type: 'string' } }, strict: false })
const seed = Number(flags.seed ?? randomInt(2 ** 31))
const rounds = Number(flags.rounds ?? 40)
const lanes = Number(flags.lanes ?? 8)

const seeds = new Random(seed)
const sum = { published: 0, connections: 0, restarts: 0 }
const blows: Record<string, number> = {}
let begun = 0
let failed = 0

process.on('uncaughtException', error => {
  failed++
  console.log(`    FAULT  uncaught: ${error.stack}`)
})
process.on('unhandledRejection', error => {
  failed++
  console.log(`    FAULT  unhandled: ${(error as Error)?.stack}`)
})

console.log(`resume, --seed ${seed}`)
await Promise.all(Array.from({ length: lanes }, async () => {
  while (begun < rounds) {
    const own = begun++ === 0 ? seed : seeds.int(2 ** 31)
    const { plan, published, connections, restarted, faults, blows: struck } = await new Round(own).run()
    sum.published += published
    sum.connections += connections
    sum.restarts += restarted
    for (const [kind, count] of Object.entries(struck)) blows[kind] = (blows[kind] ?? 0) + count
    if (faults.length === 0) continue
    failed++
    console.log(`    FAULT  --seed ${own} --rounds 1; restarts ${plan.restarts}, ${plan.keeps ? 'kept' : 'in memory'}\n           ${faults.slice(0, 8).join('\n           ')}`)
  }
}))
console.log(`${rounds} rounds: ${sum.published} messages, ${sum.connections} connections, ${sum.restarts} restarts; ` +
  Object.entries(blows).map(([kind, count]) => `${kind} ${count}`).join(', '))
process.exit(failed === 0 ? 0 : 1)
