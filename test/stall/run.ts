/**
 * How long one hostile client keeps everybody else waiting: `npm run test:stall -- [OPTIONS]`.
 *
 * --only PART      sieges with this in their name
 * --build FILE     the `lib/index.js` of another build in place of this one
 * --attempts 3     how often a siege may fail
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { selfSigned } from '../support/certificate.ts'
import { SIEGES } from './floods.ts'
import type { Measured } from './stage.ts'

/** Milliseconds for which a client may keep the event loop, and others waiting for an answer. */
const STRETCH = 50
const ANSWER = 100
/** What decoding and validating may take besides, as a share of what the parser alone takes. */
const PARSING = 2

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    build: { type: 'string' },
    attempts: { type: 'string', default: '3' }
  }
})
/** A machine may be busy with something else, but a fault is there every time. */
const ATTEMPTS = Number(flags.attempts)

/** What is wrong with a measurement. */
function faultsOf ({ parsing, besieged, idle }: Measured): string[] {
  const stretch = STRETCH + PARSING * parsing
  const answer = ANSWER + 2 * PARSING * parsing
  const faults = []
  if (besieged.stretch > stretch + idle.stretch) faults.push(`a stretch of more than ${ms(stretch)} ms`)
  if (besieged.max > answer + idle.max) faults.push(`an answer after more than ${ms(answer)} ms`)
  return faults
}

function ms (time: number): string {
  return time < 10 ? time.toFixed(1) : time.toFixed(0)
}

function line (cells: string[]): string {
  return cells.map((cell, i) => i === 0 ? cell.padEnd(62) : cell.padStart(8)).join('')
}

async function ask (stage: ChildProcess, index: number): Promise<Measured> {
  stage.send(index)
  return (await once(stage, 'message'))[0]
}

/** Measures it until it is as it should be, a few times at most. Returns whether it is. */
async function holds (stage: ChildProcess, index: number): Promise<boolean> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const measured = await ask(stage, index)
    const { siege, besieged, idle } = measured
    const faults = faultsOf(measured)
    const figures = [besieged.stretch, besieged.p50, besieged.p99, besieged.max, idle.stretch, idle.max].map(ms)
    const end = faults.length === 0 ? '' : `  ${attempt === ATTEMPTS ? 'FAILED' : 'again'}: ${faults.join(', ')}`
    console.log(`${line([siege, ...figures])}${end}`)
    if (faults.length === 0) return true
  }
  return false
}

let failed = 0
let passed = 0
const start = performance.now()
const build = flags.build === undefined ? [] : [flags.build]
// Made once for all processes.
await selfSigned()
console.log(line(['ms', 'stretch', 'p50', 'p99', 'max', 'idle', 'max']))
for (const [transport, sieges] of Object.entries(SIEGES)) {
  const chosen = [...sieges.keys()].filter(index => {
    const { flood, url } = sieges[index]!
    return `${transport}: ${flood.name} → ${url}`.includes(flags.only)
  })
  if (chosen.length === 0) continue
  const stage = fork(new URL('stage.js', import.meta.url), build, {
    env: { ...process.env, TEST_TRANSPORT: transport }
  })
  stage.once('exit', code => { if (stage.connected || code !== 0) throw new Error('the processes have ended early') })
  await once(stage, 'message')
  for (const index of chosen) {
    if (await holds(stage, index)) passed++
    else failed++
  }
  stage.disconnect()
}
console.log(`${passed} sieges held, ${failed} failed, ${((performance.now() - start) / 1000).toFixed(0)} s`)
if (failed > 0 || passed === 0) process.exitCode = 1
