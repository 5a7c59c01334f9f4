export function fillUrl (url: string, params: object): string {
  return url.replace(/:(\w+)/g, (_, name) => encodeURIComponent((params as any)[name]))
}
