import { fault } from './fault.ts'

/** What Fastify's router puts values into: `:name`, `:name(regex)`, `:name?` at the end, `*`; a double colon is a colon. */
const PLACES = /::|(\/?):(\w+)(?:\((?:[^()]|\([^()]*\))*\))?(\?)?|\*/g

/**
 * The URL of a route with the values of its parameters.
 *
 * @throws {FST_ERR_WS_CLIENT_PARAM} a value is missing, or no URL can carry it
 */
export function fillUrl (url: string, params: { readonly [name: string]: unknown }): string {
  return url.replace(PLACES, (place: string, slash: string | undefined, name: string | undefined, optional: string | undefined) => {
    if (place === '::') return ':'
    if (name === undefined) return String(params['*'] ?? '').split('/').map(part => encoded('*', part)).join('/')
    const value = params[name]
    return optional && value === undefined ? '' : slash + encoded(name, value ?? '')
  })
}

function encoded (name: string, value: unknown): string {
  const text = String(value)
  try {
    // A segment of dots is not a name but a way up, even if it is encoded.
    if (name === '*' || !/^\.{0,2}$/.test(text)) return encodeURIComponent(text)
  } catch {
    // Half of a surrogate pair.
  }
  throw fault('FST_ERR_WS_CLIENT_PARAM', `the parameter '${name}' needs a value other than '${text}'`)
}
