import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'tap'

const ROOT = join(import.meta.dirname, '../..')
const lines = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8').split('\n')

/** A file of tests, and what it imports from its own folder. */
function withHelpers (file: string): string {
  const source = readFileSync(file, 'utf8')
  return source + [...source.matchAll(/from '\.\/([^']+)'/g)].map(([, name]) => readFileSync(join(dirname(file), name!), 'utf8')).join('')
}

test('every line of what is defended points to its test', async t => {
  const rows = lines.filter(line => line.startsWith('| ') && !line.startsWith('| attack '))
  t.ok(rows.length > 20)
  for (const row of rows) {
    const [, file] = /\]\((test\/[^)]+\.ts)\) \|$/.exec(row) ?? []
    t.ok(file !== undefined && existsSync(join(ROOT, file)), row)
  }
})

test('what becomes of an attack is what its test looks for: the status, or the close code', async t => {
  let looked = 0
  for (const [, outcome, file] of lines.map(line => /^\| [^|]+ \| ([^|]+) \| [^|]+ \| \[test\]\((test\/[^)]+)\) \|$/.exec(line) ?? [])) {
    if (outcome === undefined) continue
    const source = withHelpers(join(ROOT, file!))
    const codes = [...outcome.matchAll(/\b(?:[45]\d\d|1[01]\d\d)\b/g)].map(([code]) => code)
    looked += codes.length
    for (const code of codes) t.ok(new RegExp(`\\b${code}\\b`).test(source), `${file} looks for ${code}`)
  }
  t.ok(looked > 20)
})
