/**
 * The package as it is shipped, in the tools of those who use it: `npm run test:toolchain`. Loaded by this Node and by that
 * of NODE_NEWEST.
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t, { test } from 'tap'
import { inPairs, install, output } from './support.ts'

const folder = await install()
t.teardown(() => rm(folder, { recursive: true }))
const tool = (path: string): string => join(folder, 'node_modules', path)

const NODES = new Set([process.execPath, process.env.NODE_NEWEST ?? process.execPath])

/** What ESM needs whose dependencies are CommonJS: esbuild does not provide it. */
const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)"

test('it loads in Node, however it is asked for', async t => {
  const ways = {
    'by require': ['require.cjs'],
    'by import': ['import.mjs'],
    'by both: one instance': ['both.cjs'],
    'by import, with an older import-in-the-middle': ['--no-deprecation', '--import', './instrument.mjs', 'import.mjs'],
    'by require, with an older import-in-the-middle': ['--no-deprecation', '--import', './instrument.mjs', 'require.cjs'],
    'by tsx': [tool('tsx/dist/cli.mjs'), 'typed.mts'],
    'by tsx, as CommonJS': [tool('tsx/dist/cli.mjs'), '../commonjs/main.ts']
  }
  const all = [...NODES].flatMap(node => Object.entries(ways).map(([name, args]) => ({ node, name, args })))
  await inPairs(all, async ({ node, name, args }) => {
    t.equal(await output(join(folder, 'loading'), node, ...args), 'works', `${name}, ${node}`)
  })
})

test('it can be bundled', async t => {
  for (const [format, file, ...args] of [['esm', 'bundle.mjs', `--banner:js=${REQUIRE}`], ['cjs', 'bundle.cjs']] as const) {
    const out = join(folder, file)
    const built = await output(
      join(folder, 'loading'), process.execPath, tool('esbuild/bin/esbuild'), 'import.mjs', '--bundle', '--platform=node',
      '--log-level=warning', `--format=${format}`, `--outfile=${out}`, ...args
    )
    t.equal(built, '', `to ${format}`)
    t.equal(await output(folder, process.execPath, out), 'works', format)
  }
})

test('the client and the contract go into a page, by each bundler: nothing of Node, and nothing else of the package', async t => {
  await inPairs(['esbuild', 'vite', 'webpack'], async name => {
    const web = join(folder, 'web')
    const out = join(folder, `${name}-page.js`)
    t.equal(await output(web, process.execPath, `${name}.mjs`, out), '', `${name} builds it`)
    t.equal(await output(web, process.execPath, 'run.mjs', out), 'works', `${name}: it works`)
    const code = await readFile(out, 'utf8')
    t.notMatch(code, /\bnode:|\bBuffer\b|\bprocess\b|\brequire\b|\bfastify\b/i, `${name}: nothing of Node`)
    t.ok(code.length < 20_000, `${name}: ${code.length} characters`)
  })
})

test('it loads in Jest', async t => {
  await inPairs([...NODES].flatMap(node => [[node, 'required'], [node, 'typed']] as const), async ([node, name]) => {
    // Jest in its defaults takes the first, ts-jest the second.
    const args = name === 'typed' ? ['--config', 'ts-jest.config.json'] : [name]
    const report = await output(join(folder, 'commonjs'), node, tool('jest/bin/jest.js'), '--json', ...args)
    const passed = report.startsWith('{') && JSON.parse(report).numPassedTests
    t.equal(passed, 1, `${name}, ${node}`)
    if (passed !== 1) t.comment(report)
  })
})

/** By the folder they are installed in. The oldest is the one that README.md names. */
const OLDEST = 'typescript-oldest'
const COMPILERS = [OLDEST, 'typescript', 'typescript-7']

/** What a program finds around it. */
const NODE = ['--lib', 'es2023', '--types', 'node']
const BROWSER = ['--lib', 'es2023,dom', '--typeRoots', 'none']

async function tsc (compiler: string, around: string[], ...args: string[]): Promise<string> {
  return await output(
    join(folder, 'types'), process.execPath, tool(`${compiler}/bin/tsc`), '--noEmit', '--strict', '--target', 'es2022',
    ...around, ...args
  )
}

test('its types are right in every setting of modules, and need no skipLibCheck', async t => {
  const strict = ['--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--noPropertyAccessFromIndexSignature']
  const all = COMPILERS.flatMap(compiler => [
    // Types of zod and @fastify/websocket are newer than the oldest compiler.
    { compiler, args: ['--module', 'node16', 'commonjs.cts', 'module.mts', 'contract-json.mts', ...compiler === OLDEST ? [] : ['zod.mts', 'contract-zod.mts']] },
    { compiler, args: ['--module', 'preserve', '--moduleResolution', 'bundler', '--verbatimModuleSyntax', 'bundled.ts'] },
    ...compiler === OLDEST ? [] : [{ compiler, args: ['--module', 'nodenext', 'both.mts'] }]
  ])
  await inPairs(all, async ({ compiler, args }) => {
    t.equal(await tsc(compiler, NODE, ...strict, ...args), '', `${compiler} ${args.join(' ')}`)
  })
})

test('so are those of the client and the contract, in a program that knows a browser and nothing of Node', async t => {
  const all = COMPILERS.flatMap(compiler => {
    const node = compiler === OLDEST ? 'node16' : 'nodenext'
    return [
      { compiler, around: BROWSER, args: ['--module', 'preserve', '--moduleResolution', 'bundler'] },
      // What Node has more of is declared by the types of Node, which are not there.
      { compiler, around: BROWSER, args: ['--module', node, '--skipLibCheck'] },
      { compiler, around: NODE, args: ['--module', node] }
    ]
  })
  await inPairs(all, async ({ compiler, around, args }) => {
    t.equal(await tsc(compiler, around, ...args, 'contract.mts'), '', `${compiler} ${[...around, ...args].join(' ')}`)
  })
})

test('a WebSocket route with TypeBox costs the compiler no more than twice an HTTP route; so does a contract, and a client of it', async t => {
  await inPairs(COMPILERS.slice(1), async compiler => {
    const counts: number[] = []
    for (const file of ['cost.mts', 'cost-http.mts', 'cost-ws.mts', 'cost-contract.mts', 'cost-client.mts']) {
      const report = await tsc(
        compiler, NODE, '--module', 'nodenext', '--allowImportingTsExtensions', '--skipLibCheck', '--extendedDiagnostics', file,
        // Otherwise each of its threads counts what it needs for itself.
        ...compiler === 'typescript-7' ? ['--singleThreaded'] : []
      )
      counts.push(Number(/Instantiations:\s+(\d+)/.exec(report)?.[1]))
    }
    const [base, http, ...others] = counts.map((count, index) => count - (index === 0 ? 0 : counts[0]!)) as [number, number, ...number[]]
    t.ok(http > 0 && http < base && others.length === 3, `${compiler}: ${http} instantiations for HTTP, ${base} without`)
    for (const count of others) t.ok(count > 0 && count <= 2 * http, `${compiler}: ${others.join(', ')} instantiations`)
  })
})
