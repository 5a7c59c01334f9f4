/**
 * Runs tests on Deno and Bun: `DENO=… BUN=… node run.js [--verbose] [folder/name.test.js …]`. Their binaries are in the
 * packages `deno` and `@oven/bun-linux-x64`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { LEFT_OUT, filesFor, type Runtime } from './files-for.ts'

const HERE = import.meta.dirname
const ROOT = join(HERE, '../../..')
/** Milliseconds for all files of a runtime. */
const PATIENCE = 120_000

const COMMANDS: Record<Runtime, string[]> = {
  deno: ['run', '--allow-all', '--node-modules-dir=manual', `--import-map=data:application/json,${JSON.stringify({
    imports: { tap: pathToFileURL(join(HERE, 'tap.js')).href }
  })}`],
  bun: ['--preload', join(HERE, 'preload.js')]
}

interface Counts {
  pass: number
  fail: number
}

/** Runs files on a runtime; its lines come together at the end, for both run at a time. */
async function run (runtime: Runtime, files: string[]): Promise<Counts> {
  const start = performance.now()
  const binary = process.env[runtime.toUpperCase()]
  if (binary === undefined) {
    console.log(`# ${runtime}: set ${runtime.toUpperCase()} to its binary; npm install --prefix /tmp/runtimes deno @oven/bun-linux-x64 has both`)
    return { pass: 0, fail: 1 }
  }
  const child = spawn(binary, [...COMMANDS[runtime], join(HERE, 'files.js'), ...files], {
    cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'], timeout: PATIENCE, killSignal: 'SIGKILL'
  })
  const counts = { pass: 0, fail: 0 }
  let text = ''
  child.stdout.setEncoding('utf8').on('data', chunk => { text += chunk })
  const [code] = await once(child, 'close')
  console.log(`# on ${runtime}`)
  for (const line of text.split('\n')) {
    if (line.startsWith('ok ')) counts.pass++
    if (line.startsWith('not ok ')) counts.fail++
    if (!line.startsWith('ok ') || process.argv.includes('--verbose')) console.log(line)
  }
  // It has ended before all tests were run, or has run none.
  if (!/^1\.\.\d+$/m.test(text) || (code !== 0 && counts.fail === 0) || counts.pass === 0) {
    console.log(`not ok - ${runtime} has ended too early, with code ${code}`)
    counts.fail++
  }
  console.log(`# on ${runtime}: ${counts.pass} pass, ${counts.fail} fail, in ${((performance.now() - start) / 1000).toFixed(1)} s`)
  return counts
}

const chosen = process.argv.slice(2).filter(argument => !argument.startsWith('--'))
const runtimes = Object.keys(LEFT_OUT) as Runtime[]
const counts = await Promise.all(runtimes.map(runtime => run(runtime, chosen.length > 0 ? chosen : filesFor(runtime))))
const pass = counts.reduce((sum, one) => sum + one.pass, 0)
const fail = counts.reduce((sum, one) => sum + one.fail, 0)
// As tap counts, for .ci/run.
console.log(`# { total: ${pass + fail}, pass: ${pass}, fail: ${fail} }`)
process.exitCode = fail > 0 ? 1 : 0
