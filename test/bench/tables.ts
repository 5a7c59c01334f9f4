import { kindOf, type Load } from './load.ts'
import { LIMIT } from './measurement.ts'
import type { Machine } from './machine.ts'
import { requirePeer } from './peers.ts'
import { median, type Plan, type Result } from './run.ts'
import { baselinesOf, type Comparison, COMPARISONS, type ServerSpec } from './specs.ts'
import type { Suite } from './suites.ts'

const { markdownTable } = requirePeer('markdown-table') as {
  markdownTable: (rows: string[][], options?: { align?: string[], alignDelimiters?: boolean }) => string
}

/** Cores used by others from which on it is said. */
const DISTURBED = 0.2
/** Behind a figure that is not, or not only, about its server. */
const MARKS: Array<{ mark: string, applies: (result: Result) => boolean, meaning: string }> = [
  {
    mark: '†',
    applies: result => result.limited,
    meaning: `The load generator used ${LIMIT} of a core or more: the server may be faster than this.`
  },
  {
    mark: '‡',
    applies: ({ othersCpu = 0 }) => othersCpu >= DISTURBED,
    meaning: `Other processes used ${DISTURBED} of a core or more meanwhile; CPU time is less affected than rates are.`
  }
]

/** The meaning of the marks that there are. */
export function marksOf (results: Result[]): string {
  return MARKS
    .filter(({ applies }) => results.some(applies))
    .map(({ mark, meaning }) => `${mark} ${meaning}`)
    .join('\n\n')
}

type More = 'longest' | 'subscribing' | 'publishing' | 'leaving' | 'receiving' | 'engine' | 'commands'

/** Figures that only some kinds of load have. */
const MORE: Array<[key: More, head: string]> = [
  ['longest', 'longest stretch of the loop, µs'],
  ['subscribing', 'µs to subscribe'],
  ['publishing', 'µs to publish'],
  ['leaving', 'µs to leave'],
  ['receiving', 'µs of the other process'],
  ['engine', 'µs of Redis'],
  ['commands', 'commands of Redis']
]

type Cell = (result: Result) => string

/** The first columns are text, the others numbers. */
export function table (rows: string[][], texts: number, pretty = true): string {
  return markdownTable(rows, {
    align: rows[0]!.map((_cell, column) => column < texts ? 'l' : 'r'),
    alignDelimiters: pretty
  })
}

/** What a figure says about memory is in bytes. */
function figure ({ load, value }: { load: Load, value: number }): string {
  if (load.kind === 'memory') return kib(value)
  return load.kind === 'lone-topics' || load.kind === 'bystander' ? micros(value) : rounded(value)
}

function rounded (value: number | undefined): string {
  return value === undefined ? '' : Math.round(value).toLocaleString('en')
}

function kib (bytes: number | undefined): string {
  return bytes === undefined ? '' : (bytes / 1024).toFixed(1)
}

function percent (share: number | undefined): string {
  return share === undefined ? '' : `${Math.round(share * 100)} %`
}

function micros (value: number | undefined): string {
  return value === undefined ? '' : value < 10 ? value.toFixed(2) : value < 1000 ? value.toFixed(1) : value.toFixed(0)
}

export function mark (result: Result): string {
  return MARKS.filter(({ applies }) => applies(result)).map(({ mark }) => ` ${mark}`).join('')
}

/** The one that these are compared with. */
function baselineAmong (results: Result[]): Result | undefined {
  const baselines = baselinesOf(results[0]!.server)
  return baselines.map(baseline => results.find(({ server }) => server === baseline)).find(result => result !== undefined)
}

/** How a result compares with the baseline's, or an empty string. */
function ratio (result: Result, all: Result[], key: 'value' | 'serverMicros' = 'value'): string {
  const baseline = baselineAmong(all.filter(({ name }) => name === result.name))
  if (baseline === undefined || result[key] === undefined) return ''
  return (result[key] / baseline[key]!).toFixed(2)
}

/** Everything about the results of one suite. */
export function suiteTable (results: Result[]): string {
  const memory = results[0]!.load.kind === 'memory'
  const baseline = baselineAmong(results)?.server ?? baselinesOf(results[0]!.server)[0]
  const columns: Array<[string, Cell]> = [
    ['load', result => result.name],
    ['server', result => result.server],
    [memory ? 'KiB RSS' : results[0]!.unit, result => figure(result) + mark(result)],
    ['spread', result => `± ${percent(result.spread)}`],
    [`of ${baseline}`, result => ratio(result, results)]
  ]
  if (memory) {
    columns.push(['KiB heap', result => kib(result.heap)])
  } else if (results[0]!.heap !== undefined) {
    columns.push(['bytes of heap', result => rounded(result.heap)])
  } else {
    columns.push(
      ['server µs each', result => micros(result.serverMicros)],
      [`µs of ${baseline}`, result => ratio(result, results, 'serverMicros')],
      ['server CPU', result => percent(result.serverCpu)],
      ['generator CPU', result => percent(result.generatorCpu)],
      ['others', result => percent(result.othersCpu)]
    )
  }
  for (const [key, head] of MORE) {
    if (results.some(result => result[key] !== undefined)) columns.push([head, result => micros(result[key])])
  }
  if (results.some(({ p50 }) => p50 !== undefined)) {
    columns.push(
      ['p50 µs', result => micros(result.p50)],
      ['p99 µs', result => micros(result.p99)],
      ['p99.9 µs', result => micros(result.p999)]
    )
  }
  return table([columns.map(([head]) => head), ...results.map(result => columns.map(([, cell]) => cell(result)))], 2)
}

/** How to read the curve over sizes and windows. */
export function sweepLegend (baseline: ServerSpec): string {
  return `Replies/s, and behind the slash messages per CPU second of the server, as multiples of ${baseline.name}.`
}

/** For each comparison of which there are results: one row per load, one column per server. */
function perServer (
  all: Result[], unit: (result: Result) => string, cell: (result: Result, ofLoad: Result[]) => string,
  head: (comparison: Comparison) => string[] = () => []
): string[] {
  return COMPARISONS.flatMap(comparison => {
    const columns = comparison.servers.map(({ name }) => name).filter(name => all.some(({ server }) => server === name))
    if (columns.length === 0) return []
    const results = all.filter(({ server }) => columns.includes(server))
    const rows = [...new Set(results.map(({ name }) => name))].map(name => {
      const ofLoad = results.filter(result => result.name === name)
      const cells = columns.map(server => {
        const result = ofLoad.find(one => one.server === server)
        return result === undefined ? '' : cell(result, ofLoad)
      })
      return [`${name}: ${unit(ofLoad[0]!)}`, ...cells]
    })
    return [...head(comparison), table([['', ...columns], ...rows], 1, false)]
  })
}

/** Every figure as it is, and as a multiple of the baseline's. */
export function compactTables (results: Result[]): string {
  return perServer(results, unitOf, compared, ({ legend }) => [legend]).join('\n\n')
}

/** The few loads and servers that the README shows, ours at its best and at its worst. */
const FRONT_PAGE = {
  servers: ['fastify-sockets', 'ws', '@fastify/websocket'],
  loads: [
    'binary 20 B, 100 × 1', 'binary 20 B, 100 × 32', 'JSON with schemas, 100 × 32', 'fan-out of 100 B to 1,000 × 1',
    'handshakes, 32 at a time'
  ]
}

/** Rows of the first compact table, shortened: nothing else, so that the two never differ. */
export function frontPage (results: Result[]): string {
  const { servers, loads } = FRONT_PAGE
  const shown = results.filter(({ server, name }) => servers.includes(server) && loads.includes(name))
  if (loads.some(load => !shown.some(({ name }) => name === load))) throw new Error('a load of the README has no result')
  shown.sort((one, other) => loads.indexOf(one.name) - loads.indexOf(other.name))
  return perServer(shown, unitOf, compared).join('\n\n')
}

function unitOf ({ load, unit }: Result): string {
  return load.kind === 'memory' ? 'KiB RSS each' : unit
}

function compared (result: Result, ofLoad: Result[]): string {
  const multiple = result === baselineAmong(ofLoad) ? '' : ratio(result, ofLoad)
  return `${figure(result)}${mark(result)}${multiple === '' ? '' : ` (${multiple})`}`
}

/** What the compact tables leave out, folded away: latency, CPU time, spread. */
export function details (results: Result[]): string {
  const timed = results.filter(({ p50 }) => p50 !== undefined)
  const working = results.filter(({ load }) => !kindOf(load).isLessBetter)
  const widest = results.reduce((one, other) => one.spread > other.spread ? one : other)
  return [
    '<details><summary>Latency, CPU time, spread</summary>',
    'Latency with one message in flight on each connection, but for that of a flood, p50 / p99 / p99.9:',
    ...perServer(timed, () => 'µs', ({ p50, p99, p999 }) => {
      return [p50, p99, p999].map(value => Math.round(value!)).join(' / ')
    }),
    ...MORE.flatMap(([key, head]) => {
      const some = results.filter(result => result[key] !== undefined)
      return some.length === 0 ? [] : [`Of these, ${head}:`, ...perServer(some, ({ unit }) => unit === 'publishes/s' ? 'each' : 'µs', result => micros(result[key]))]
    }),
    'CPU time of the server for each reply, handshake, delivery or publish (of both processes, if there are two):',
    ...perServer(working, () => 'µs', ({ serverMicros }) => micros(serverMicros)),
    'Half of what lies between the lowest and the highest round, as a share of the median: ' +
      `${percent(median(results.map(({ spread }) => spread)))} in the middle, ` +
      `${percent(widest.spread)} at most (${widest.server}, ${widest.name}).`,
    '</details>'
  ].join('\n\n')
}

export function optionsOf ({ name, options, env, strings, subscribed, canned }: ServerSpec): string {
  const notes = [
    Object.keys(options).length === 0 ? 'its defaults' : `\`${JSON.stringify(options)}\``,
    ...Object.entries(env ?? {}).map(([key, value]) => `\`${key}=${value}\``),
    ...subscribed === true ? ['with a subscriber to each of its channels'] : [],
    ...strings === true ? ['makes a string of each text'] : [],
    ...canned === true ? ['parses nothing and sends what it has ready, as far as Node.js can go'] : []
  ]
  return `- ${name}: ${notes.join(', ')}`
}

/** The options of every server, once for all the suites where they are the same. */
export function allOptions (suites: Suite[]): string {
  const lines = new Map<string, { server: string, titles: string[] }>()
  for (const { title, servers } of suites) {
    for (const server of servers) {
      const line = optionsOf(server)
      lines.set(line, { server: server.name, titles: [...lines.get(line)?.titles ?? [], title] })
    }
  }
  const seen = new Set<string>()
  // The first options of a server are its usual ones.
  return [...lines].map(([line, { server, titles }]) => {
    if (seen.has(server)) return `${line} (${titles.join('; ')})`
    seen.add(server)
    return line
  }).join('\n')
}

export function circumstances (machine: Machine, { rounds, seconds }: Plan): string {
  const { date, cpu, cores, system, node, versions } = machine
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')
  return `${date}, ${cores} × ${cpu}, ${system}, Node.js ${node}, ${list}; ` +
    `medians of ${rounds} rounds of ${seconds} s, taken in turn.`
}
