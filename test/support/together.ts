import { basename, join } from 'node:path'
import { t } from 'tap'
import { testsOver, TOGETHER } from '../transports/left-out.ts'
import { TRANSPORT } from './transport.ts'

/** What a folder may take where no runner says so, in milliseconds. */
const PATIENCE = 600_000

/**
 * Runs the tests of a folder in this process, one file after the other: to start a process for each, and to load there
 * what it needs, takes three times as long as the tests do. A file that changes its whole process, or measures the heap,
 * to which other tests add, is not named `*.test.ts` but `*.alone.ts`, and has a process of its own.
 */
export async function runTogether (folder: string): Promise<void> {
  t.setTimeout(PATIENCE)
  for (const name of testsOver(TRANSPORT, basename(folder), TOGETHER)) await import(join(folder, '..', name + TOGETHER))
}
