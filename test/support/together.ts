import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { t } from 'tap'
import { leftOut } from '../transports/left-out.ts'
import { TRANSPORT } from './transport.ts'

/** What a folder may take where no runner says so, in milliseconds. */
const PATIENCE = 600_000

/**
 * Runs the tests of a folder in this process, one file after the other: to start a process for each, and to load there
 * what it needs, takes three times as long as the tests do. A file that changes its whole process is not named
 * `*.test.ts` but `*.alone.ts`, and has one of its own.
 */
export async function runTogether (folder: string): Promise<void> {
  t.setTimeout(PATIENCE)
  const left = leftOut(TRANSPORT)
  for (const file of readdirSync(folder)) {
    const [name, isTest] = [file.replace('.test.js', ''), file.endsWith('.test.js')]
    if (isTest && !left.includes(`${basename(folder)}/${name}`)) await import(join(folder, file))
  }
}
