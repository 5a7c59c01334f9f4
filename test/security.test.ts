import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'

const ROOT = join(import.meta.dirname, '../..')
const lines = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8').split('\n')

test('every line of what is defended points to its test', async t => {
  const rows = lines.filter(line => line.startsWith('| ') && !line.startsWith('| attack '))
  t.ok(rows.length > 20)
  for (const row of rows) {
    const [, file] = /\]\((test\/[^)]+\.ts)\) \|$/.exec(row) ?? []
    t.ok(file !== undefined && existsSync(join(ROOT, file)), row)
  }
})
