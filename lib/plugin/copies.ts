import type { FastifyInstance } from 'fastify'
import { FST_ERR_WS_TWO_VERSIONS } from '../errors.ts'

/** That of package.json. */
export const VERSION = '0.1.0'

/** What copies of this package that share their objects have in common: of a version below 1.0 its minor number, too. */
const [, COMPATIBLE] = /^(0\.\d+|\d+)/.exec(VERSION)!

/** Where an app carries the versions that are loaded beside it: the same for all versions. */
const kVersions = Symbol.for('fastify-sockets.versions')

/** A key that copies of this package share, if their versions are compatible. */
export function sharedSymbol (name: string): symbol {
  return Symbol.for(`fastify-sockets@${COMPATIBLE}.${name}`)
}

/** Notes that this version sees the routes of an app. */
export function noteVersion (root: FastifyInstance & { [kVersions]?: Map<string, string> }): void {
  (root[kVersions] ??= new Map()).set(COMPATIBLE!, VERSION)
}

/**
 * Two versions that are not compatible would both take over its routes.
 *
 * @throws {FST_ERR_WS_TWO_VERSIONS}
 */
export function checkVersions (root: FastifyInstance & { [kVersions]?: Map<string, string> }): void {
  const versions = [...root[kVersions]!.values()]
  if (versions.length > 1) throw new FST_ERR_WS_TWO_VERSIONS(versions.sort().join(' and '))
}
