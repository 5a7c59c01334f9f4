import { spawnSync } from 'node:child_process'

/** Debian has servers where not everybody looks. */
export function environment (): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }
}

const hasSetpriv = spawnSync('setpriv', ['--version']).status === 0

/** The kernel ends the program when this process dies, in whatever way. */
export function dyingWithUs (command: string, args: string[], signal = 'KILL'): [program: string, args: string[]] {
  return hasSetpriv ? ['setpriv', ['--pdeathsig', signal, command, ...args]] : [command, args]
}
