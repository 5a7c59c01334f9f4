import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import type { Client, Report } from './visit.ts'

/** A client that is a script: a visit per line of JSON in, a report per line out. */
export function startChild (
  t: Test, command: string, script: string, env: Record<string, string> = {}
): Client['visit'] {
  const child = spawn(command, [script], { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'inherit'] })
  const exit = once(child, 'exit').then(([code]) => { throw new Error(`${script} ended with ${code}`) })
  // The visits tell.
  exit.catch(() => {})
  child.stdin.on('error', () => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  t.teardown(() => {
    child.kill()
    return exit.catch(() => {})
  })
  return async (url, visit) => {
    child.stdin.write(`${JSON.stringify({ ...visit, url })}\n`)
    const line: IteratorResult<string> = await Promise.race([lines.next(), exit])
    return line.done === true ? exit : JSON.parse(line.value) as Report
  }
}
