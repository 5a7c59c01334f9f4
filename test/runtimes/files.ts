/** Runs files of tests by the stand-in for tap in the runtime that this is: arguments are their paths in dist/test. */
import { join } from 'node:path'
import { runTests } from './tap.ts'

for (const file of process.argv.slice(2)) await import(join(import.meta.dirname, '..', file))
process.exit(await runTests() > 0 ? 1 : 0)
