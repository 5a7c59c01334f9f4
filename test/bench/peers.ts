import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const FOLDER = new URL('test/bench/', import.meta.resolve('fastify-sockets/package.json'))

/**
 * Loads what the benchmark measures against from the folder that installs it. Untyped: most of it is not there when the
 * project is compiled.
 */
export const requirePeer: (name: string) => any = createRequire(new URL('package.json', FOLDER))

export const BUN = '@oven/bun-linux-x64'

function file (name: string): URL {
  return new URL(`node_modules/${name}`, FOLDER)
}

export function isInstalled (name: string): boolean {
  return existsSync(file(`${name}/package.json`))
}

export function bunPath (): string {
  return file(`${BUN}/bin/bun`).pathname
}

/** Of those that are installed. */
export function versions (names: string[]): Record<string, string> {
  return Object.fromEntries(names.filter(isInstalled).map(name => {
    return [name, JSON.parse(readFileSync(file(`${name}/package.json`), 'utf8')).version]
  }))
}
