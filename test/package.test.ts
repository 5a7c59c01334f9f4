import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from 'tap'

const root = new URL('.', import.meta.resolve('fastify-sockets/package.json'))
const run = promisify(execFile)

/** The files that `npm publish` would send. Its scripts are left out: they would build under the other tests. */
async function packed (): Promise<string[]> {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root, maxBuffer: 16 * 1024 * 1024, shell: process.platform === 'win32'
  })
  return JSON.parse(stdout)[0].files.map((file: { path: string }) => file.path)
}

/** The modules below a folder. */
async function modules (folder: string): Promise<string[]> {
  const files = await readdir(fileURLToPath(new URL(folder, root)), { recursive: true })
  return files
    .filter(file => /\.m?ts$/.test(file))
    .map(file => `${folder}/${file.replaceAll('\\', '/')}`)
}

test('the package holds the library, compiled and as source, the documents with their examples, and nothing else', async t => {
  const files = await packed()
  const documents = ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json']
  t.same(files.filter(file => !file.includes('/')).sort(), documents)

  const sources = [...await modules('lib'), ...await modules('types')]
  t.ok(sources.includes('lib/index.ts'))
  const wanted = sources.flatMap(source => {
    const script = `dist/${source.replace(/ts$/, 'js')}`
    const types = `dist/${source.replace(/(m?)ts$/, 'd.$1ts')}`
    return [source, script, `${script}.map`, types, `${types}.map`]
  })
  // These say that what lies beside them is CommonJS, of which there is one instance however it is loaded.
  const formats = ['lib', 'types'].flatMap(folder => [`${folder}/package.json`, `dist/${folder}/package.json`])
  const examples = (await readdir(new URL('examples', root))).filter(file => !['README.md', 'tsconfig.json'].includes(file))
  const found = files.filter(file => file.includes('/') && !file.endsWith('.md'))
  t.same(found.sort(), [...wanted, ...formats, 'lib/protocol/simd.wat', ...examples.map(file => `examples/${file}`)].sort())
  t.same(files.filter(file => file.endsWith('/README.md') || file.endsWith('/SPEED.md')).sort(), [
    'examples/README.md', 'lib/README.md', 'lib/SPEED.md'
  ])
})

test('require() names every type that import does', async t => {
  const read = (path: string): Promise<string> => readFile(fileURLToPath(new URL(path, root)), 'utf8')
  const names = (text: string): string[] => text.split(/[\s,]+/).filter(name => name !== '').sort()
  const exported = [...(await read('types/index.ts')).matchAll(/^export type \{([^}]+)\}/gm)].map(([, list]) => list).join(',')
  const commonjs = await read('lib/index.ts')
  const listed = /^ {2}export type \{([^}]+)\}/m.exec(commonjs)![1]!
  t.same(names(listed), names(exported))
  t.ok(names(listed).includes('Socket'))
})
