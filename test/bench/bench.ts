/*
 * Echo over loopback, side by side with other servers:
 * `npm run bench -- [--seconds 4] [--rounds 3] [--only PART_OF_A_LOAD'S_NAME] [--json FILE]`.
 * `--quick` takes less than fifteen seconds and only tells whether the benchmark itself works.
 */
import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { checkDeflatedEcho, checkEcho, type Load, type Measurement, measure } from './load.ts'
import { ServerProcess, type ServerSpec } from './server-process.ts'

interface Suite {
  servers: ServerSpec[]
  /** The name of the one that the others are compared with. */
  baseline: string
  loads: Load[]
}

const SUITES: Suite[] = [
  {
    servers: [
      { name: 'fastify-sockets', script: 'fastify-sockets', options: {} },
      { name: 'ws', script: 'ws', options: { perMessageDeflate: false } },
      { name: 'fastify-websocket', script: 'fastify-websocket', options: { perMessageDeflate: false } }
    ],
    baseline: 'ws',
    loads: [
      { connections: 100, inFlight: 1, size: 20 },
      { connections: 100, inFlight: 32, size: 20 },
      { connections: 100, inFlight: 1, size: 1024 },
      { connections: 100, inFlight: 32, size: 1024 }
    ]
  },
  {
    servers: [
      { name: 'fastify-sockets', script: 'fastify-sockets', options: { deflate: { threshold: 0 } } },
      {
        name: 'fastify-sockets, takeover',
        script: 'fastify-sockets',
        options: { deflate: { threshold: 0, contextTakeover: true } }
      },
      { name: 'ws', script: 'ws', options: { perMessageDeflate: { threshold: 0 } } },
      {
        name: 'ws, no takeover, level 1',
        script: 'ws',
        options: {
          perMessageDeflate: {
            threshold: 0,
            serverNoContextTakeover: true,
            clientNoContextTakeover: true,
            zlibDeflateOptions: { level: 1 }
          }
        }
      }
    ],
    baseline: 'ws',
    loads: [
      { connections: 50, inFlight: 1, size: 200, deflate: true },
      { connections: 50, inFlight: 16, size: 200, deflate: true },
      { connections: 50, inFlight: 1, size: 16384, deflate: true },
      { connections: 50, inFlight: 8, size: 16384, deflate: true }
    ]
  }
]

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    quick: { type: 'boolean', default: false }
  }
})
const seconds = flags.quick ? 0.15 : positive('seconds')
const rounds = flags.quick ? 1 : positive('rounds')
const warmUp = flags.quick ? 0.05 : 1

function positive (name: 'seconds' | 'rounds'): number {
  const value = Number(flags[name])
  if (!(value > 0)) throw new Error(`--${name} must be a number above 0`)
  return value
}

function nameOf ({ connections, inFlight, size, deflate }: Load): string {
  return `${connections} × ${inFlight}, ${size} B${deflate === true ? ' deflate' : ''}`
}

interface Result extends Measurement {
  server: ServerSpec
  load: Load
  /** Replies per second of each round. */
  rounds: number[]
}

/** The round whose speed is the median; the lower one of two. */
function summarize (server: ServerSpec, load: Load, measurements: Measurement[]): Result {
  const sorted = [...measurements].sort((a, b) => a.repliesPerSecond - b.repliesPerSecond)
  const median = sorted[(sorted.length - 1) >> 1]!
  return { server, load, ...median, rounds: measurements.map(one => Math.round(one.repliesPerSecond)) }
}

async function runLoad (load: Load, servers: ServerProcess[]): Promise<Result[]> {
  const measured = new Map<ServerProcess, Measurement[]>(servers.map(server => [server, []]))
  // In turns, so that what else the machine does meets all of them.
  for (let round = 0; round < rounds; round++) {
    for (const server of servers) {
      measured.get(server)!.push(await measure(server, load, warmUp, seconds))
      // Time to notice that its clients are gone.
      await wait(flags.quick ? 20 : 100)
    }
  }
  return [...measured].map(([server, measurements]) => summarize(server.spec, load, measurements))
}

async function runSuite (suite: Suite): Promise<Result[]> {
  const servers = await Promise.all(suite.servers.map(spec => ServerProcess.start(spec)))
  try {
    const results = []
    for (const server of servers) {
      await checkEcho(server)
      if (suite.loads.some(load => load.deflate)) await checkDeflatedEcho(server)
    }
    for (const load of suite.loads) results.push(...await runLoad(load, servers))
    return results
  } finally {
    await Promise.all(servers.map(server => server.stop()))
  }
}

function table (results: Result[], baseline: string): string {
  const rows = results.map(result => {
    const compared = results.find(one => one.load === result.load && one.server.name === baseline)!
    return [
      nameOf(result.load),
      result.server.name,
      Math.round(result.repliesPerSecond).toLocaleString('en'),
      `${Math.min(...result.rounds).toLocaleString('en')}–${Math.max(...result.rounds).toLocaleString('en')}`,
      `${(result.repliesPerSecond / compared.repliesPerSecond).toFixed(2)} ×`,
      Math.round(result.repliesPerSecond / result.serverCpu).toLocaleString('en'),
      percent(result.serverCpu),
      percent(result.generatorCpu)
    ]
  })
  // The figure per CPU second of the server is the steadier one on a machine that has other things to do.
  const head = [
    'connections × in flight', 'server', 'replies/s', 'range', `of ${baseline}`, 'per CPU second', 'server CPU',
    'generator CPU'
  ]
  return [head, head.map((_cell, column) => column < 2 ? '---' : '---:'), ...rows]
    .map(row => `| ${row.join(' | ')} |`).join('\n')
}

function percent (share: number): string {
  return `${Math.round(share * 100)} %`
}

function legend (suite: Suite): string {
  return suite.servers.map(({ name, options }) => `- ${name}: \`${JSON.stringify(options)}\``).join('\n')
}

const suites = SUITES
  .map(suite => ({ ...suite, loads: suite.loads.filter(load => nameOf(load).includes(flags.only)) }))
  .filter(suite => suite.loads.length > 0)
if (suites.length === 0) throw new Error(`no load has a name with ${flags.only}`)

const machine = { node: process.version, cpu: cpus()[0]!.model, cores: cpus().length }
console.log(`Node ${machine.node}, ${machine.cores} × ${machine.cpu}; median of ${rounds} rounds of ${seconds} s`)
const results = []
for (const suite of suites) {
  const ofSuite = await runSuite(suite)
  console.log(`\n${table(ofSuite, suite.baseline)}\n\n${legend(suite)}`)
  results.push(...ofSuite)
}
if (flags.json !== undefined) {
  await writeFile(flags.json, `${JSON.stringify({ ...machine, seconds, rounds, results }, null, 2)}\n`)
}
if (results.some(result => !(result.repliesPerSecond > 0))) throw new Error('a server sent no replies')
