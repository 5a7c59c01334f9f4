import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'tap'

const ROOT = join(import.meta.dirname, '../..')

/**
 * What each part of lib/ may import besides itself, from the ground up: a part imports what stands above it in this list.
 * `errors` is lib/errors.ts; `index`, with `exports`, is what users load.
 */
const ALLOWED: Record<string, string[]> = {
  contract: [],
  client: ['contract'],
  types: ['contract'],
  protocol: ['contract'],
  errors: ['contract'],
  deflate: ['contract', 'protocol'],
  connection: ['contract', 'protocol', 'deflate'],
  message: ['errors'],
  socket: ['contract', 'types', 'protocol', 'errors', 'deflate', 'connection'],
  handshake: ['protocol', 'errors', 'connection'],
  live: ['contract', 'types', 'errors', 'deflate', 'connection', 'message', 'socket', 'handshake'],
  backplane: ['types', 'errors'],
  redis: ['types'],
  nats: ['types'],
  'backplane-tests': ['types', 'backplane'],
  topics: ['types', 'contract', 'errors', 'deflate', 'connection', 'socket', 'live', 'backplane'],
  'client-node': ['client', 'contract', 'protocol', 'deflate', 'connection', 'socket'],
  testing: ['contract', 'types', 'protocol', 'errors', 'deflate', 'message', 'socket', 'live'],
  plugin: ['types', 'protocol', 'errors', 'deflate', 'connection', 'message', 'socket', 'handshake', 'live', 'topics', 'testing'],
  exports: ['contract', 'protocol', 'errors'],
  index: ['contract', 'types', 'protocol', 'errors', 'plugin', 'exports']
}

/** Packages and modules of Node that a pure part may use: functions from values to values. */
const PURE = ['node:buffer', 'node:crypto']

interface Import {
  file: string
  from: string
  /** A part, or a package. */
  to: string
  /** A file, or a package. */
  target: string
}

function sources (folder: string): string[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
  return files.filter(file => /\.m?ts$/.test(file)).map(file => join(folder, file))
}

/** Those of types among them. */
function imports (file: string): Import[] {
  const source = readFileSync(join(ROOT, file), 'utf8')
  const specifiers = [...source.matchAll(/^(?:import|export)\s[^'"]*?from\s*'([^']+)'|^import\s+'([^']+)'/gm)].map(match => match[1] ?? match[2]!)
  return specifiers.map(specifier => {
    const target = specifier.startsWith('.') ? relative(ROOT, join(ROOT, dirname(file), specifier)) : specifier
    return { file, from: part(file), to: specifier.startsWith('.') ? part(target) : specifier, target }
  })
}

/** The part of the house that a file belongs to. */
function part (file: string): string {
  const [top, second] = file.split('/')
  return top === 'types' ? 'types' : second!.replace(/\.m?ts$/, '')
}

/** A way from a file back to itself, or null. */
function circle (file: string, graph: Map<string, string[]>): string[] | null {
  const seen = new Set<string>()
  const ways = graph.get(file)!.map(next => [file, next])
  for (const way of ways) {
    const last = way.at(-1)!
    if (last === file) return way
    if (seen.has(last)) continue
    seen.add(last)
    for (const next of graph.get(last) ?? []) ways.push([...way, next])
  }
  return null
}

function linesOf (file: string): number {
  return readFileSync(join(ROOT, file), 'utf8').split('\n').length
}

const files = [...sources('lib'), ...sources('types')]
const all = files.flatMap(imports)
const isPart = (name: string) => Object.hasOwn(ALLOWED, name)

test('dependencies run one way', async t => {
  t.ok(all.length > 50, 'the imports are found')
  const order = Object.keys(ALLOWED)
  for (const [name, allowed] of Object.entries(ALLOWED)) {
    for (const one of allowed) t.ok(order.indexOf(one) < order.indexOf(name), `${one} stands above ${name}`)
  }
  for (const { file, from, to } of all) {
    if (!isPart(to) || to === from) continue
    t.ok(ALLOWED[from]!.includes(to), `${file}: ${from} imports ${to}`)
  }
})

test('nothing is allowed that is not needed', async t => {
  for (const [name, allowed] of Object.entries(ALLOWED)) {
    for (const one of allowed) t.ok(all.some(({ from, to }) => from === name && to === one), `${name} imports ${one}`)
  }
})

test('no file imports itself by way of others, be it for a type', async t => {
  const graph = new Map(files.map(file => [file, imports(file).map(one => one.target)]))
  for (const file of files) t.equal(circle(file, graph)?.join(' → ') ?? null, null, file)
})

test('every part has its place in the order', async t => {
  for (const name of new Set(all.map(one => one.from))) t.ok(isPart(name), name)
})

test('the protocol is pure: no sockets, no timers, no Fastify', async t => {
  for (const { file, to } of all.filter(one => one.from === 'protocol' && !isPart(one.to))) {
    t.ok(PURE.includes(to), `${file} imports ${to}`)
  }
  for (const file of sources('lib/protocol')) {
    t.notMatch(readFileSync(join(ROOT, file), 'utf8'), /setTimeout|setInterval|nextTick|Date\.now|performance\.|random/i, file)
  }
})

test('the tests of backplanes load wherever a driver is written: they need no test runner, and nothing else but Node', async t => {
  for (const { file, from, to } of all) {
    if (from === 'backplane-tests' && !isPart(to)) t.ok(to.startsWith('node:'), `${file} imports ${to}`)
  }
})

test('the contract loads in a browser: it imports nothing, and names nothing of Node', async t => {
  for (const { file, to } of all.filter(one => one.from === 'contract' && one.to !== 'contract')) t.fail(`${file} imports ${to}`)
  for (const file of sources('lib/contract')) {
    t.notMatch(readFileSync(join(ROOT, file), 'utf8'), /\bBuffer\b|\bprocess\.|\bNodeJS\.|\brequire\b/, file)
  }
})

test('so does the client, which imports the contract only', async t => {
  for (const { file, to } of all.filter(one => one.from === 'client')) t.ok(['client', 'contract'].includes(to), `${file} imports ${to}`)
  for (const file of sources('lib/client')) {
    t.notMatch(readFileSync(join(ROOT, file), 'utf8'), /\bBuffer\b|\bprocess\.|\bNodeJS\.|\brequire\b/, file)
  }
})

test('Fastify is known to the plugin, its entry and the types only', async t => {
  for (const { file, from, to } of all) {
    if (to === 'fastify' || to === 'fastify-plugin') t.ok(['index', 'plugin', 'types'].includes(from), `${file} imports ${to}`)
  }
})

test('no file and no folder owns too much', async t => {
  for (const file of files) t.ok(linesOf(file) <= 320, `${file} has ${linesOf(file)} lines`)
  const sizes = new Map<string, number>()
  for (const file of sources('lib')) sizes.set(part(file), (sizes.get(part(file)) ?? 0) + linesOf(file))
  const whole = [...sizes.values()].reduce((sum, lines) => sum + lines)
  for (const [name, lines] of sizes) t.ok(lines <= whole / 4, `${name} has ${lines} of ${whole} lines`)
})

test('every package that is imported is among the dependencies', async t => {
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const known = new Set([...Object.keys(dependencies), ...Object.keys(peerDependencies)])
  for (const { file, to } of all) {
    if (!isPart(to) && !to.startsWith('node:')) t.ok(known.has(to), `${file} imports ${to}`)
  }
})

test('every test is run: by the one command, or by one of its own', async t => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const own = Object.values<string>(scripts).join('\n')
  const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  const folders = new Set(files.filter(file => /^[^/]+\/[^/]+\.test\.ts$/.test(file)).map(file => dirname(file)))
  t.ok(folders.size > 10, 'the tests are found')
  for (const folder of folders) {
    t.ok(existsSync(join(ROOT, 'test', folder, 'all.ts')) || own.includes(`dist/test/${folder}/*.test.js`) || own.includes(`dist/test/${folder}/${folder}.test.js`), folder)
  }
})

test('test/README.md has a line for every folder of tests', async t => {
  const readme = readFileSync(join(ROOT, 'test/README.md'), 'utf8')
  const folders = readdirSync(join(ROOT, 'test'), { withFileTypes: true }).filter(entry => entry.isDirectory()).map(({ name }) => name)
  t.ok(folders.length > 20)
  for (const name of folders) t.match(readme, `\`${name}/\``, name)
})
