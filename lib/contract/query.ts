import { fault } from './fault.ts'

/**
 * A URL with a query: what is undefined or null is left out, an array is repeated, a Date is written as in JSON.
 *
 * @throws {FST_ERR_WS_CLIENT_PARAM} a value cannot be text
 */
export function withQuery (url: string, values: object): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    try {
      for (const one of [value].flat()) if (one != null) query.append(name, one.toJSON?.() ?? one)
    } catch (cause) {
      throw fault('FST_ERR_WS_CLIENT_PARAM', `bad parameter ${name}`, cause)
    }
  }
  const text = String(query)
  return text ? url + (url.includes('?') ? '&' : '?') + text : url
}
