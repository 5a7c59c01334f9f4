/** A URL with a query: what is undefined or null is left out, an array is repeated, a Date is written as in JSON. */
export function withQuery (url: string, values: object): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    for (const one of [value].flat()) if (one != null) query.append(name, one instanceof Date ? one.toJSON() : one)
  }
  const text = query.toString()
  return text === '' ? url : url + (url.includes('?') ? '&' : '?') + text
}
