/*
 * Servers side by side over loopback: `npm run bench -- [FLAGS]`.
 *
 * --rounds 5, --seconds 2   each server is measured so often for so long, in turn with the others
 * --only PART               loads with this in their name
 * --servers A,B             these servers only
 * --json FILE               everything that was measured
 * --sweep                   ours against ws over many sizes and windows instead, in five minutes
 * --text                    with --sweep: of text that is not ASCII, not of bytes
 * --readme                  rewrites the tables in README.md beside this file, and the few in that of the package; with
 *                           --sweep, the curve
 * --quick                   tells only whether the benchmark itself works: no figure means anything
 */
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { kindOf, type Load, nameOf } from './load.ts'
import { fitting, machine } from './machine.ts'
import { isInstalled } from './peers.ts'
import { checkPages, rewrite } from './readme.ts'
import { type Plan, type Result, runLoad } from './run.ts'
import { redisVersion } from './redis-server.ts'
import { PACKAGES, type ServerSpec } from './specs.ts'
import { type Suite, SUITES, SWEEP } from './suites.ts'
import { sweep } from './sweep.ts'
import {
  allOptions, circumstances, compactTables, details, frontPage, marksOf, optionsOf, suiteTable, sweepLegend
} from './tables.ts'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string', default: '' },
    servers: { type: 'string' },
    json: { type: 'string' },
    readme: { type: 'boolean', default: false },
    sweep: { type: 'boolean', default: false },
    text: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false }
  }
})

const hasRedis = redisVersion() !== null

function positive (name: 'seconds' | 'rounds', otherwise: number): number {
  const value = Number(flags[name] ?? otherwise)
  if (!(value > 0)) throw new Error(`--${name} must be a number above 0`)
  return value
}

function plan (rounds: number, seconds: number, warmUp: number): Plan {
  return { rounds: positive('rounds', rounds), seconds: positive('seconds', seconds), warmUp }
}

function checkNames (): void {
  const known = new Set(SUITES.flatMap(({ servers }) => servers.map(({ name }) => name)))
  const unknown = flags.servers?.split(',').filter(name => !known.has(name)) ?? []
  if (unknown.length > 0) throw new Error(`no server ${unknown.join(', ')}; there are ${[...known].join(', ')}`)
}

function chosen (servers: ServerSpec[]): ServerSpec[] {
  const names = flags.servers?.split(',')
  return servers.filter(({ name, needs, engine }) => {
    return (names?.includes(name) ?? true) && needs.every(isInstalled) && (engine === undefined || hasRedis)
  })
}

function chosenSuites (): Suite[] {
  const suites = SUITES
    .map(suite => ({
      ...suite,
      servers: chosen(suite.servers),
      loads: suite.loads.filter(load => nameOf(load).includes(flags.only))
    }))
    .filter(({ servers, loads }) => servers.length > 0 && loads.length > 0)
  if (suites.length === 0) throw new Error('no load is left by --only and --servers')
  return flags.quick ? quickSuites(suites) : suites
}

/** The first load of each suite, in small: with its first server, and with those that have not had to do the like before. */
function quickSuites (suites: Suite[]): Suite[] {
  const seen = new Set<string>()
  return suites.map(suite => {
    const loads = suite.loads.slice(0, 1).map(load => kindOf(load).small(load))
    const servers = suite.servers.filter((server, i) => {
      const task = `${server.name} ${kindOf(loads[0]!).role(loads[0]!)} ${loads[0]!.kind}`
      const isNew = !seen.has(task)
      seen.add(task)
      return isNew || i === 0
    })
    return { ...suite, servers, loads }
  })
}

/** A figure that is none is a fault of the benchmark or of a server. */
function checkFigures (results: Result[]): void {
  const wrong = results.filter(({ value, load, serverMicros }) => {
    const { isLessBetter, isFresh, mayBeNothing } = kindOf(load)
    if (mayBeNothing) return !(value >= 0)
    // What few connections take may be less than what the server has meanwhile given back.
    if (flags.quick && isFresh) return !Number.isFinite(value)
    return !(value > 0) || (!isLessBetter && !(serverMicros! > 0) && !flags.quick)
  })
  if (wrong.length === 0) return
  throw new Error(`no figure for ${wrong.map(({ server, name, value }) => `${server}, ${name}: ${value}`).join('; ')}`)
}

async function save (plan: Plan, results: Result[]): Promise<void> {
  if (flags.json === undefined) return
  await writeFile(flags.json, `${JSON.stringify({ ...machine(), ...plan, results }, null, 2)}\n`)
}

async function compare (): Promise<void> {
  checkNames()
  const missing = PACKAGES.filter(name => !isInstalled(name))
  if (missing.length > 0 && flags.quick) throw new Error(`not installed: ${missing.join(', ')}`)
  if (missing.length > 0) console.error(`not installed, so left out: ${missing.join(', ')}`)
  if (!hasRedis) console.error('no redis-server, so what goes over Redis is left out: apt-get install redis-server')
  if (flags.readme) {
    if (flags.quick || flags.only !== '' || flags.servers !== undefined) throw new Error('--readme is for all of it')
    await checkPages('benchmark', 'figures')
  }
  const how = flags.quick ? plan(1, 0.1, 0.05) : plan(5, 2, 0.25)
  const where = circumstances(machine(), how)
  console.log(where)
  const suites = chosenSuites()
  const results: Result[] = []
  for (const suite of suites) {
    const ofSuite = []
    for (const load of suite.loads as Load[]) ofSuite.push(...await runLoad(fitting(load), suite.servers, how))
    console.log(`\n## ${suite.title}\n\n${suite.note === undefined ? '' : `${suite.note}\n\n`}${suiteTable(ofSuite)}\n`)
    console.log(suite.servers.map(optionsOf).join('\n'))
    results.push(...ofSuite)
  }
  const compact = compactTables(results)
  console.log(`\n## All of it\n\n${compact}\n\n${marksOf(results)}`)
  await save(how, results)
  checkFigures(results)
  if (flags.readme) {
    const parts = [compact, marksOf(results), where, details(results), allOptions(suites)]
    await rewrite('benchmark', parts.filter(part => part !== '').join('\n\n'))
    await rewrite('figures', frontPage(results))
  }
}

async function compareSizes (): Promise<void> {
  if (flags.readme) {
    if (flags.quick || flags.text) throw new Error('--readme is for the whole sweep, of bytes')
    await checkPages('sweep')
  }
  const how = flags.quick ? plan(1, 0.05, 0.02) : plan(3, 0.4, 0.1)
  const where = circumstances(machine(), how)
  console.log(where)
  const sizes = flags.quick ? SWEEP.sizes.filter((_size, n) => n % 4 === 0) : SWEEP.sizes
  const content = flags.text ? 'text' : 'binary'
  const baseline = SWEEP.baselines[content]
  const { markdown, results } = await sweep(how, content, baseline, sizes)
  const parts = [sweepLegend(baseline), markdown, marksOf(results), where].filter(part => part !== '')
  console.log(`\n${parts.slice(0, -1).join('\n\n')}`)
  await save(how, results)
  checkFigures(results)
  if (flags.readme) await rewrite('sweep', parts.join('\n\n'))
}

if (flags.sweep) await compareSizes()
else await compare()
