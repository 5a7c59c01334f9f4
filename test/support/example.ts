import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { plainNode } from './plain-node.ts'

const root = new URL('.', import.meta.resolve('fastify-sockets/package.json'))

/** An example that runs as a process of its own. */
export interface Example {
  /** Such as `http://127.0.0.1:41234`. */
  url: string
  child: ChildProcess
  /** What it has printed on its standard output so far. */
  lines: string[]
  /** Ends it; resolves with its exit code, or null if the signal ended it. */
  stop (signal?: NodeJS.Signals): Promise<number | null>
}

/**
 * Starts an example on a free port and waits until it listens.
 *
 * @param file its name, for the compiled example, or its path in the package
 * @param env added to its environment
 */
export async function startExample (file: string, env: Record<string, string> = {}): Promise<Example> {
  const path = file.includes('/') ? file : `dist/examples/${file}.js`
  const child = spawn(...plainNode(fileURLToPath(new URL(path, root))), {
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const exit = once(child, 'exit') as Promise<[number | null]>
  const lines: string[] = []
  const url = await Promise.race([
    address(child, lines),
    exit.then(([code]) => { throw new Error(`${path} ended with ${code} before it listened`) })
  ])
  return {
    url,
    child,
    lines,
    async stop (signal = 'SIGTERM') {
      child.kill(signal)
      const [code] = await exit
      return code
    }
  }
}

/** Reads the log until it tells the address, and goes on reading. */
function address (child: ChildProcess, lines: string[]): Promise<string> {
  return new Promise(resolve => {
    createInterface({ input: child.stdout! }).on('line', line => {
      lines.push(line)
      const url = /Server listening at (https?:[^"]+)/.exec(line)?.[1]
      if (url !== undefined) resolve(url)
    })
  })
}
