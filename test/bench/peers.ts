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

/** Versions of all that the benchmark's own package names and that is there. */
export function versions (): Record<string, string> {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(new URL('package.json', FOLDER), 'utf8'))
  const names = Object.keys({ ...dependencies, ...optionalDependencies }).filter(isInstalled)
  return Object.fromEntries(names.map(name => {
    return [name, JSON.parse(readFileSync(file(`${name}/package.json`), 'utf8')).version]
  }))
}
