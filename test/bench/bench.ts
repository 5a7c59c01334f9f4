/*
 * Echo over loopback, side by side with other servers: `npm run bench -- [--seconds 4] [--rounds 3] [--json FILE]`.
 * `--quick` takes some ten seconds and only tells whether the benchmark itself works.
 */
import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { checkEcho, type Load, type Measurement, measure } from './load.ts'
import { ServerProcess } from './server-process.ts'

const OURS = 'fastify-sockets'
const BASELINE = 'ws'
const SERVERS = [OURS, BASELINE, 'fastify-websocket']

const LOADS: Load[] = [
  { connections: 100, inFlight: 1, size: 20 },
  { connections: 100, inFlight: 32, size: 20 },
  { connections: 100, inFlight: 1, size: 1024 },
  { connections: 100, inFlight: 32, size: 1024 }
]

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string' },
    quick: { type: 'boolean', default: false }
  }
})
const seconds = flags.quick ? 0.4 : positive('seconds')
const rounds = flags.quick ? 1 : positive('rounds')
const warmUp = flags.quick ? 0.2 : 1

function positive (name: 'seconds' | 'rounds'): number {
  const value = Number(flags[name])
  if (!(value > 0)) throw new Error(`--${name} must be a number above 0`)
  return value
}

interface Result extends Measurement {
  server: string
  load: Load
  /** Replies per second of each round. */
  rounds: number[]
}

/** The round whose speed is the median; the lower one of two. */
function summarize (server: string, load: Load, measurements: Measurement[]): Result {
  const sorted = [...measurements].sort((a, b) => a.repliesPerSecond - b.repliesPerSecond)
  const median = sorted[(sorted.length - 1) >> 1]!
  return { server, load, ...median, rounds: measurements.map(one => Math.round(one.repliesPerSecond)) }
}

async function run (servers: ServerProcess[]): Promise<Result[]> {
  const results = []
  for (const load of LOADS) {
    const measured = new Map<ServerProcess, Measurement[]>(servers.map(server => [server, []]))
    // In turns, so that what else the machine does meets all of them.
    for (let round = 0; round < rounds; round++) {
      for (const server of servers) {
        measured.get(server)!.push(await measure(server, load, warmUp, seconds))
        // Time to notice that its clients are gone.
        await wait(100)
      }
    }
    for (const [server, measurements] of measured) results.push(summarize(server.name, load, measurements))
  }
  return results
}

function table (results: Result[]): string {
  const rows = results.map(result => {
    const { connections, inFlight, size } = result.load
    const baseline = results.find(one => one.load === result.load && one.server === BASELINE)!
    return [
      `${connections} × ${inFlight}, ${size} B`,
      result.server,
      Math.round(result.repliesPerSecond).toLocaleString('en'),
      `${Math.min(...result.rounds).toLocaleString('en')}–${Math.max(...result.rounds).toLocaleString('en')}`,
      `${(result.repliesPerSecond / baseline.repliesPerSecond).toFixed(2)} ×`,
      Math.round(result.repliesPerSecond / result.serverCpu).toLocaleString('en'),
      percent(result.serverCpu),
      percent(result.generatorCpu)
    ]
  })
  // The figure per CPU second of the server is the steadier one on a machine that has other things to do.
  const head = [
    'connections × in flight', 'server', 'replies/s', 'range', `of ${BASELINE}`, 'per CPU second', 'server CPU', 'generator CPU'
  ]
  return [head, head.map((_cell, column) => column < 2 ? '---' : '---:'), ...rows]
    .map(row => `| ${row.join(' | ')} |`).join('\n')
}

function percent (share: number): string {
  return `${Math.round(share * 100)} %`
}

const servers = await Promise.all(SERVERS.map(name => ServerProcess.start(name)))
try {
  for (const server of servers) await checkEcho(server)
  const results = await run(servers)
  const machine = { node: process.version, cpu: cpus()[0]!.model, cores: cpus().length }
  console.log(`Node ${machine.node}, ${machine.cores} × ${machine.cpu}; median of ${rounds} rounds of ${seconds} s\n`)
  console.log(table(results))
  if (flags.json !== undefined) {
    await writeFile(flags.json, `${JSON.stringify({ ...machine, seconds, rounds, results }, null, 2)}\n`)
  }
  if (results.some(result => !(result.repliesPerSecond > 0))) throw new Error('a server sent no replies')
} finally {
  await Promise.all(servers.map(server => server.stop()))
}
