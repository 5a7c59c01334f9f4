import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'tap'

const ROOT = join(import.meta.dirname, '../..')

/** What each part of lib/ may import besides itself. `errors` is lib/errors.ts; `index`, with `exports`, is what users load. */
const ALLOWED: Record<string, string[]> = {
  protocol: [],
  errors: ['protocol'],
  deflate: ['protocol'],
  connection: ['deflate', 'protocol', 'types'],
  message: ['errors', 'protocol'],
  socket: ['connection', 'deflate', 'errors', 'protocol', 'types'],
  plugin: ['connection', 'deflate', 'errors', 'message', 'protocol', 'socket', 'types'],
  exports: ['errors', 'protocol'],
  index: ['errors', 'exports', 'plugin', 'protocol', 'types'],
  types: []
}

/** Packages and modules of Node that a pure part may use: functions from values to values. */
const PURE = ['node:buffer', 'node:crypto']

interface Import {
  file: string
  from: string
  to: string
}

function imports (folder: string): Import[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).filter(file => /\.m?ts$/.test(file))
  return files.flatMap(name => {
    const file = join(folder, name)
    const source = readFileSync(join(ROOT, file), 'utf8')
    const specifiers = [...source.matchAll(/^(?:import|export)\s[^'"]*?from\s*'([^']+)'|^import\s+'([^']+)'/gm)].map(match => match[1] ?? match[2]!)
    return specifiers.map(specifier => ({
      file,
      from: part(file),
      to: specifier.startsWith('.') ? part(relative(ROOT, join(ROOT, dirname(file), specifier))) : specifier
    }))
  })
}

/** The part of the house that a file belongs to. */
function part (file: string): string {
  const [top, second] = file.split('/')
  return top === 'types' ? 'types' : second!.replace(/\.m?ts$/, '')
}

const all = [...imports('lib'), ...imports('types')]
const isPart = (name: string) => Object.hasOwn(ALLOWED, name)

test('dependencies run one way', async t => {
  t.ok(all.length > 50, 'the imports are found')
  for (const { file, from, to } of all) {
    if (!isPart(to) || to === from) continue
    t.ok(ALLOWED[from]!.includes(to), `${file}: ${from} imports ${to}`)
  }
})

test('every part has its place in the order', async t => {
  for (const name of new Set(all.map(one => one.from))) t.ok(isPart(name), name)
})

test('the protocol is pure: no sockets, no timers, no Fastify', async t => {
  for (const { file, to } of all.filter(one => one.from === 'protocol' && !isPart(one.to))) {
    t.ok(PURE.includes(to), `${file} imports ${to}`)
  }
  for (const name of readdirSync(join(ROOT, 'lib/protocol'))) {
    const source = readFileSync(join(ROOT, 'lib/protocol', name), 'utf8')
    t.notMatch(source, /setTimeout|setInterval|nextTick|Date\.now|performance\.|random/i, name)
  }
})

test('Fastify is known to the plugin, its entry and the types only', async t => {
  for (const { file, from, to } of all) {
    if (to === 'fastify' || to === 'fastify-plugin') t.ok(['index', 'plugin', 'types'].includes(from), `${file} imports ${to}`)
  }
})

test('no file owns too much', async t => {
  for (const file of new Set(all.map(one => one.file))) {
    const lines = readFileSync(join(ROOT, file), 'utf8').split('\n').length
    t.ok(lines <= 320, `${file} has ${lines} lines`)
  }
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
