import type { FastifyRequest } from 'fastify'
import type { OriginPolicy } from '../../types/options.ts'

/** Whether an `Origin` header may open a connection (RFC 6455 §10.2). */
export type OriginCheck = (origin: string, request: FastifyRequest) => boolean | Promise<boolean>

/** Compiles a policy into a check; null if every origin is allowed. */
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
  // Browsers send this for a page without an origin.
  if (value === 'null') return true
  if (!URL.canParse(value)) return false
  const { origin, protocol, host } = new URL(value)
  // The URL standard gives other schemes, such as those of browser extensions, no origin.
  return value === (origin === 'null' ? `${protocol}//${host}` : origin)
}

/** The schemes of web pages, and those that native clients write instead. No page has ws or wss. */
const WEB: Record<string, 'http' | 'https'> = { http: 'http', https: 'https', ws: 'http', wss: 'https' }

const DEFAULT_PORTS = { http: ':80', https: ':443' }

/**
 * Rewrites an origin as a browser would write it. Native clients may write the scheme of their URL, capitals and the default
 * port. Anything else that a URL parser would accept is refused: other notations of an address, user information, a path, a
 * port of five zeros. A browser has only one way to write an origin, so no page could have sent any of these.
 *
 * @returns null if it is not an origin of the web
 */
function normalize (origin: string): string | null {
  // ASCII only: beyond it, some characters turn into others in lower case.
  const [, scheme, host] = /^(https?|wss?):\/\/([!-~]+)$/i.exec(origin) ?? []
  if (scheme === undefined) return null
  const web = WEB[scheme.toLowerCase()]!
  const written = `${web}://${host!.toLowerCase()}`
  if (!URL.canParse(written)) return null
  const parsed = new URL(written).origin
  return written === parsed || written === parsed + DEFAULT_PORTS[web] ? parsed : null
}

/** The pair that last passed as the same host: most handshakes of a server repeat it. */
let lastOrigin = ''
let lastHost = ''

/** Whether origin and `Host` are the same. `Host` may carry the default port of the origin's scheme, or none. */
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
  // A global or sticky pattern would continue after its last match.
  pattern.lastIndex = 0
  return pattern.test(origin)
}
