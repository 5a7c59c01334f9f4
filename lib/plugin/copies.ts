import type { FastifyInstance } from 'fastify'
import { FST_ERR_WS_TWO_VERSIONS } from '../errors.ts'

/** The version in package.json. */
export const VERSION = '0.1.0'

/** Copies of this package with the same value share their objects: the major version, below 1.0 with the minor version. */
const [, COMPATIBLE] = /^(0\.\d+|\d+)/.exec(VERSION)!

/** The key of an app's list of loaded versions; the same in every version of this package. */
const kVersions = Symbol.for('fastify-sockets.versions')

/** A key that copies of this package share if their versions are compatible. */
export function sharedSymbol (name: string): symbol {
  return Symbol.for(`fastify-sockets@${COMPATIBLE}.${name}`)
}

/** Notes that this version sees an app's routes. */
export function noteVersion (root: FastifyInstance & { [kVersions]?: Map<string, string> }): void {
  (root[kVersions] ??= new Map()).set(COMPATIBLE!, VERSION)
}

/**
 * Refuses two incompatible versions: both would take over the app's routes.
 *
 * @throws {FST_ERR_WS_TWO_VERSIONS}
 */
export function checkVersions (root: FastifyInstance & { [kVersions]?: Map<string, string> }): void {
  const versions = [...root[kVersions]!.values()]
  if (versions.length > 1) throw new FST_ERR_WS_TWO_VERSIONS(versions.sort().join(' and '))
}
