import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import Fastify from 'fastify'
import sockets, { CloseCode, errors } from 'fastify-sockets'
import { test } from 'tap'
import { verdictOf } from '../lib/client/finality.ts'
import { DEFLATE_DEFAULTS } from '../lib/deflate/negotiate.ts'
import { DEFAULTS } from '../lib/live/route-options.ts'
import { drainOptions } from '../lib/plugin/options.ts'
import { checkPages } from './bench/readme.ts'
import { pair } from './support/serve.ts'
import { ROOT } from './support/handshakes.ts'
import { anchors, fault, links, named, names, page, pages, table } from './support/markdown.ts'

const readme = page('README.md')
const examples = page('examples/README.md')
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[], repository?: unknown }

test('README.md is the page of a first day', async t => {
  t.ok(readme.text.split('\n').length <= 501, 'at most 500 lines')
  for (const command of ['npm ci && npm start', 'npm ci && npm test']) t.match(readme.text, command)
})

test('every link leads to a file and to a heading', async t => {
  let count = 0
  for (const one of pages()) {
    for (const target of links(one)) {
      t.equal(fault(one, target), null, `${one.path}: ${target}`)
      count++
    }
  }
  t.ok(count > 50)
})

test('links of README.md work on npm, and the files that it names are there', async t => {
  // npm resolves a relative link against the repository, which package.json does not name.
  t.equal(manifest.repository, undefined)
  t.strictSame(links(readme).filter(target => !target.startsWith('#')), [])
  const files = named(readme)
  t.ok(files.length > 10)
  for (const { target, line } of files) {
    t.equal(fault(readme, target), null, target)
    const isShipped = target === 'README.md' || manifest.files.some(entry => target === entry || target.startsWith(`${entry}/`))
    if (!isShipped) t.match(line, /in the repository/, `${target} is not in the package, and the page says so`)
  }
})

test('every section is in the contents of its page', async t => {
  for (const one of [readme, examples]) {
    const sections = anchors({ ...one, text: one.text.replace(/^#(?:##.*)? .*/gm, '') })
    const contents = links(one)
    for (const section of sections) {
      if (!['try-it', 'contents', 'the-programs'].includes(section)) t.ok(contents.includes(`#${section}`), `${one.path}: ${section}`)
    }
  }
})

test('the table of errors has each of them, with its number', async t => {
  const rows = table(readme, '| code | number |').flatMap(([codes, number, advice]) => {
    return names(codes!).map(code => ({ code, number: number!, advice: advice! }))
  })
  t.strictSame(rows.map(({ code }) => code).sort(), [...Object.keys(errors), 'FST_ERR_WS_PROTOCOL'].sort())
  for (const { code, number, advice } of rows) {
    t.ok(advice.length > 20, `${code} says what to do`)
    if (code === 'FST_ERR_WS_PROTOCOL') continue
    const { statusCode, closeCode } = new (errors as any)[code]('', '') as { statusCode?: number, closeCode?: number }
    const own = closeCode ?? (statusCode === 500 ? undefined : statusCode)
    // A class with the status 500 may be one that is thrown, a response, or a failure that closes the connection.
    if (own === undefined) t.ok(['', '500', '1006', '1011'].includes(number), `${code}: ${number}`)
    else t.equal(number, String(own), code)
  }
})

test('the table of close codes has each of them, and whether it is final', async t => {
  const rows = table(readme, '| close code |')
  t.strictSame(rows.map(([code]) => Number(code)), Object.values(CloseCode).sort())
  for (const [code, , advice] of rows) t.match(advice, /^(final|connect again|as the client meant it)/, code)
})

/** Numbers and ranges of a cell: `400–499, 1000`. */
function numbers (cell: string): { single: number[], within: Array<[number, number]> } {
  const parts = [...cell.matchAll(/(\d{3,4})(?:–(\d{3,4}))?/g)]
  return {
    single: parts.flatMap(([, from, to]) => to === undefined ? [Number(from)] : []),
    within: parts.flatMap(([, from, to]): Array<[number, number]> => to === undefined ? [] : [[Number(from), Number(to)]])
  }
}

test('the table of what is final is what the client does', async t => {
  const rows = table(readme, '| close code | refused with |')
  t.equal(rows.length, 4)
  const verdicts = { 'final': 'final', 'tries once more': 'refresh', 'tries again': 'retry' }
  const shownAs = (advice: string) => Object.entries(verdicts).find(([words]) => advice.startsWith(words))![1]
  const shown = (column: 0 | 1, number: number): string => {
    const row = rows.find(row => numbers(row[column]!).single.includes(number)) ??
      rows.find(row => numbers(row[column]!).within.some(([from, to]) => number >= from && number <= to)) ??
      rows.find(row => row[column]!.endsWith('all others'))!
    return shownAs(row[2]!)
  }
  const end = { reason: '', wasClean: true, initiator: 'remote', body: '', retryAfter: 0, error: null } as const
  const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)
  for (const code of [...range(1000, 1015), ...range(3000, 3100), ...range(4000, 4999)]) {
    const verdict = verdictOf({ ...end, code, status: 0 })
    if (verdict !== shown(0, code)) t.fail(`${code}: ${verdict}, and the table says ${shown(0, code)}`)
  }
  for (const status of range(200, 599)) {
    const verdict = verdictOf({ ...end, code: 1006, status })
    if (verdict !== shown(1, status)) t.fail(`${status}: ${verdict}, and the table says ${shown(1, status)}`)
  }
})

test('the table of the errors of the client has each of them', async t => {
  const code = ['client', 'client-node', 'contract'].flatMap(folder => {
    return readdirSync(join(ROOT, 'lib', folder)).map(file => readFileSync(join(ROOT, 'lib', folder, file), 'utf8'))
  }).join('\n')
  const known = new Set([...code.matchAll(/'(FST_ERR_WS_CLIENT_[A-Z_]+)'/g)].map(([, name]) => name!))
  t.ok(known.size > 10)
  const rows = table(readme, '| error | where |')
  t.strictSame(rows.flatMap(([codes]) => names(codes!)).sort(), [...known].sort())
  for (const [codes, , advice] of rows) t.ok(advice!.length > 20, codes)
})

/** What the error says when an option does not exist, or has a value that nobody can want. */
async function complaint (options: object): Promise<string> {
  const app = Fastify()
  app.register(sockets, options)
  const error = await app.ready().then(() => null, (error: Error) => error)
  return error?.message ?? ''
}

/** The options that there are, of the plugin or in one of its options. */
async function known (within?: string): Promise<string[]> {
  const wrong = { nonsense: 1 }
  const text = await complaint(within === undefined ? wrong : { [within]: wrong })
  return /: ([^:]+)$/.exec(text)![1]!.split(', ').sort()
}

/** What a cell says: `1 MiB`, `10 000`, `none`, or a value of JavaScript in code. */
function value (cell: string): unknown {
  const [, number, unit] = /^(\d[\d ]*?)(?: ([KM])iB)?$/.exec(cell) ?? []
  if (number !== undefined) return Number(number.replace(' ', '')) * (unit === 'M' ? 2 ** 20 : unit === 'K' ? 2 ** 10 : 1)
  const [, code] = /^`(.+)`$/.exec(cell) ?? []
  return code === undefined ? cell : JSON.parse(runInNewContext(`JSON.stringify(${code})`))
}

test('the table of options has each of them, with its default and its unit', async t => {
  const rows = table(readme, '| option | default | unit |')
  t.strictSame(rows.map(([name]) => names(name!)[0]!).sort(), await known())
  const defaults: Record<string, unknown> = { ...DEFAULTS, drain: drainOptions(), protocols: 'none', limits: 'none', onDrain: 'none', identify: 'none', backplane: 'none' }
  for (const [cell, shown, unit] of rows) {
    const [name] = names(cell!) as [string]
    if (name in defaults) t.strictSame(value(shown!), defaults[name], name)
    else t.match(shown, /^log, close/, name)
    if (name === 'drain') continue
    const text = await complaint({ [name]: Symbol('nonsense') })
    t.equal(/\b(bytes|milliseconds)\b/.exec(text)?.[1] ?? '', { bytes: 'bytes', ms: 'milliseconds' }[unit!] ?? '', `${name}: ${unit}`)
  }
})

test('so have the tables of options within options', async t => {
  for (const [within, head, defaults] of [
    ['deflate', '| option of `deflate` | default |', DEFLATE_DEFAULTS], ['drain', '| option of `drain` | default |', drainOptions()]
  ] as const) {
    const rows = table(examples, head)
    t.strictSame(rows.map(([name]) => names(name!)[0]!).sort(), await known(within))
    t.strictSame(Object.fromEntries(rows.map(([name, shown]) => [names(name!)[0]!, value(shown!)])), { ...defaults })
  }
  t.strictSame(table(examples, '| limit | counts |').map(([name]) => names(name!)[0]!).sort(), await known('limits'))
})

/** What the error says of a topic with an option that does not exist, or has a value that nobody can want. */
function topicComplaint (options: object): string {
  try {
    Fastify().topic('/', options)
  } catch (error) {
    return (error as Error).message
  }
  return ''
}

/** The options of a topic, or of one of its options. */
function knownOfTopics (within?: string): string[] {
  const text = topicComplaint(within === undefined ? { nonsense: 1 } : { [within]: { size: 1, ttl: 1, nonsense: 1 } })
  return /: ([^:]+)$/.exec(text)![1]!.split(', ').sort()
}

test('so have the tables of the options of topics', async t => {
  const shown = (head: string) => table(examples, head).map(([name]) => names(name!)[0]!)
  const parts = shown('| option | |').map(name => name.replace(/\..*/, ''))
  t.strictSame([...new Set(parts)].sort(), knownOfTopics())
  t.strictSame(shown('| option of `presence` | default |').sort(), knownOfTopics('presence'))
  for (const name of ['size', 'ttl', 'position']) t.match(examples.text, `\`${name}\``)
  t.strictSame(knownOfTopics('history'), ['position', 'size', 'ttl'])
  const values = table(examples, '| `overflow` | what happens').map(([value]) => value!)
  t.strictSame(values, ['none', ...topicComplaint({ overflow: 'nonsense' }).match(/'[a-z-]+'/g)!.slice(1).map(value => `\`${value}\``)])
})

test('the table of the socket has its members, and the figures those of stats()', async t => {
  const { socket, app } = await pair(t)
  const shown = new Set(table(readme, '| member | |').flatMap(([cell]) => names(cell!)))
  for (const name of shown) t.ok(name === 'for' || name in socket, name)
  const live = Object.getPrototypeOf(socket)
  const members = [live, Object.getPrototypeOf(live)].flatMap(Object.getOwnPropertyNames)
  const aliases = ['constructor', 'addListener', 'removeListener', 'listenerCount']
  for (const name of members.filter(name => !aliases.includes(name))) {
    t.ok(shown.has(name) || readme.text.includes(`\`socket.${name}\``), name)
  }
  const { routes, topics, ...figures } = app.sockets.stats()
  t.strictSame(table(examples, '| figure | |').flatMap(([cell]) => names(cell!)).sort(), Object.keys(figures).sort())
  t.strictSame(table(examples, '| figure of a topic |').flatMap(([cell]) => names(cell!)).sort(), Object.keys(topics['']!).sort())
  t.strictSame(Object.keys(routes), ['/'])
  for (const name of Object.keys(app.sockets)) {
    t.match(readme.text + examples.text, new RegExp(`(?:\`|app\\.sockets\\.)${name}\\b`), `app.sockets.${name}`)
  }
})

test('the tables of log lines and channels are those of the code', async t => {
  const lib = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts'))
    .map(file => readFileSync(join(ROOT, 'lib', file), 'utf8'))
    .join('')
  const lines = table(examples, '| message | level |').map(([cell]) => /`(.+)`/.exec(cell!)![1]!)
  t.ok(lines.length > 5)
  for (const line of lines) for (const part of line.split('…')) t.ok(lib.includes(part.trim()), line)
  const channels = [...lib.matchAll(/channel\('([^']+)'\)/g)].map(([, name]) => name!)
  t.strictSame(table(examples, '| channel | payload |').map(([cell]) => /`(.+)`/.exec(cell!)![1]!).sort(), channels.sort())
})

test('every example is in the table of programs', async t => {
  const files = readdirSync(join(ROOT, 'examples')).filter(file => !['README.md', 'tsconfig.json'].includes(file))
  const contents = links(examples)
  for (const file of files) t.ok(contents.includes(file), file)
})

test('the benchmark finds its pages, and README.md has rows of the same run', async t => {
  await checkPages('benchmark', 'sweep', 'figures')
  const all = page('test/bench/README.md').text
  const rows = table(readme, '| | fastify-sockets | ws |')
  t.equal(rows.length, 5)
  for (const [load, ...cells] of rows) {
    const row = all.split('\n').find(line => line.startsWith(`| ${load} |`))
    t.ok(row, load)
    for (const cell of cells) t.ok(row!.includes(`| ${cell} |`), `${load}: ${cell}`)
  }
})
