import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { ROOT } from './support/handshakes.ts'
import { compileSnippets, runSnippets, snippets } from './support/snippets.ts'

const OUT = join(ROOT, 'dist/readme')

/** The two packages of one generation of TypeBox, and their names in the other. */
const TYPEBOX_1: Array<[string, string]> = [
  ['@sinclair/typebox', 'typebox'],
  ['@fastify/type-provider-typebox', '@fastify/type-provider-typebox-6']
]

/** A test of types, as it is in another folder. */
const typesOf = (name: string): string => readFileSync(join(ROOT, `test/types/${name}.ts`), 'utf8')

/** The tests of types, for the other generation of TypeBox. */
function typesOfTypeBox1 (name: string): string {
  return TYPEBOX_1.reduce((code, [from, to]) => {
    if (!code.includes(`from '${from}'`)) throw new Error(`${from} is not imported`)
    return code.replace(`from '${from}'`, `from '${to}'`)
  }, typesOf(name))
}

test('every TypeScript snippet compiles and runs, on whatever page; the tests of types compile with TypeBox 1.x too', { timeout: 180_000 }, async t => {
  const all = snippets(['ts', 'ts server', 'ts outline'])
  t.ok(all.length >= 20)
  // Here, since the compiler is at work.
  const tsc = await compileSnippets(OUT, all, {
    'typebox-1.ts': typesOfTypeBox1('typebox'), 'topics-1.ts': typesOfTypeBox1('topics'), 'contract-1.ts': typesOfTypeBox1('contract'), 'connect-1.ts': typesOfTypeBox1('connect'), 'equal.ts': typesOf('equal')
  })
  t.equal(tsc.stdout + tsc.stderr, '', 'compiles')

  // Those that need a server run with the others that do: test/engines/snippets.test.ts.
  const run = await runSnippets(OUT, all.filter(({ kind }) => kind === 'ts'))
  t.equal(run.stderr, '', 'they report nothing')
  t.notOk(run.failed, 'they end')
  t.match(run.stdout, /done\n$/, 'each runs')
})
