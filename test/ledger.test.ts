import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { ROOT } from './support/handshakes.ts'

const page = readFileSync(join(ROOT, 'lib/README.md'), 'utf8')
const sources = new Map(readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter(path => path.endsWith('.ts')).map(path => [path, readFileSync(join(ROOT, 'lib', path), 'utf8')]))

/** The rows of the table below a heading, as their cells. */
function rowsBelow (heading: string): string[][] {
  const section = page.split(/^## /m).find(part => part.startsWith(`${heading}\n`))!
  const lines = section.split('\n').filter(line => line.startsWith('| ')).slice(1)
  return lines.map(line => line.slice(2, -2).split(' | '))
}

/** What a cell writes as code. */
function codes (cell: string): string[] {
  return Array.from(cell.matchAll(/`([^`]+)`/g), ([, code]) => code!)
}

const undocumented = rowsBelow('What is not documented').map(([, what, where, missing, test]) => {
  return { names: codes(what!), files: codes(where!), missing: missing!, tests: codes(test!) }
})
const kept = rowsBelow('What a module keeps').map(([what, where, bound]) => {
  return { names: codes(what!), files: codes(where!), bound: bound! }
})

/** The files of lib/ that match, with what does. */
function uses (pattern: RegExp): Array<[path: string, found: string]> {
  return [...sources].flatMap(([path, source]) => Array.from(source.matchAll(pattern), ([found]): [string, string] => [path, found]))
}

test('what is not documented, and what a module keeps, is in the files that the tables name, by those names', async t => {
  t.ok(undocumented.length > 30 && kept.length > 10, 'the tables are found')
  for (const { names, files } of [...undocumented, ...kept]) {
    t.ok(files.length > 0, `${names}: a file`)
    for (const path of files) t.ok(sources.has(path), path)
    const source = files.map(path => sources.get(path)).join('\n')
    for (const name of names) t.ok(source.includes(name), `${name} in ${files}`)
  }
})

test('each line says what happens where it is missing, and which test fails', async t => {
  for (const { names, missing, tests } of undocumented) {
    t.ok(missing.length > 10, `${names}`)
    t.equal(tests.length, 1, `${names}: a test`)
    for (const path of tests) t.ok(existsSync(join(ROOT, 'test', `${path}.test.ts`)), path)
  }
  for (const { names, bound } of kept) t.match(bound, /\d|one|weak|last/, `${names}: a bound`)
})

test('nothing of the kind is used in other files', async t => {
  const named = new Set(undocumented.flatMap(({ files }) => files))
  const found = uses(/getOwnPropertySymbols|\b_(?:handle|httpMessage|parent|meta|events)\b|\._(?:destroy|read|write|final) =|\binternal[<(]|(?:assign|detach)Socket\(|setPrototypeOf\(|schemaEnv|shouldUpgradeCallback|[gs]etGracefulClose|get(?:Validation|Serialization)Function|\.emit = /g)
  t.ok(found.length > 20, 'the uses are found')
  for (const [path, what] of found) t.ok(named.has(path), `${path}, which has ${what}, is in the table`)
})

test('nor does another module keep anything', async t => {
  const named = new Set(kept.flatMap(({ files }) => files))
  const found = uses(/^(?:export )?(?:let \w+|const \w+(?:: [^=]+)? = (?:new (?:Map|WeakMap|WeakSet|WeakRef|FinalizationRegistry|\w+Array|Turn)\b(?!\(\[)|Buffer\.alloc\w*\((?!0\))|fastq))|Symbol\.for\('/gm)
  t.ok(found.length > 10, 'the modules are found')
  for (const [path, what] of found) t.ok(named.has(path), `${path}, which has ${what}, is in the table`)
})
