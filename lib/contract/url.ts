import { fault } from './fault.ts'

/**
 * What Fastify's router puts values into: `:name`, `:name(regex)` with groups in groups, `:name?` at the end, `*`; a double colon is a
 * colon.
 */
const PLACES = /::|(\/?):(\w+)(?:\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))?(\?)?|\*/g

/**
 * The URL of a route with the values of its parameters.
 *
 * @throws {FST_ERR_WS_CLIENT_PARAM} a value is missing, or no URL can carry it
 */
export function fillUrl (url: string, params: { readonly [name: string]: any }): string {
  return url.replace(PLACES, (place: string, slash: string, name = '*', optional?: string) => {
    if (place === '::') return ':'
    const value = params[name] ?? ''
    if (optional && value === '') return ''
    try {
      const text = encodeURIComponent(value)
      // A segment of dots is not a name but a way up, even if it is encoded.
      if (name === '*') {
        if (!/(^|%2F)\.\.?(%2F|$)/.test(text)) return text.replace(/%2F/g, '/')
      } else if (!/^\.{0,2}$/.test(text)) return slash + text
    } catch {
      // Half of a surrogate pair.
    }
    throw fault('FST_ERR_WS_CLIENT_PARAM', `bad parameter ${name}: ${String(value)}`)
  })
}
