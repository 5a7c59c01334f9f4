import type { FastifyRequest } from 'fastify'
import type { OriginPolicy } from '../../types/options.ts'

/** Decides on the `Origin` header of a handshake (RFC 6455 §10.2). */
export type OriginCheck = (origin: string, request: FastifyRequest) => boolean | Promise<boolean>

/** Makes the check of a policy; null where every origin is allowed. */
export function compileOrigin (policy: OriginPolicy): OriginCheck | null {
  if (policy === true) return null
  if (policy === 'same-host') return isSameHost
  if (typeof policy === 'function') return policy
  const list = [policy].flat()
  const allowed = new Set(list.filter(item => typeof item === 'string').map(item => normalize(item) ?? item))
  const patterns = list.filter(item => item instanceof RegExp)
  return origin => allowed.has(origin) || allowed.has(normalize(origin) ?? '') || patterns.some(pattern => matches(pattern, origin))
}

/** Whether a string is an origin as a browser writes one: no path, no trailing slash, no default port. */
export function isOrigin (value: string): boolean {
  // What browsers send where a page has none.
  if (value === 'null') return true
  if (!URL.canParse(value)) return false
  const { origin, protocol, host } = new URL(value)
  // Schemes that are not of the web, such as browser extensions, have no origin in the URL standard.
  return value === (origin === 'null' ? `${protocol}//${host}` : origin)
}

/** Schemes of the web, and those that native clients write in their place. No page has ws or wss. */
const WEB: Record<string, 'http' | 'https'> = { http: 'http', https: 'https', ws: 'http', wss: 'https' }

const DEFAULT_PORTS = { http: ':80', https: ':443' }

/**
 * An origin as a browser writes it. Native clients write the scheme of their URL, capitals and the default port; nothing
 * else is forgiven, though URL parsers do: other ways to write an address, user information, a path, a port of five zeros.
 * A browser writes an origin in one way only, so none of this is one that a page could have.
 *
 * @returns null: it is no origin of the web
 */
function normalize (origin: string): string | null {
  // ASCII alone: beyond it some characters become others in lower case.
  const [, scheme, host] = /^(https?|wss?):\/\/([!-~]+)$/i.exec(origin) ?? []
  if (scheme === undefined) return null
  const web = WEB[scheme.toLowerCase()]!
  const written = `${web}://${host!.toLowerCase()}`
  if (!URL.canParse(written)) return null
  const parsed = new URL(written).origin
  return written === parsed || written === parsed + DEFAULT_PORTS[web] ? parsed : null
}

/** The pair that was last found to be of the same host: a server hears few others. */
let lastOrigin = ''
let lastHost = ''

/** The host that the client asked for may carry the default port of the origin's scheme or none. */
function isSameHost (origin: string, request: FastifyRequest): boolean {
  const { host } = request
  if (origin === lastOrigin && host === lastHost) return true
  const normalized = normalize(origin)
  if (normalized === null) return false
  const asked = `${normalized.slice(0, normalized.indexOf(':'))}://${host}`
  if (!URL.canParse(asked) || new URL(asked).href !== `${normalized}/`) return false
  lastOrigin = origin
  lastHost = host
  return true
}

function matches (pattern: RegExp, origin: string): boolean {
  // A global or sticky pattern would go on from its last match.
  pattern.lastIndex = 0
  return pattern.test(origin)
}
