/*
 * Random clients against random handlers under random options: `npm run test:chaos -- [FLAGS]`. The process must answer
 * whatever they do, nothing may be uncaught, left or out of order, and `app.close()` must end.
 *
 * --seconds 120    rounds are begun for so long, behind the known attacks
 * --seed N         of the first round, and so of all; the network and the scheduler have their own ways
 * --rounds N       so many rounds instead, one at a time, and no known attack: each fault says which round it was
 * --clients 3,17   of a round only these take part, to find out who it was
 * --attack NAME    one known attack and nothing else
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Random } from '../differential/random.ts'
import { Child } from '../soak/ipc.ts'
import { runAttack } from './attack.ts'
import { type Attack, ATTACKS } from './attacks.ts'
import type { ControlQuestions } from './control.ts'
import { Faults } from './faults.ts'
import { Host } from './host.ts'
import { type Before, type Outcome, Round } from './round.ts'

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string' },
    seed: { type: 'string' },
    rounds: { type: 'string' },
    clients: { type: 'string' },
    attack: { type: 'string' }
  }
})

/** A process serves so many rounds, unless one has spoilt it: then memory that is lost shows. */
const ROUNDS_IN_PROCESS = 6
/** Rounds that run side by side: much of each is waiting. */
const LANES = 2

const number = (n: number) => Math.round(n).toLocaleString('en')

function figure (name: 'seconds' | 'seed' | 'rounds', otherwise: number): number {
  const value = Number(flags[name] ?? otherwise)
  if (!(value >= 0)) throw new Error(`--${name} must be a number`)
  return value
}

const start = performance.now()
const elapsed = () => (performance.now() - start) / 1000
const seconds = figure('seconds', 60)
const seed = figure('seed', randomInt(2 ** 31))
const most = figure('rounds', Infinity)
const only = flags.clients === undefined ? null : flags.clients.split(',').map(Number)
const faults = new Faults()
const seeds = new Random(seed)
let begun = 0

/** The first round has the seed that was given, so that every round can be the first. */
function nextSeed (): number | null {
  if (begun >= most || (most === Infinity && elapsed() > seconds)) return null
  return begun++ === 0 ? seed : seeds.int(2 ** 31)
}

/** Rounds, one after the other. */
async function lane (control: number): Promise<void> {
  let host: Host | null = null
  for (let own = nextSeed(); own !== null; own = nextSeed()) {
    host = await Host.start(control)
    const before: Before = { resources: await host.ask('resources'), remains: null }
    for (let served = 0; own !== null && served < ROUNDS_IN_PROCESS && !host.isSpoilt; served++) {
      if (served > 0) own = nextSeed()
      if (own === null) break
      const replay = `--seed ${own} --rounds 1`
      let found = 0
      const at = elapsed()
      const round = new Round(host, own, only, before, (kind, detail) => {
        found++
        host!.isSpoilt = true
        faults.add(kind, replay, detail)
      })
      print(own, at, await round.run(), host.takeLongest(), found)
    }
    await host.end()
  }
}

function print (own: number, at: number, { plan, state, echoed, closeTook, remains }: Outcome, longest: number, found: number): void {
  const swarm = plan.clients.find(({ kind }) => kind === 'swarm')
  console.log(
    `${at.toFixed(0).padStart(4)} s  seed ${own}: ${plan.transport}${swarm === undefined ? '' : `, a swarm of ${swarm.count}`}, ` +
    (state === null ? 'cut short' : `${number(state.opened)} sockets, ${number(state.refused)} refused, ` +
    `${number(state.messagesIn)} messages in, ${number(state.messagesOut)} out, ${number(echoed)} came back`) +
    `; /alive ${number(longest)} ms at most` +
    (closeTook === null ? '' : `; close ${number(closeTook)} of ${plan.drain.timeout} ms`) +
    (remains === null ? '' : `; heap ${(remains.heap / 2 ** 20).toFixed(1)}, outside ${(remains.external / 2 ** 20).toFixed(1)} MiB`) +
    (found === 0 ? '' : `; FAULTS: ${found}`))
}

async function attacks (control: number): Promise<void> {
  const chosen = ATTACKS.filter(({ name }) => flags.attack === undefined || flags.attack === name)
  if (chosen.length === 0) throw new Error(`--attack must be one of ${ATTACKS.map(({ name }) => name).join(', ')}`)
  // Those that stay may do so for some seconds.
  await Promise.all([true, false].map(stays => attackEach(control, chosen.filter(one => (one.stays ?? false) === stays))))
}

async function attackEach (control: number, all: Attack[]): Promise<void> {
  let host: Host | null = null
  for (const attack of all) {
    if (host === null || host.isSpoilt) host = await Host.start(control)
    const at = performance.now()
    const found = await runAttack(host, attack, (kind, detail) => faults.add(kind, `--attack ${attack.name}`, detail))
    console.log(`${elapsed().toFixed(0).padStart(4)} s  attack ${attack.name}: ${found === 0 ? 'survived' : 'FAULT'}, ` +
      `${number(performance.now() - at)} ms`)
    if (host.isSpoilt) await host.end()
  }
  await host?.end()
}

console.log(`chaos, Node ${process.version}, --seed ${seed}`)
const control = new Child<ControlQuestions>('../chaos/control', 'the control process')
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { process.exit(1) })
const controlPort = await control.ask('alive')
if (most === Infinity) await attacks(controlPort)
if (flags.attack === undefined) {
  await Promise.all(Array.from({ length: most === Infinity ? LANES : 1 }, () => lane(controlPort)))
}
control.kill('SIGKILL')
faults.print()
console.log(faults.count === 0 ? `ok, ${begun} rounds, ${elapsed().toFixed(0)} s`
  : `${faults.count} faults, ${begun} rounds, ${elapsed().toFixed(0)} s; --seed ${seed}`)
process.exit(faults.count === 0 ? 0 : 1)
