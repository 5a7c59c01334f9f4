import { fault } from './fault.ts'

/**
 * What Fastify's router puts values into: `:name`, `:name(regex)` with groups in groups, `:name?` at the end, `*`; a double colon is a
 * colon. In front of a name: its slash, or what alone is between it and another one in its segment.
 */
const PLACES = /::|(\/|(?<=:[^:()/.?-]+([^:]*?)|)):([^:()/.?-]+)(\(([^()]|\(([^()]|\([^()]*\))*\))*\)|\?(?=\/?$)|)|\*/g

/**
 * The URL of a route with the values of its parameters.
 *
 * @throws {FST_ERR_WS_CLIENT_PARAM} a value is missing, or no URL can carry it
 */
export function fillUrl (url: string, params: { readonly [name: string]: any }): string {
  return url.replace(PLACES, (place: string, slash: string, between = '/', name?: string, end?: string) => {
    if (place === '::') return ':'
    const value = params[name ?? '*'] ?? ''
    if (end === '?' && value === '') return ''
    try {
      // An object is no value, but may be what all objects inherit, such as a constructor.
      if (Object(value) === value) throw 0
      const text = encodeURIComponent(value)
      // A segment of dots is not a name but a way up, even if it is encoded.
      if (name) {
        // Of `5--16` by `/:lat-:lng` the router makes `5-` and `16`.
        if (!/^\.?\.?$/.test(text) && (end![1] || !text.includes(between))) return slash + text
      } else if (!/(^|%2F)\.\.?(%2F|$)/.test(text)) return text.replace(/%2F/g, '/')
    } catch {
      // No text, or half of a surrogate pair.
    }
    throw fault('FST_ERR_WS_CLIENT_PARAM', `bad parameter ${place}`)
  })
}
