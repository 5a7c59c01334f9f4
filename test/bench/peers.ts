import { createRequire } from 'node:module'

/**
 * Loads what the benchmark measures against from the folder that installs it. Untyped: most of it is not there when the
 * project is compiled.
 */
export const requirePeer: (name: string) => any =
  createRequire(new URL('test/bench/package.json', import.meta.resolve('fastify-sockets/package.json')))
