export function queryString (values: object): string {
  const text = new URLSearchParams(values as any).toString()
  return text && '?' + text
}
