import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { test } from 'tap'

const root = new URL('.', import.meta.resolve('fastify-sockets/package.json'))
const run = promisify(execFile)

/** What browsers load, made by `npm run bundle`. */
const BUNDLES = ['dist/browser/client.js', 'dist/browser/contract.js']
/** Bytes that a page may have to load for the client and the contract. */
const MOST = 4.5 * 1024

const read = (path: string): Promise<string> => readFile(fileURLToPath(new URL(path, root)), 'utf8')

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
  const bundles = BUNDLES.flatMap(file => [file, `${file}.map`])
  const found = files.filter(file => file.includes('/') && !file.endsWith('.md'))
  t.same(found.sort(), [...wanted, ...bundles, ...formats, 'lib/protocol/simd.wat', ...examples.map(file => `examples/${file}`)].sort())
  t.same(files.filter(file => file.endsWith('/README.md') || file.endsWith('/SPEED.md')).sort(), [
    'examples/README.md', 'lib/README.md', 'lib/SPEED.md'
  ])
})

test('require() names every type that import does', async t => {
  const names = (text: string): string[] => text.split(/[\s,]+/).filter(name => name !== '').sort()
  const exported = [...(await read('types/index.ts')).matchAll(/^export type \{([^}]+)\}/gm)].map(([, list]) => list).join(',')
  const commonjs = await read('lib/index.ts')
  const listed = /^ {2}export type \{([^}]+)\}/m.exec(commonjs)![1]!
  t.same(names(listed), names(exported))
  t.ok(names(listed).includes('Socket'))
})

/** What a page gets whose script is this. */
async function bundled (contents: string): Promise<{ code: string, from: string[] }> {
  const { metafile, outputFiles } = await build({
    stdin: { contents, resolveDir: fileURLToPath(root) },
    bundle: true, minify: true, write: false, metafile: true, format: 'esm', target: 'es2022', platform: 'browser'
  })
  return { code: outputFiles[0]!.text, from: Object.keys(metafile.inputs).filter(file => file !== '<stdin>') }
}

test(`the client and the contract cost a page at most ${MOST} bytes`, async t => {
  const imports = {
    client: "export { createClient } from 'fastify-sockets/client'",
    contract: "export { defineSocket } from 'fastify-sockets/contract'"
  }
  const sizes: Record<string, number> = {}
  for (const [name, script] of Object.entries({ ...imports, both: Object.values(imports).join('\n') })) {
    const { code, from } = await bundled(script)
    t.same(from, BUNDLES.filter(file => name === 'both' || file.endsWith(`/${name}.js`)), `${name}: the files for browsers, and no others`)
    sizes[name] = gzipSync(code, { level: 9 }).length
  }
  const figures = Object.entries(sizes).map(([name, size]) => `${name} ${size} B`).join(', ')
  t.ok(sizes.both! > 500 && sizes.both! <= MOST, `gzipped: ${figures}`)
  t.comment(`gzipped: ${figures}`)
})

test('what browsers load is one file each, in which nothing is of Node', async t => {
  for (const file of BUNDLES) {
    const code = await read(file)
    t.notMatch(code, /\bimport\b|\brequire\b|\bfrom\s*["']/, `${file} imports nothing`)
    t.notMatch(code, /\bnode:|\bBuffer\b|\bprocess\b|\bglobal\b|\b__dirname\b/, `${file} names nothing of Node`)
    const map = JSON.parse(await read(`${file}.map`)) as { sources: string[], sourcesContent: string[] }
    t.match(code, new RegExp(`//# sourceMappingURL=${file.split('/').at(-1)}\\.map\\s*$`))
    for (const [index, source] of map.sources.entries()) {
      t.match(source, /^\.\.\/\.\.\/lib\/(client|contract)\//)
      t.equal(map.sourcesContent[index], await read(source.replace('../../', '')), `${source} is in the source map: run \`npm run build\``)
      // Names that only its own class knows are as short as others.
      for (const [name] of (await read(source.replace('../../', ''))).matchAll(/#[a-z]{4,}\b/gi)) t.notOk(code.includes(name), name)
    }
  }
})
