/*
 * The client against broken servers and networks: `npm run test:client -- [FLAGS]`. First rounds with seeds, in which a client
 * that follows a topic must get everything, whatever breaks; then scenarios, each in a process of its own.
 *
 * --seed N         of the first round, and so of all; then there are no scenarios
 * --rounds N       how many rounds, default 40
 * --only TEXT      scenarios whose name has this text, and no rounds
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { SCENARIOS } from './scenarios.ts'

const { values: flags } = parseArgs({
  options: { seed: { type: 'string' }, rounds: { type: 'string' }, only: { type: 'string' } }
})

/** Scenarios that run side by side: much of each is waiting. */
const LANES = 3
/** Milliseconds after which a process must be stuck. */
const PATIENCE = 80_000

const start = performance.now()
const elapsed = () => `${((performance.now() - start) / 1000).toFixed(0).padStart(4)} s`
let failures = 0
const children = new Set<ChildProcess>()
process.once('exit', () => { for (const child of children) child.kill('SIGKILL') })

/** @returns what the script has printed, and whether it has ended well */
async function play (script: string, args: string[], nodeFlags: readonly string[] = []): Promise<{ text: string, isWell: boolean }> {
  const path = fileURLToPath(new URL(`${script}.js`, import.meta.url))
  const child = spawn(process.execPath, [...nodeFlags, path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  let text = ''
  for (const output of [child.stdout, child.stderr]) output.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
  const timer = setTimeout(() => {
    text += `\nit takes longer than ${PATIENCE} ms`
    child.kill('SIGKILL')
  }, PATIENCE)
  const code = await new Promise(resolve => { child.once('close', resolve) })
  clearTimeout(timer)
  children.delete(child)
  return { text: text.trimEnd(), isWell: code === 0 }
}

async function rounds (): Promise<void> {
  const args = (['seed', 'rounds'] as const).flatMap(name => flags[name] === undefined ? [] : [`--${name}`, flags[name]])
  const { text, isWell } = await play('resume', args)
  if (!isWell) failures++
  console.log(`${elapsed()}  ${isWell ? 'ok' : 'FAULT'}: nothing is lost, doubled or out of order\n${indented(text)}`)
}

async function scenarios (): Promise<void> {
  const left = SCENARIOS.filter(({ name }) => flags.only === undefined || name.includes(flags.only))
  await Promise.all(Array.from({ length: LANES }, async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const { text, isWell } = await play('scenario', [next.name], next.flags)
      if (!isWell) failures++
      const figures = /^= (.+)$/m.exec(text)?.[1]
      console.log(`${elapsed()}  ${isWell ? 'ok' : 'FAULT'}: ${next.name}${figures === undefined ? '' : ` (${figures})`}` +
        (isWell ? '' : `\n${indented(text)}`))
    }
  }))
}

function indented (text: string): string {
  return text.split('\n').slice(0, 60).map(line => `        ${line.slice(0, 300)}`).join('\n')
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { process.exit(1) })
const isAll = flags.seed === undefined && flags.only === undefined
await Promise.all([
  flags.only === undefined ? rounds() : null,
  isAll || flags.only !== undefined ? scenarios() : null
])
console.log(failures === 0 ? `ok, ${elapsed().trim()}` : `${failures} failed, ${elapsed().trim()}`)
process.exit(failures === 0 ? 0 : 1)
