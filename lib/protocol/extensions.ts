/** One element of `Sec-WebSocket-Extensions` (RFC 6455 §9.1). */
export interface Extension {
  name: string
  /** In order, repetitions included; null: the parameter has no value. */
  parameters: Array<[name: string, value: string | null]>
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const IS_TOKEN = new RegExp(`^${TOKEN}$`)

/** The grammar is that of RFC 2616 §2.1, which allows white space between tokens and empty elements in a list. */
const NAME = new RegExp(`[ \\t]*(${TOKEN})[ \\t]*`, 'y')
const PARAMETER = new RegExp(`;[ \\t]*(${TOKEN})[ \\t]*(?:=[ \\t]*(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)")[ \\t]*)?`, 'y')
const COMMAS = /[ \t]*(?:,[ \t]*)*/y

/** The elements of the header, in order; null if it does not follow the grammar (RFC 6455 §9.1). */
export function parseExtensions (header: string): Extension[] | null {
  const extensions: Extension[] = []
  let at = 0
  function next (pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = at
    const match = pattern.exec(header)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  next(COMMAS)
  do {
    const name = next(NAME)
    if (name === null) return null
    const extension: Extension = { name: name[1]!, parameters: [] }
    for (let match = next(PARAMETER); match !== null; match = next(PARAMETER)) {
      const [, parameter, token, quoted] = match
      const value = quoted === undefined ? token ?? null : quoted.replace(/\\(.)/g, '$1')
      // RFC 6455 §9.1: a quoted value must be a token as well.
      if (value !== null && !IS_TOKEN.test(value)) return null
      extension.parameters.push([parameter!, value])
    }
    extensions.push(extension)
    if (at < header.length && header[at] !== ',') return null
    next(COMMAS)
  } while (at < header.length)
  return extensions
}

/** Formats an element for the header. */
export function formatExtension ({ name, parameters }: Extension): string {
  return [name, ...parameters.map(([parameter, value]) => value === null ? parameter : `${parameter}=${value}`)].join('; ')
}

/** Whether a word is a token (RFC 9110 §5.6.2), as the names of subprotocols and extensions must be. */
export function isToken (word: string): boolean {
  return IS_TOKEN.test(word)
}
