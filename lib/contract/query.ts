/** A URL with a query: what is undefined or null is left out, an array is repeated, a Date is written as in JSON. */
export function withQuery (url: string, values: object): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    for (const one of [value].flat()) if (one != null) query.append(name, one.toJSON?.() ?? one)
  }
  const text = String(query)
  return text ? url + (url.includes('?') ? '&' : '?') + text : url
}
