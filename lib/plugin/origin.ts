import type { FastifyRequest } from 'fastify'
import type { OriginPolicy } from '../../types/options.ts'

/** Decides on the `Origin` header of a handshake (RFC 6455 §10.2). */
export type OriginCheck = (origin: string, request: FastifyRequest) => boolean | Promise<boolean>

/** Makes the check of a policy; null where every origin is allowed. */
export function compileOrigin (policy: OriginPolicy): OriginCheck | null {
  if (policy === true) return null
  if (policy === 'same-host') return isSameHost
  if (typeof policy === 'function') return policy
  const allowed = [policy].flat()
  return origin => allowed.some(item => typeof item === 'string' ? item === origin : matches(item, origin))
}

/** Whether a string is an origin as a browser writes one: no path, no trailing slash, no default port. */
export function isOrigin (value: string): boolean {
  if (!URL.canParse(value)) return false
  const { origin, protocol, host } = new URL(value)
  // Schemes that are not of the web, such as browser extensions, have no origin in the URL standard.
  return value === (origin === 'null' ? `${protocol}//${host}` : origin)
}

/** The pair that was last found to be of the same host: a server hears few others. */
let lastOrigin = ''
let lastHost = ''

/**
 * Pages of the web have http or https. Browsers write an origin in one way only, so whatever differs is a forgery. The host that the client
 * asked for may carry the default port or none.
 */
function isSameHost (origin: string, request: FastifyRequest): boolean {
  const { host } = request
  if (origin === lastOrigin && host === lastHost) return true
  if (!URL.canParse(origin)) return false
  const url = new URL(origin)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return false
  const asked = `${url.protocol}//${host}`
  if (url.origin !== origin || !URL.canParse(asked) || new URL(asked).href !== url.href) return false
  lastOrigin = origin
  lastHost = host
  return true
}

function matches (pattern: RegExp, origin: string): boolean {
  // A global or sticky pattern would go on from its last match.
  pattern.lastIndex = 0
  return pattern.test(origin)
}
