import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const ROOT = join(import.meta.dirname, '../../..')
const SOURCE = join(ROOT, 'test/toolchain')
const run = promisify(execFile)

/** Runs a program as a user would: without the loaders that the test runner hands on. */
function plainly (cwd: string, ...command: string[]): Promise<{ stdout: string }> {
  return run('env', ['-u', 'NODE_OPTIONS', ...command], { cwd, timeout: 120_000 })
}

/** A folder with the projects, the tools, and the package as `npm publish` would send it. */
export async function install (): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fastify-sockets-toolchain-'))
  await cp(join(SOURCE, 'projects'), folder, { recursive: true })
  for (const file of ['package.json', 'package-lock.json']) await cp(join(SOURCE, file), join(folder, file))
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund']
  await plainly(ROOT, 'npm', 'pack', '--ignore-scripts', '--pack-destination', folder)
  await plainly(folder, 'npm', 'ci', ...quietly)
  const tarball = (await readdir(folder)).find(name => name.endsWith('.tgz'))!
  await plainly(folder, 'npm', 'install', '--no-save', ...quietly, `./${tarball}`)
  return folder
}

/** What a program has printed, and after it how it failed, if it did. */
export async function output (cwd: string, ...command: string[]): Promise<string> {
  try {
    const { stdout } = await plainly(cwd, ...command)
    return stdout.trim()
  } catch (error) {
    const { message, stdout, stderr } = error as Error & { stdout: string, stderr: string }
    return [message, stdout, stderr].join('\n')
  }
}

/** Does all of it, two at a time. */
export async function inPairs<Item> (items: Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const left = items.values()
  const worker = async (): Promise<void> => { for (const item of left) await work(item) }
  await Promise.all([worker(), worker()])
}
